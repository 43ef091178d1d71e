"""What an app of the corpus is made of: an environment to build in and the steps to run.

An app is a module of `tests/apps` with

* a docstring whose first line says what it shows,
* `build(env)`: the compiled graph, built afresh for each run,
* `steps(env)`: what its user does with the graph, in order,

and, where they differ from the default,

* `raises`: names of the exceptions its steps end in on stock LangGraph, in order,
* `raises_before`: the same for releases of LangGraph before a certain one,
* `modes`: `("sync",)` or `("async",)` for an app that makes sense in one of them only,
* `watches`: `("quiet",)` for an app where a callback handler hears of things in no certain order,
* `ids`: `"numbered"` for an app with a saver in which some ids are stored nowhere all the same,
* `handed_back`: why an engine may hand a run of this app to stock.

The same steps are run with `invoke`/`stream` and with `ainvoke`/`astream`.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

from parity.freeze import freeze

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.store.base import BaseStore


@dataclass
class Env:
    """What an app builds with. One is made for each run, so nothing leaks between runs.

    Attributes:
        is_async: Whether the steps run through the asynchronous methods.
        saver: The saver the harness reads checkpoints from; an app may replace it while building.
        store: A store, for the apps that use one.
        journal: What the app's own code noted down; part of the trace.
    """

    is_async: bool
    saver: BaseCheckpointSaver[Any] = field(default_factory=InMemorySaver)
    store: BaseStore = field(default_factory=InMemoryStore)
    journal: list[Any] = field(default_factory=list)

    def note(self, label: str, value: Any = None) -> None:
        """Write down something only the app's code can see, as it is at this moment."""
        self.journal.append([label, freeze(value)])

    def node(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself, or a coroutine function around it when the run is asynchronous.

        Without it an asynchronous run calls a plain function in a thread: real programs do that too, but
        where several tasks share a superstep it leaves their order to the thread pool.
        """
        if not self.is_async or inspect.iscoroutinefunction(function):
            return function

        @functools.wraps(function)
        async def in_event_loop(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return in_event_loop


@dataclass
class Seen:
    """What the earlier steps of a run produced, for steps that depend on it."""

    graph: Any
    results: list[Any] = field(default_factory=list)

    @property
    def last(self) -> Any:
        """The value, or the list of chunks, of the step before."""
        return self.results[-1]


@dataclass(frozen=True)
class Later:
    """An input worked out from the earlier steps, when the step is about to run."""

    function: Callable[[Seen], Any]


@dataclass
class Step:
    """One call a user makes.

    Attributes:
        input: What the call is given, or a `Later`.
        thread: The `thread_id` of the call's config; none at all if `None`.
        at: A config from earlier steps, whose configurable is added to the call's.
        config: The rest of the call's config; a watched run adds a callback handler to it.
        options: Keyword arguments of the call.
    """

    input: Any = None
    thread: str | None = "thread-1"
    at: Later | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, seen: Seen) -> Any:
        """The input, worked out now if it had to wait."""
        return self.input.function(seen) if isinstance(self.input, Later) else self.input

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        """Make the call; put what is to be recorded into `out` as soon as it is known."""
        raise NotImplementedError

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        """`run`, through the asynchronous method."""
        raise NotImplementedError


@dataclass
class Invoke(Step):
    """`graph.invoke(input)`."""

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = seen.graph.invoke(self.resolve(seen), config, **self.options)
        out["value"] = freeze(value)
        return value

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = await seen.graph.ainvoke(self.resolve(seen), config, **self.options)
        out["value"] = freeze(value)
        return value


@dataclass
class Stream(Step):
    """`graph.stream(input, stream_mode=mode)`, each chunk frozen the moment it arrives.

    Attributes:
        mode: One stream mode or several.
        stop_after: Close the stream after this many chunks.
        on_chunk: Called with each chunk; lets an app hold a task back until another one's chunk is out.
    """

    mode: str | Sequence[str] = "updates"
    subgraphs: bool = False
    stop_after: int | None = None
    on_chunk: Callable[[Any], None] | None = None

    def _arguments(self) -> dict[str, Any]:
        mode = self.mode if isinstance(self.mode, str) else list(self.mode)
        return {"stream_mode": mode, "subgraphs": self.subgraphs, **self.options}

    def _take(self, chunk: Any, chunks: list[Any], out: dict[str, Any]) -> bool:
        chunks.append(chunk)
        out["chunks"].append(freeze(chunk))
        if self.on_chunk is not None:
            self.on_chunk(chunk)
        return self.stop_after is not None and len(chunks) >= self.stop_after

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        chunks: list[Any] = []
        out["chunks"] = []
        stream = seen.graph.stream(self.resolve(seen), config, **self._arguments())
        try:
            for chunk in stream:
                if self._take(chunk, chunks, out):
                    break
        finally:
            stream.close()
        return chunks

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        chunks: list[Any] = []
        out["chunks"] = []
        stream = seen.graph.astream(self.resolve(seen), config, **self._arguments())
        try:
            async for chunk in stream:
                if self._take(chunk, chunks, out):
                    break
        finally:
            await stream.aclose()
        return chunks


@dataclass
class Update(Step):
    """`graph.update_state(config, input, as_node=...)`."""

    as_node: str | None = None

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        values = self.resolve(seen)
        value = seen.graph.update_state(config, values, as_node=self.as_node, **self.options)
        out["value"] = freeze(value)
        return value

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        values = self.resolve(seen)
        value = await seen.graph.aupdate_state(config, values, as_node=self.as_node, **self.options)
        out["value"] = freeze(value)
        return value


@dataclass
class BulkUpdate(Step):
    """`graph.bulk_update_state(config, input)`."""

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = seen.graph.bulk_update_state(config, self.resolve(seen))
        out["value"] = freeze(value)
        return value

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = await seen.graph.abulk_update_state(config, self.resolve(seen))
        out["value"] = freeze(value)
        return value


@dataclass
class State(Step):
    """`graph.get_state(config)`."""

    subgraphs: bool = False

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = seen.graph.get_state(config, subgraphs=self.subgraphs)
        out["value"] = freeze(value)
        return value

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = await seen.graph.aget_state(config, subgraphs=self.subgraphs)
        out["value"] = freeze(value)
        return value


@dataclass
class History(Step):
    """`list(graph.get_state_history(config))`.

    Attributes:
        before: The config of an earlier snapshot, worked out from the steps before.
    """

    before: Later | None = None

    def _arguments(self, seen: Seen) -> dict[str, Any]:
        before = {} if self.before is None else {"before": self.before.function(seen)}
        return {**self.options, **before}

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = list(seen.graph.get_state_history(config, **self._arguments(seen)))
        out["value"] = freeze(value)
        return value

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        history = seen.graph.aget_state_history(config, **self._arguments(seen))
        value = [snapshot async for snapshot in history]
        out["value"] = freeze(value)
        return value


@dataclass
class Do(Step):
    """Anything else: `function(graph, config)`, awaited when it has to be; what it returns is recorded."""

    function: Callable[[Any, dict[str, Any]], Any | Awaitable[Any]] = lambda graph, config: None

    def run(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = self.function(seen.graph, config)
        out["value"] = freeze(value)
        return value

    async def arun(self, seen: Seen, config: dict[str, Any], out: dict[str, Any]) -> Any:
        value = self.function(seen.graph, config)
        if inspect.isawaitable(value):
            value = await value
        out["value"] = freeze(value)
        return value
