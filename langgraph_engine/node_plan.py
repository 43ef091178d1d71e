"""How to call a node directly: worked out once per node, used by every task of it.

LangGraph runs a node as a sequence of runnables, each with a config and callback bookkeeping of its
own. When nobody is watching (no callback handler, no tracer) all that bookkeeping ends nowhere, and
the same calls can be made one after the other:

    the node's function, in a context of its own -> each writer, collecting (channel, value) pairs

A ``NodePlan`` holds those calls. A node that can't be called so (``direct`` is False) goes the long way.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import copy_context
from inspect import Parameter, isawaitable
from typing import TYPE_CHECKING, Any

from langgraph.constants import TAG_HIDDEN

from langgraph_engine import upstream

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask

__all__ = ["NodePlan", "Writer"]

_var_config = upstream.var_child_runnable_config
_PASSTHROUGH = upstream.PASSTHROUGH
_PLAIN = (dict, type(None), list, str, int)
_ANSWERS_KEPT = 256  # a router without a path map may answer with anything

Writer = Callable[[Any, "LiveTask"], Any]
"""Takes what the node returned, adds writes to the task, gives the value for the next writer."""
AsyncWriter = Callable[[Any, "LiveTask"], Awaitable[Any]]


class NodePlan:
    """Everything about a node that doesn't change from task to task.

    Attributes:
        name: The node's name.
        node: LangGraph's description of it; policies are read from it at run time.
        managed: Names of managed values among the channels it reads.
        input_key: Nodes with the same key get equal input; it is coerced once.
        as_read: Whether its input, before coercion, is just what the engine read.
        hidden: Whether the node is kept out of streams and breakpoints.
        direct: Whether ``call`` and ``acall`` may be used.
    """

    __slots__ = (
        "_accepts",
        "_bound",
        "_extra",
        "_plain",
        "_recurse",
        "_writers",
        "as_read",
        "direct",
        "hidden",
        "input_key",
        "managed",
        "name",
        "nested_run",
        "node",
    )

    def __init__(
        self,
        name: str,
        node: upstream.PregelNode,
        managed: tuple[str, ...],
        writers: Sequence[tuple[Writer, AsyncWriter | None]] | None,
    ) -> None:
        self.name = name
        self.node = node
        self.managed = managed
        self.input_key = node.input_cache_key
        self.hidden = TAG_HIDDEN in (node.tags or ())
        # Two nodes reading one channel get two copies of its value; several channels make a new dict.
        self.as_read = not managed and not isinstance(node.channels, str)
        self._writers = writers or ()
        bound = node.bound
        self._bound = bound
        self._plain = False
        self._accepts: Mapping[str, tuple[str, Any]] = {}
        self._extra: Mapping[str, Any] = {}
        self._recurse = False
        self.nested_run = False
        if type(bound) is upstream.RunnableCallable and not bound.explode_args:
            self._plain = True  # its functions are looked up when called: tests replace them
            self._accepts, self._extra = bound.func_accepts, bound.kwargs
            self._recurse = bound.recurse
            self.nested_run = bound.trace
        self.direct = (
            writers is not None
            and node.node is not None
            # A bound without writers isn't run as a sequence, so not in a context of its own.
            and (bool(writers) or bound is upstream.DEFAULT_BOUND)
            and node.trace_policy is None
            and node.error_handler_node is None
            and node.timeout is None
        )

    @classmethod
    def of(cls, name: str, node: upstream.PregelNode, channels: Mapping[str, Any]) -> NodePlan:
        """Work out the plan of one node of a graph with these channels."""
        managed = (
            ()
            if isinstance(node.channels, str)
            else tuple(c for c in node.channels if c not in channels)
        )
        writers: list[tuple[Writer, AsyncWriter | None]] | None = []
        if node.bound is upstream.DEFAULT_BOUND and len(node.flat_writers) > 1:
            writers = None  # the first writer would be the "node" and run in a context
        for runnable in node.flat_writers:
            writer = _writer(runnable)
            if writer is None or writers is None:
                writers = None
                break
            writers.append(writer)
        return cls(name, node, managed, writers)

    # -- calling --------------------------------------------------------------------------------

    def call(self, task: LiveTask) -> None:
        """Run the node and its writers; the writes are left in ``task.writes``."""
        value = task.value
        if self._bound is not upstream.DEFAULT_BOUND:
            value = self._call_node(task, value)
        for writer, _ in self._writers:
            value = writer(value, task)

    def _call_node(self, task: LiveTask, value: Any) -> Any:
        context = copy_context()
        bound: Any = self._bound
        func = bound.func if self._plain and "invoke" not in bound.__dict__ else None
        if func is None:
            config = task.full_config()
            context.run(_var_config.set, config)
            return context.run(bound.invoke, value, config)
        if self._accepts or self._extra:
            keywords = self._keywords(task)
            context.run(_var_config.set, task.config)
            result = context.run(func, value, **keywords)
        else:
            context.run(_var_config.set, task.config)
            result = context.run(func, value)
        if self._recurse and type(result) not in _PLAIN and isinstance(result, upstream.Runnable):
            return context.run(result.invoke, value, task.full_config())
        return result

    async def acall(self, task: LiveTask) -> None:
        """``call`` for the event loop: the node runs as an asyncio task of its own."""
        value = task.value
        if self._bound is not upstream.DEFAULT_BOUND:
            value = await self._acall_node(task, value)
        for writer, awriter in self._writers:
            value = writer(value, task) if awriter is None else await awriter(value, task)

    async def _acall_node(self, task: LiveTask, value: Any) -> Any:
        context = copy_context()
        bound: Any = self._bound
        func = afunc = None
        if self._plain and "ainvoke" not in bound.__dict__ and "invoke" not in bound.__dict__:
            func, afunc = bound.func, bound.afunc
        if func is None and afunc is None:
            config = task.full_config()
            context.run(_var_config.set, config)
            coroutine = context.run(bound.ainvoke, value, config)
            return await task.loop.run_in_context(coroutine, context)
        keywords = self._keywords(task) if self._accepts or self._extra else {}
        context.run(_var_config.set, task.config)
        if afunc is None:
            result = context.run(func, value, **keywords)  # type: ignore[arg-type]
        else:
            result = context.run(afunc, value, **keywords)
            result = await task.loop.run_in_context(result, context)
        if self._recurse and type(result) not in _PLAIN and isinstance(result, upstream.Runnable):
            coroutine = context.run(result.ainvoke, value, task.full_config())
            return await task.loop.run_in_context(coroutine, context)
        return result

    def _keywords(self, task: LiveTask) -> dict[str, Any]:
        """The keyword arguments LangGraph injects, by the names the function accepts."""
        keywords = dict(self._extra)
        if not self._accepts:
            return keywords
        config = task.full_config()
        configurable = config[upstream.CONF]
        runtime = configurable.get(upstream.CONFIG_KEY_RUNTIME)
        for name, (attribute, default) in self._accepts.items():
            if name in keywords:
                continue
            value: Any = upstream.MISSING
            if name == "config":
                value = config
            elif name == "error":
                value = configurable.get(upstream.CONFIG_KEY_NODE_ERROR, value)
            elif runtime:
                value = runtime if name == "runtime" else getattr(runtime, attribute, value)
            if value is upstream.MISSING:
                if default is Parameter.empty:
                    raise ValueError(
                        f"Missing required config key '{attribute}' for '{self._bound.name}'."
                    )
                value = default
            keywords[name] = value
        return keywords


def _writer(runnable: Any) -> tuple[Writer, AsyncWriter | None] | None:
    """Turn one of a node's writers into a plain call, or None if it is something else."""
    if type(runnable) is upstream.ChannelWrite:
        write = _channel_writer(runnable.writes)
        return None if write is None else (write, None)
    if type(runnable) is upstream.RunnableCallable:
        branch: Any = getattr(runnable.func, "__self__", None)
        if (
            upstream.is_branch(branch)
            and runnable.func == branch._route
            and runnable.kwargs.keys() == {"writer", "reader"}
        ):
            return _branch_writer(branch, runnable.kwargs["writer"], runnable.kwargs["reader"])
    return None


def _channel_writer(entries: Sequence[Any]) -> Writer | None:
    # mapper, channel (None: the mapper gives pairs), value, whether to skip None (or a plain dict)
    steps: list[tuple[Any, str | None, Any, bool]] = []
    for entry in entries:
        if type(entry) is upstream.ChannelWriteTupleEntry:
            steps.append((entry.mapper, None, entry.value, upstream.writes_control(entry.mapper)))
        elif type(entry) is upstream.ChannelWriteEntry and entry.channel != upstream.TASKS:
            steps.append((entry.mapper, entry.channel, entry.value, entry.skip_none))
        else:
            return None  # static sends, and what LangGraph refuses: the long way knows

    def write(value: Any, task: LiveTask) -> Any:
        writes: list[tuple[str, Any]] = []
        for mapper, channel, fixed, skips in steps:
            given = value if fixed is _PASSTHROUGH else fixed
            if channel is None:
                if skips and type(given) is dict:
                    continue  # only commands and packets say where to go
                if pairs := mapper(given):
                    writes.extend(pairs)
                continue
            if mapper is not None:
                given = mapper(given)
            if given is upstream.SKIP_WRITE or (skips and given is None):
                continue
            writes.append((channel, given))
        task.writes.extend(writes)
        return value

    return write


def _branch_writer(branch: Any, writer: Any, reader: Any) -> tuple[Writer, AsyncWriter] | None:
    if reader is None:
        return _Branch(branch, writer, None, None).pair()
    if not isinstance(reader, functools.partial) or reader.func is not upstream.ChannelRead.do_read:
        return None
    if reader.args or not reader.keywords["fresh"]:
        return None
    return _Branch(branch, writer, reader.keywords["select"], reader.keywords["mapper"]).pair()


class _Branch:
    """A conditional edge: read the state, ask the user's function, write where to go."""

    __slots__ = ("_branch", "_known", "_mapper", "_merges", "_path", "_plain", "_select", "_writer")

    def __init__(self, branch: Any, writer: Any, select: Any, mapper: Any) -> None:
        self._branch, self._writer = branch, writer
        self._select, self._mapper = select, mapper
        self._merges = branch.input_schema is None
        self._known: dict[str, list[tuple[str, Any]]] = {}
        path = self._path = branch.path
        self._plain = type(path) is upstream.RunnableCallable and not (
            path.func_accepts or path.kwargs or path.explode_args
        )

    def pair(self) -> tuple[Writer, AsyncWriter]:
        return self.route, self.aroute

    def route(self, value: Any, task: LiveTask) -> Any:
        asked = self._question(value, task)
        path: Any = self._path
        func = path.func if self._plain and "invoke" not in path.__dict__ else None
        if func is None:
            answer = path.invoke(asked, task.full_config())
        else:
            context = copy_context()
            context.run(_var_config.set, task.config)
            answer = context.run(func, asked)
            if type(answer) is not str and isinstance(answer, upstream.Runnable):
                answer = answer.invoke(asked, task.full_config())
        return self._finish(value, answer, task)

    async def aroute(self, value: Any, task: LiveTask) -> Any:
        asked = self._question(value, task)
        path: Any = self._path
        afunc = path.afunc if self._plain and "ainvoke" not in path.__dict__ else None
        if afunc is None:
            answer = await path.ainvoke(asked, task.full_config())
        else:
            context = copy_context()
            context.run(_var_config.set, task.config)
            answer = context.run(afunc, asked)
            if isawaitable(answer):
                answer = await task.loop.run_in_context(answer, context)
            if type(answer) is not str and isinstance(answer, upstream.Runnable):
                answer = await answer.ainvoke(asked, task.full_config())
        return self._finish(value, answer, task)

    def _question(self, value: Any, task: LiveTask) -> Any:
        if self._select is None:
            return value
        state = task.read(self._select, True)
        if self._mapper is not None:
            state = self._mapper(state)
        if self._merges and isinstance(state, dict) and isinstance(value, dict):
            return {**value, **state}
        return state

    def _finish(self, value: Any, answer: Any, task: LiveTask) -> Any:
        if type(answer) is str and (known := self._known.get(answer)) is not None:
            task.writes.extend(known)
            return value
        writes: list[tuple[str, Any]] = []
        send: Any = {upstream.CONF: {upstream.CONFIG_KEY_SEND: writes.extend}}
        following = self._branch._finish(self._writer, value, answer, send)
        if type(following) is upstream.ChannelWrite:  # it writes what the node returned
            following = following.invoke(value, send)
        elif type(answer) is str and following is value and len(self._known) < _ANSWERS_KEPT:
            # One place to go, written as a constant: the next such answer writes the same.
            self._known[answer] = writes
        task.writes.extend(writes)
        return following
