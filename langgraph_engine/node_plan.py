"""How to call a node directly: worked out once per node, used by every task of it.

LangGraph runs a node as a sequence of runnables, each with a config and callback bookkeeping of its
own. When nobody is watching (no callback handler, no tracer) all that bookkeeping ends nowhere, and
the same calls can be made one after the other:

    the node's function, in a context of its own -> each writer, collecting (channel, value) pairs

A ``NodePlan`` holds those calls. A node that can't be called so (``direct`` is False) goes the long way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from functools import partial
from inspect import Parameter, isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any

from langgraph.constants import TAG_HIDDEN

from langgraph_engine import upstream
from langgraph_engine.execute import Managed, NodeCall, WriteStep, function_in_thread, written
from langgraph_engine.managed_values import ManagedNumbers

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask

__all__ = ["PLAIN", "NodePlan"]

_var_config = upstream.var_child_runnable_config
_PASSTHROUGH = upstream.PASSTHROUGH
PLAIN = (dict, type(None), list, str, int)
_MOMENT = 0.005
"""Seconds a quick node takes at most: what one that computes may take without another thread noticing."""
_MOMENT_AMONG_OTHERS = 0.05
"""The same for one that may have had to wait for the interpreter: a few turns of threads that compute."""
_QUICK_RUNS = 3
"""Runs in a moment after which a node is taken for a quick one."""
_DISTRUST = 32
"""... and how many more, once one took longer; each time a quick one doesn't end in a moment, twice as many."""
_MOST_DISTRUST = 1 << 16
_ENTRIES = (upstream.ChannelWriteTupleEntry, upstream.ChannelWriteEntry)
_ANSWERS_KEPT = 256  # a router without a path map may answer with anything


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
        quick_runs: How often it ended in a moment, one time after the other; less than none after it didn't.
        writes_unseen: Whether nothing of the user's is called to write a plain dict, or None, that it returned.
    """

    __slots__ = (
        "_accepts",
        "_bound",
        "_branches",
        "_distrust",
        "_extra",
        "_numbers",
        "_plain",
        "_recurse",
        "_writers",
        "_writers_then",
        "as_read",
        "direct",
        "hidden",
        "input_key",
        "managed",
        "name",
        "nested_run",
        "node",
        "quick_runs",
        "writes_unseen",
    )

    def __init__(
        self,
        name: str,
        node: upstream.PregelNode,
        managed: tuple[str, ...],
        numbers: ManagedNumbers | None,
        input_key: Any,
        writers: Sequence[_Steps | _Branch] | None,
    ) -> None:
        self.name = name
        self.node = node
        self.managed = managed
        self._numbers = numbers
        self.quick_runs = 0
        self._distrust = _DISTRUST
        self.input_key = input_key
        self.hidden = TAG_HIDDEN in (node.tags or ())
        # Two nodes reading one channel get two copies of its value; several channels make a new dict.
        self.as_read = not managed and not isinstance(node.channels, str)
        self._writers = writers or ()
        self._branches = any(type(writer) is _Branch for writer in self._writers)
        self.writes_unseen = all(type(w) is _Steps and w.calls_nobody() for w in self._writers)
        bound = node.bound
        self._bound = bound
        self._plain = False
        self._accepts: Mapping[str, tuple[str, Any]] = {}
        self._extra: Mapping[str, Any] = {}
        self._recurse = False
        self.nested_run = False
        if (
            type(bound) is upstream.RunnableCallable
            and not bound.explode_args
            and not (bound.trace and bound.tags)  # which it would add to its run's
        ):
            self._plain = True  # its functions are looked up when called: tests replace them
            self._accepts, self._extra = bound.func_accepts, bound.kwargs
            self._recurse = bound.recurse
            self.nested_run = bound.trace
        self.direct = (
            writers is not None
            and upstream.runs_something(node)
            # A bound without writers isn't run as a sequence, so not in a context of its own.
            and (bool(writers) or bound is upstream.DEFAULT_BOUND)
            and node.trace_policy is None
            and node.error_handler_node is None
            and node.timeout is None
        )
        self._writers_then = tuple(node.writers)
        if not self.direct:
            upstream.keep_runnables(node, bound, self._writers_then)

    @property
    def kept_node(self) -> upstream.PregelNode:
        """The node, with the ``node`` and ``flat_writers`` it had when this was made, whatever it was given since."""
        upstream.keep_runnables(self.node, self._bound, self._writers_then)
        return self.node

    @classmethod
    def of(
        cls,
        name: str,
        node: upstream.PregelNode,
        managed: Mapping[str, Any],
        one: dict[Any, Any],
    ) -> NodePlan:
        """Work out the plan of one node.

        Args:
            name: The node's name.
            node: LangGraph's description of it.
            managed: The graph's managed values.
            one: Of equal things that many nodes have, the one they are to share; grows.
        """
        names: tuple[str, ...] = ()
        numbers = None
        if not isinstance(node.channels, str):
            names = tuple(c for c in node.channels if c in managed)
            numbers = ManagedNumbers.of(names, managed, node.channels) if names else None
        writers: list[_Steps | _Branch] | None = []
        runnables = upstream.writers_of(node)
        if (
            node.bound is upstream.DEFAULT_BOUND
            and len(runnables) > 1
            and not _calls_nobody(runnables[0])
        ):
            writers = None  # the first writer is the "node" and runs in a context
        for runnable in runnables:
            writer = _writer(runnable, managed, one)
            if writer is None or writers is None:
                writers = None
                break
            writers.append(writer)
        key = upstream.input_key_of(node)
        return cls(name, node, names, numbers, one.setdefault(key, key), writers)

    # -- how long it takes ----------------------------------------------------------------------

    @property
    def is_quick(self) -> bool:
        """Whether it may be taken to end in a moment, as it did."""
        return self.quick_runs >= _QUICK_RUNS

    def took(self, seconds: float, *, alone: bool) -> None:
        """Take note of how long it took; ``alone`` if no other thread was at work. Any thread."""
        if seconds < (_MOMENT if alone else _MOMENT_AMONG_OTHERS):
            self.quick_runs += 1
            if self.quick_runs > self._distrust > _DISTRUST:
                self._distrust //= 2  # it was the machine, or is past
            return
        if self.is_quick and self._distrust < _MOST_DISTRUST:
            self._distrust *= 2
        self.quick_runs = -self._distrust

    # -- calling --------------------------------------------------------------------------------

    def call(self, task: LiveTask) -> None:
        """Run the node and its writers; the writes are left in ``task.writes``."""
        value = task.value
        if self._bound is not upstream.DEFAULT_BOUND:
            value = self._call_node(task, value)
        self.concluded(task, value)

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
        if self._recurse and type(result) not in PLAIN and isinstance(result, upstream.Runnable):
            return context.run(result.invoke, value, task.full_config())
        return result

    async def acall(self, task: LiveTask) -> None:
        """``call`` for the event loop: the node runs as an asyncio task of its own."""
        value = task.value
        if self._bound is not upstream.DEFAULT_BOUND:
            value = await self._acall_node(task, value)
        for writer in self._writers:
            if type(writer) is _Branch:
                value = await writer.awrite(value, task)
            else:
                value = writer.write(value, task)

    async def _acall_node(self, task: LiveTask, value: Any) -> Any:
        context = copy_context()
        bound: Any = self._bound
        func = afunc = None
        if self._plain and not self._replaced(bound):
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
        if self._recurse and type(result) not in PLAIN and isinstance(result, upstream.Runnable):
            coroutine = context.run(result.ainvoke, value, task.full_config())
            return await task.loop.run_in_context(coroutine, context)
        return result

    # -- as an asyncio task of its own ----------------------------------------------------------

    def is_coroutine(self) -> bool:
        """Whether the node is awaited, as it is now, and its writers await nothing."""
        bound: Any = self._bound
        if self._branches or bound is upstream.DEFAULT_BOUND:
            return False
        return not self._plain or self._replaced(bound) or bound.afunc is not None

    def started(self, task: LiveTask) -> tuple[Any, Context]:
        """Call what is awaited: the coroutine, and the context it is to run in."""
        context = copy_context()
        bound: Any = self._bound
        if self._plain and not self._replaced(bound):
            keywords = self._keywords(task) if self._accepts or self._extra else {}
            context.run(_var_config.set, task.config)
            coroutine = context.run(bound.afunc, task.value, **keywords)
        else:
            config = task.full_config()
            context.run(_var_config.set, config)
            coroutine = context.run(bound.ainvoke, task.value, config)
        return coroutine if iscoroutine(coroutine) else _awaiting(coroutine), context

    def plain_function(self) -> Any:
        """The function LangGraph has a thread call for the node, if it is one, as it is now."""
        bound: Any = self._bound
        if not self._plain or type(bound.afunc) is not partial or self._replaced(bound):
            return None
        return function_in_thread(bound.afunc, upstream.run_in_executor)

    def prepared(self, task: LiveTask, function: Any) -> tuple[Context, Any]:
        """The context of a node that is a plain function, and a call of it."""
        keywords = self._keywords(task) if self._accepts or self._extra else {}
        context = copy_context()
        context.run(_var_config.set, task.config)
        return context, partial(function, task.value, **keywords)

    @staticmethod
    def _replaced(bound: Any) -> bool:
        """Whether somebody gave a runnable methods of its own."""
        return "ainvoke" in bound.__dict__ or "invoke" in bound.__dict__

    def returned(self, task: LiveTask, result: Any) -> Any:
        """The coroutine returned: write; or give another one, of a runnable it returned."""
        if self._recurse and type(result) not in PLAIN and isinstance(result, upstream.Runnable):
            return result.ainvoke(task.value, task.full_config())
        self.concluded(task, result)
        return None

    def concluded(self, task: LiveTask, value: Any) -> None:
        """Have the writers write what the node returned."""
        for writer in self._writers:
            value = writer.write(value, task)

    def native_call(self) -> NodeCall | None:
        """How an engine calls the node itself, if it is simple enough for that."""
        bound = self._bound
        runs = bound is not upstream.DEFAULT_BOUND
        if not self.direct or (self.managed and self._numbers is None):
            return None
        if any(type(w) is _Branch and not w.is_simple for w in self._writers):
            return None
        return NodeCall(
            node=self.node,
            bound=bound if runs else None,
            by_method=runs and not self._plain,
            managed=self._numbers,
            coerce=self.node.mapper,
            keywords=self._keywords if self._accepts or self._extra else None,
            recurses=self._recurse,
            hidden=self.hidden,
            writers=tuple(w.steps if isinstance(w, _Steps) else w for w in self._writers),
        )

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


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


def _writer(
    runnable: Any, managed: Mapping[str, Any], one: dict[Any, Any]
) -> _Steps | _Branch | None:
    """Turn one of a node's writers into a plain call, or None if it is something else.

    Args:
        runnable: The writer.
        managed: The graph's managed values.
        one: See ``NodePlan.of``.
    """
    if type(runnable) is upstream.ChannelWrite:
        return _Steps.of(runnable.writes, one)
    if type(runnable) is upstream.RunnableCallable:
        branch: Any = getattr(runnable.func, "__self__", None)
        if (
            upstream.is_branch(branch)
            and runnable.func == branch._route
            and runnable.kwargs.keys() == {"writer", "reader"}
        ):
            return _branch_writer(
                branch, runnable.kwargs["writer"], runnable.kwargs["reader"], managed
            )
    return None


class _Steps:
    """A channel writer: some entries, of what the node returned or of constants."""

    __slots__ = ("steps",)

    def __init__(self, steps: tuple[WriteStep, ...]) -> None:
        self.steps = steps

    @classmethod
    def of(cls, entries: Sequence[Any], one: dict[Any, Any]) -> _Steps | None:
        steps: list[WriteStep] = []
        for entry in entries:
            if type(entry) not in _ENTRIES:
                return None  # static sends, and what LangGraph refuses: the long way knows
            mapper, value = entry.mapper, entry.value
            if type(entry) is upstream.ChannelWriteTupleEntry:
                control = upstream.writes_control(
                    mapper
                )  # only commands and packets say where to go
                keys = upstream.update_keys(mapper)
                steps.append(WriteStep(mapper, None, value, control, one.setdefault(keys, keys)))
            elif entry.channel != upstream.TASKS:
                steps.append(WriteStep(mapper, entry.channel, value, entry.skip_none, None))
            else:
                return None  # which LangGraph refuses
        return cls(tuple(steps))

    def calls_nobody(self) -> bool:
        """Whether no mapper is called for a plain dict, nor for None."""
        return all(
            step.mapper is None
            or (
                step.channel is None
                and step.value is _PASSTHROUGH
                and (step.skips or step.keys is not None)
            )
            for step in self.steps
        )

    def write(self, value: Any, task: LiveTask) -> Any:
        task.writes.extend(written(self.steps, value, _PASSTHROUGH, upstream.SKIP_WRITE))
        return value


def _calls_nobody(runnable: Any) -> bool:
    """Whether a writer is one of LangGraph's for what a graph is given, so that nobody sees in which context it runs."""
    return type(runnable) is upstream.ChannelWrite and all(
        type(entry) is upstream.ChannelWriteTupleEntry
        and (
            upstream.writes_control(entry.mapper) or upstream.update_keys(entry.mapper) is not None
        )
        for entry in runnable.writes
    )


def _branch_writer(
    branch: Any, writer: Any, reader: Any, managed: Mapping[str, Any]
) -> _Branch | None:
    if reader is None:
        return _Branch(branch, writer, None, None, {})
    if not isinstance(reader, partial) or reader.func is not upstream.ChannelRead.do_read:
        return None
    if reader.args or not reader.keywords["fresh"]:
        return None
    return _Branch(branch, writer, reader.keywords["select"], reader.keywords["mapper"], managed)


class _Branch:
    """A conditional edge: read the state, ask the user's function, write where to go.

    The attributes are those of ``execute.BranchCall``.
    """

    __slots__ = (
        "_branch",
        "_plain",
        "_reads",
        "_writer",
        "is_simple",
        "known",
        "managed",
        "mapper",
        "merges",
        "path",
        "select",
    )

    def __init__(
        self, branch: Any, writer: Any, reads: Any, mapper: Any, managed: Mapping[str, Any]
    ) -> None:
        self._branch, self._writer = branch, writer
        self._reads, self.mapper = reads, mapper
        self.select = reads
        self.managed: Managed | None = None
        names = (
            () if reads is None or isinstance(reads, str) else [n for n in reads if n in managed]
        )
        if names:
            self.select = [name for name in reads if name not in managed]
            self.managed = ManagedNumbers.of(names, managed, None)
        self.merges = branch.input_schema is None
        self.known: dict[str, list[tuple[str, Any]]] = {}
        path = self.path = branch.path
        self._plain = type(path) is upstream.RunnableCallable and not (
            path.func_accepts or path.kwargs or path.explode_args
        )
        # An engine may ask it.
        self.is_simple = self._plain and bool(self.managed or not names)

    def write(self, value: Any, task: LiveTask) -> Any:
        asked = self._question(value, task)
        path: Any = self.path
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

    async def awrite(self, value: Any, task: LiveTask) -> Any:
        asked = self._question(value, task)
        path: Any = self.path
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
        if self._reads is None:
            return value
        state = task.read(self._reads, True)
        if self.mapper is not None:
            state = self.mapper(state)
        if self.merges and isinstance(state, dict) and isinstance(value, dict):
            return {**value, **state}
        return state

    def _finish(self, value: Any, answer: Any, task: LiveTask) -> Any:
        if type(answer) is str and (known := self.known.get(answer)) is not None:
            task.writes.extend(known)
            return value
        following, writes = self.answered(value, answer)
        task.writes.extend(writes)
        return following

    def answered(self, value: Any, answer: Any) -> tuple[Any, list[tuple[str, Any]]]:
        """What an answer leads to: the value for the next writer, and writes."""
        writes: list[tuple[str, Any]] = []
        send: Any = {upstream.CONF: {upstream.CONFIG_KEY_SEND: writes.extend}}
        following = self._branch._finish(self._writer, value, answer, send)
        if type(following) is upstream.ChannelWrite:  # it writes what the node returned
            following = following.invoke(value, send)
        elif type(answer) is str and following is value and len(self.known) < _ANSWERS_KEPT:
            # One place to go, written as a constant: the next such answer writes the same.
            self.known[answer] = writes
        return following, writes
