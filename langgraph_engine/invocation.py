"""One call of ``stream``, ``astream``, ``invoke`` or ``ainvoke``: from its arguments to a loop.

arguments -> config, defaults, callback manager   (``Invocation``)
          -> the root run is announced to callbacks  (by the caller: sync or async)
          -> stream handlers, runtime, loop          (``Invocation.start``)
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langgraph.config import get_config
from langgraph.constants import TAG_HIDDEN
from langgraph.errors import (
    ErrorCode,
    GraphDrained,
    GraphRecursionError,
    create_error_message,
)
from langgraph.runtime import RunControl, Runtime
from langgraph.warnings import LangGraphDeprecatedSinceV10

from langgraph_engine import upstream
from langgraph_engine.compiled import compiled
from langgraph_engine.execute import Streamed
from langgraph_engine.listeners import UnheardRun, callback_manager, mark, nobody_listens
from langgraph_engine.protocol import Engine
from langgraph_engine.quiet_config import nested_config, root_config
from langgraph_engine.streams import Latest

if TYPE_CHECKING:
    from langgraph_engine.loop import Loop

__all__ = ["Invocation"]

CONF = upstream.CONF
_DIRECT_MODES = {"values", "updates"}
_NOT_ORDINARY = upstream.KEYS_OF_RUNS | {"assistant_id", "graph_id", "langgraph_auth_user"}
"""What is configurable in calls made inside of runs, of runs that go on, and by LangGraph's server."""


class Invocation:
    """The arguments of one call, defaults applied, and what is made from them.

    Attributes:
        config: The run's config.
        modes: Every stream mode asked for, to be streamed or printed.

    The other attributes a loop reads are those of ``LoopOptions``.
    """

    def __init__(
        self,
        graph: upstream.AnyPregel,
        engine: Engine,
        input: Any,
        config: Any,
        *,
        is_async: bool,
        context: Any = None,
        stream_mode: Any = None,
        print_mode: Any = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: Any = None,
        control: RunControl | None = None,
        subgraphs: bool = False,
        debug: bool | None = None,
        version: str = "v1",
        **deprecated: Any,
    ) -> None:
        self.graph, self.engine, self.input = graph, engine, input
        self.is_async = is_async
        self.context, self.control = context, control
        self.subgraphs, self.version = subgraphs, version
        self._durability = _durability(durability, deprecated.get("checkpoint_during"))
        if stream_mode is None:
            # As a node of another graph: the state after each superstep.
            is_node = config is not None and upstream.CONFIG_KEY_TASK_ID in config.get(CONF, {})
            stream_mode = "values" if is_node else graph.stream_mode
        self.stream_mode = stream_mode
        self.print_mode: Any = ["updates", "values"] if debug or graph.debug else print_mode
        self._given = (output_keys, interrupt_before, interrupt_after)
        made = None if graph.config else root_config(config)
        self._is_from_outside = made is not None
        if made is None and not graph.config:
            made = nested_config(config)
        self.config = made or upstream.ensure_config(graph.config, config)
        self.event_loop: Any = asyncio.get_running_loop() if is_async else None
        self.waits_for_stream = False
        self._handlers: list[Any] = []
        self.manager: Any = None
        self._runtime: Runtime[Any] | None = None
        self.graph_callbacks: Any = None

    def is_unwatched(self) -> bool:
        """Whether it is an ordinary call from outside, and its run is one that nobody listens to and nothing is saved of.

        What was asked for by the call itself is not looked at.
        """
        graph, config = self.graph, self.config
        return (
            self._is_from_outside
            and (graph.checkpointer is None or graph.checkpointer is False)
            and graph.cache is None
            and not (
                graph.interrupt_before_nodes or graph.interrupt_after_nodes or graph.stream_eager
            )
            and _is_direct(graph)
            and config["recursion_limit"] >= 1
            and _NOT_ORDINARY.isdisjoint(config[CONF])
            and nobody_listens(config, is_async=self.is_async)
        )

    def apply_defaults(self) -> None:
        """Fill in what the call left open from the graph and its config.

        Raises:
            ValueError: The recursion limit, output keys or checkpointer config can't be used.
        """
        output_keys, before, after = self._given
        (
            self.modes,
            self.output_keys,
            self.interrupt_before,
            self.interrupt_after,
            self.checkpointer,
            self.store,
            self.cache,
            self.durability,
        ) = self.graph._defaults(
            self.config,
            stream_mode=self.stream_mode,
            print_mode=self.print_mode,
            output_keys=output_keys,
            interrupt_before=before,
            interrupt_after=after,
            durability=self._durability,
        )
        self.waits_for_stream = (
            self.graph.stream_eager
            or self.subgraphs
            or "messages" in self.modes
            or "custom" in self.modes
        )

    def unheard_run(self) -> UnheardRun | None:
        """The root run, if there is nobody to announce it to and no stream to listen for."""
        if "messages" in self.modes or "tools" in self.modes:
            return None
        if nobody_listens(self.config, is_async=self.is_async):
            return UnheardRun(self.config, is_async=self.is_async)
        return None

    def make_callbacks(self) -> Any:
        """The callback manager the root run is announced to."""
        callbacks = callback_manager(self.config, is_async=self.is_async)
        if callbacks.handlers or callbacks.inheritable_handlers:
            if "messages" in self.modes and self.version != "v2":
                _drop_handlers(callbacks, lambda h: isinstance(h, upstream.StreamMessagesHandlerV2))
            if upstream.CONFIG_KEY_TASK_ID not in self.config[CONF]:
                # Not a task: a caller's stream of its own graph only is not for this one's events.
                _drop_handlers(callbacks, upstream.streams_only_its_graph)
        mark(callbacks, self.config)
        return callbacks

    def announcement(self) -> dict[str, Any]:
        """What the root run is announced with: its name and id."""
        return {
            "name": self.config.get("run_name", self.graph.get_name()),
            "run_id": self.config.get("run_id"),
        }

    def announced(self, manager: Any) -> None:
        """Take note of the root run; nodes' runs are its children."""
        self.manager = manager
        if self.config.get("callbacks") and not isinstance(manager, UnheardRun):
            make = (
                upstream.get_async_graph_callback_manager_for_config
                if self.is_async
                else upstream.get_sync_graph_callback_manager_for_config
            )
            self.graph_callbacks = make(self.config, run_id=manager.run_id)

    def make_loop(
        self,
        loop_class: type[Any],
        put: Callable[[Any], None],
        put_threadsafe: Callable[[Any], None],
        latest: Latest | None,
    ) -> Any:
        """Make the loop of this call.

        Args:
            loop_class: ``SyncLoop`` or ``AsyncLoop``.
            put: Takes stream chunks from the thread the loop runs in.
            put_threadsafe: Takes stream chunks from any thread.
            latest: The stream of an ``invoke``, if it is one that only wants the last state.
        """
        if self._durability is not None and self.checkpointer is None:
            warnings.warn_explicit(
                "`durability` has no effect when no checkpointer is present.",
                UserWarning,
                # Where LangGraph warns: filters go by it.
                filename=upstream.pregel_main.__file__ or "",
                lineno=1,
                module=upstream.pregel_main.__name__,
                # Where what was said once is noted.
                registry=vars(upstream.pregel_main).setdefault("__warningregistry__", {}),
            )
        graph = self.graph
        self.config = config = graph._own_checkpoint_config(self.config)
        conf = config[CONF]
        self._add_stream_handlers(conf, put_threadsafe)
        if self._durability is not None:
            conf[upstream.CONFIG_KEY_DURABILITY] = self.durability
        self._begin_runtime(conf, put_threadsafe)
        manager = self.manager
        self.direct = not (
            manager.handlers
            or manager.inheritable_handlers
            or self.waits_for_stream
            or not self.modes <= _DIRECT_MODES
            or self.interrupt_before
            or self.interrupt_after
            or self.cache is not None
            or not _is_direct(graph)
            or upstream.CONFIG_KEY_STREAM in conf
            or upstream.CONFIG_KEY_NODE_FINISHED in conf
            or upstream.CONFIG_KEY_RUNNER_SUBMIT in conf
        )
        stream = upstream.StreamProtocol(put, self.modes)
        return loop_class(compiled(graph, self.engine), self, stream, latest)

    def opened(self, loop: Loop) -> None:
        """The loop knows its namespace now: tell the handlers that stream, and let subgraphs stream."""
        for handler in self._handlers:
            handler.parent_ns = loop.checkpoint_ns

    def _add_stream_handlers(self, conf: Any, put: Callable[[Any], None]) -> None:
        if "messages" in self.modes:
            second = self.version == "v2" and conf.get(upstream.CONFIG_KEY_STREAM_MESSAGES_V2)
            kind = upstream.StreamMessagesHandlerV2 if second else upstream.StreamMessagesHandler
            self._handlers.append(kind(put, self.subgraphs))
        if "tools" in self.modes:
            self._handlers.append(upstream.StreamToolCallHandler(put, self.subgraphs))
        if self._handlers:
            self.manager.inheritable_handlers.extend(self._handlers)

    def _begin_runtime(self, conf: Any, put: Callable[[Any], None]) -> None:
        """Take note of what the run's runtime is made of, and say what is wrong with it."""
        parent = upstream.DEFAULT_RUNTIME
        if (given := conf.get(upstream.CONFIG_KEY_RUNTIME)) is not None:
            parent = upstream.coerce_parent_runtime(given)
        if "custom" in self.modes:
            writer = _custom_writer(put)
        elif upstream.CONFIG_KEY_STREAM in conf:
            writer = conf[upstream.CONFIG_KEY_RUNTIME].stream_writer
        else:
            writer = _no_writer
        context = upstream.coerce_context(self.graph.context_schema, self.context) or None
        server_info = upstream.build_server_info(self.config, parent)
        self.control = self.control or parent.control or RunControl()
        self._of_runtime = parent, context, writer, server_info
        conf[upstream.CONFIG_KEY_RUNTIME] = None  # its place
        if context is not None:  # what is true of it now counts
            self._runtime = self._merged_runtime()

    def make_runtime(self) -> Runtime[Any]:
        """The run's runtime, which only code that looks for it needs."""
        return self._merged_runtime() if self._runtime is None else self._runtime

    def _merged_runtime(self) -> Runtime[Any]:
        parent, context, writer, server_info = self._of_runtime
        own: Runtime[Any] = Runtime(
            context=context,
            store=self.store or None,
            stream_writer=writer,
            server_info=server_info,
            control=self.control,
        )
        return own if parent is upstream.DEFAULT_RUNTIME else parent.merge(own)

    def lifecycle_events(self, loop: Loop) -> list[tuple[Any, Any]]:
        """Graph lifecycle events since the last call, each with who to tell."""
        events: list[tuple[Any, Any]] = []
        callbacks = self.graph_callbacks
        while loop.lifecycle_events:
            event = loop.lifecycle_events.popleft()
            if callbacks is None or not callbacks.handlers:
                continue
            resumed = isinstance(event, upstream.GraphResumeEvent)
            call = callbacks.on_resume if resumed else callbacks.on_interrupt
            events.append((call, _with_run_id(event, callbacks.run_id)))
        return events

    def output(self, getter: Callable[[], Any], empty: type[Exception]) -> Iterator[Any]:
        """What the stream holds, in the form the caller asked for."""
        second = self.version == "v2"
        return upstream.format_output(
            self.stream_mode,
            self.print_mode,
            self.subgraphs,
            getter,
            empty,
            self.version,  # type: ignore[arg-type]
            self.graph._output_mapper if second else None,
            self.graph._state_mapper if second else None,
        )

    def streamed(self) -> Streamed | None:
        """The chunks an engine may stream itself; None if they are more than values and updates as they are."""
        if self.print_mode or self.version != "v1" or not self.modes <= _DIRECT_MODES:
            return None
        return Streamed(
            updates="updates" in self.modes,
            values="values" in self.modes,
            named=isinstance(self.stream_mode, list),
            hidden=TAG_HIDDEN in (self.config.get("tags") or ()),
            output_keys=self.output_keys,
        )

    def check_end(self, loop: Loop) -> None:
        """Raise if the run stopped before it was done."""
        if loop.status == "out_of_steps":
            raise GraphRecursionError(
                create_error_message(
                    message=f"Recursion limit of {self.config['recursion_limit']} reached without "
                    "hitting a stop condition. You can increase the limit by setting the "
                    "`recursion_limit` config key.",
                    error_code=ErrorCode.GRAPH_RECURSION_LIMIT,
                )
            )
        if loop.status == "draining":
            if loop.control is None:
                raise RuntimeError("Draining status requires run control")
            raise GraphDrained(loop.control.drain_reason or "shutdown")


def _is_direct(graph: upstream.AnyPregel) -> bool:
    """Whether tasks may be called directly, as far as what all nodes of the graph have in common goes."""
    return not (
        graph.step_timeout is not None
        or graph.retry_policy
        or graph.cache_policy
        or graph.node_error_handler_map
    )


def _durability(durability: Any, checkpoint_during: bool | None) -> Any:
    if checkpoint_during is None:
        return durability
    warnings.warn(
        "`checkpoint_during` is deprecated and will be removed. Please use `durability` instead.",
        category=LangGraphDeprecatedSinceV10,
        stacklevel=5,
    )
    if durability is not None:
        raise ValueError(
            "Cannot use both `checkpoint_during` and `durability` parameters. "
            "Please use `durability` instead."
        )
    return "async" if checkpoint_during else "exit"


def _drop_handlers(callbacks: Any, unwanted: Callable[[Any], bool]) -> None:
    callbacks.handlers = [h for h in callbacks.handlers if not unwanted(h)]
    callbacks.inheritable_handlers = [h for h in callbacks.inheritable_handlers if not unwanted(h)]


def _with_run_id(event: Any, run_id: Any) -> Any:
    return replace(event, run_id=run_id)


def _custom_writer(put: Callable[[Any], None]) -> Callable[[Any], None]:
    def stream_writer(chunk: Any) -> None:
        namespace = get_config()[CONF][upstream.CONFIG_KEY_CHECKPOINT_NS]
        put((tuple(namespace.split(upstream.NS_SEP)[:-1]), "custom", chunk))

    return stream_writer


def _no_writer(chunk: Any) -> None:
    """Where nobody asked for custom chunks."""
