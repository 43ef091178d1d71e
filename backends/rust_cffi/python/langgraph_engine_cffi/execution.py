"""Supersteps run here: the loop of ``langgraph_engine.execute``, for as long as they are simple.

A superstep's one task is called, then its writers, and what they wrote is committed; the commit's reply has the
plan of the next superstep. Whatever isn't simple stops the loop, and the facade goes on from there.

Reading order: ``StepTask`` (a task under way), ``CffiExecution.go``, then what a task goes through: ``_call``,
``_advance``, ``_ask``. Each of those gives None, or a stop's kind and detail if something is to be awaited; ``then``
of the task says who takes what was awaited.
"""

from __future__ import annotations

import threading
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from langgraph_engine.execute import (
    AWAIT,
    CANCELLED_ITSELF,
    COMMIT_RAISED,
    FINISHED,
    PLANNED,
    RAISED,
    TURN,
    Stop,
    written,
)
from langgraph_engine.protocol import PUSH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from contextvars import Context

    from langgraph_engine.execute import BranchCall, Host, NodeCall, Place
    from langgraph_engine.protocol import Plan, Write
    from langgraph_engine_cffi.program import CffiProgram
    from langgraph_engine_cffi.run import CffiRun, CffiTask

__all__ = ["CffiExecution", "CffiExecutor", "StepTask"]

_PLAIN = frozenset({dict, list, str, int, type(None)})
"""What a node returns that surely is no runnable."""
_STEPS_WITHOUT_A_TURN: Final = 16
"""How many tasks may end in a thread's event loop before it gets a turn, whether it asks for one or not."""
_becoming_live = threading.Lock()
Waits = tuple[int, Any]


class _Steps(threading.local):
    ended = 0


_steps = _Steps()


class CffiExecutor:
    """See ``langgraph_engine.execute.Executor``."""

    def __init__(self, program: CffiProgram, calls: Mapping[str, NodeCall], host: Host) -> None:
        self.host = host
        self.set_config = host.config_variable.set
        self.calls = {
            name: call
            for name, call in calls.items()
            if all(_reads_channels(writer, program) for writer in call.writers)
        }
        self.numbers = {name: node.number for name, node in program.nodes.items()}

    def begin(self, run: CffiRun, place: Place) -> CffiExecution:
        """Take part in an invocation."""
        return CffiExecution(self, run, place)


def _reads_channels(writer: Any, program: CffiProgram) -> bool:
    """Whether a writer reads the engine's channels only, and none of the facade's managed values."""
    if isinstance(writer, tuple) or writer.select is None:
        return True
    select = [writer.select] if isinstance(writer.select, str) else writer.select
    return all(name in program.channels for name in select)


class StepTask:
    """A task under way, and the facade's task it becomes if somebody looks at it.

    Attributes:
        task: The task as it was planned, its input coerced.
        value: What the node was given, then what it or the writer before returned.
        writes: What it wrote, as long as there is no live task.
        live: The facade's task, if there is one; then its writes count.
        function: What is called for the node; None for a node that hands on what it is given.
        writer: The place of the next writer.
        result: What a coroutine returned in its first step.
        then: Who takes what was awaited, and what else it is given.
        own_cancels: How often a coroutine that raised had cancelled the asyncio task.
    """

    __slots__ = (
        "_at",
        "_place",
        "awaited",
        "call",
        "function",
        "had_turn",
        "live",
        "over",
        "own_cancels",
        "result",
        "started",
        "task",
        "then",
        "value",
        "writer",
        "writes",
    )

    def __init__(
        self,
        place: Place,
        at: tuple[int, str],
        task: CffiTask,
        call: NodeCall,
        function: Any,
        awaited: bool,
        started: float,
    ) -> None:
        self._place, self._at = place, at
        self.task, self.value = task, task.input
        self.call, self.function, self.awaited = call, function, awaited
        self.started = started
        self.writes: list[Write] = []
        self.live: Any = None
        self.writer = self.own_cancels = 0
        self.had_turn = self.over = False

    def looked_at(self) -> Any:
        """The facade's task: made when first asked for, with what was written so far."""
        if self.live is None:
            step, checkpoint_id = self._at
            made = self._place.live_task(
                self.task, step, checkpoint_id, self.started, current=not self.over
            )
            with _becoming_live:
                if self.live is None:
                    made.writes.extend(self.writes)
                    self.live = made
        return self.live

    def full_config(self) -> Any:
        """The config the node would see in LangGraph."""
        return self.looked_at().full_config()

    def use_config(self, config: Any) -> None:
        """From here on the task's config is this one."""
        self.looked_at().use_config(config)

    def write(self, writes: Iterable[Write]) -> None:
        """Add writes."""
        with _becoming_live:
            (self.writes if self.live is None else self.live.writes).extend(writes)

    def written(self) -> Iterable[Write]:
        """What it wrote so far."""
        return self.writes if self.live is None else self.live.writes


class CffiExecution:
    """See ``langgraph_engine.execute.Execution``."""

    __slots__ = (
        "_asyncio_task",
        "_checkpoint_id",
        "_control",
        "_due",
        "_event_loop",
        "_executor",
        "_moved_on",
        "_place",
        "_run",
        "_step",
        "_under_way",
        "_updated",
    )

    def __init__(self, executor: CffiExecutor, run: CffiRun, place: Place) -> None:
        self._executor, self._run, self._place = executor, run, place
        self._control, self._event_loop = place.control, place.event_loop
        self._asyncio_task = place.asyncio_task
        self._under_way: StepTask | None = None
        self._moved_on = False

    def go(self, step: int, checkpoint_id: str, updated: Collection[str] | None) -> Stop:
        """Run supersteps from here until one isn't simple."""
        self._step, self._checkpoint_id, self._updated = step, checkpoint_id, updated
        self._due = False
        place = self._place
        plan, place.planned = place.planned, None
        return self._supersteps(plan, None, None)

    def resume(self, value: Any) -> Stop:
        """Go on with what was awaited."""
        return self._supersteps(None, self._take_under_way(), value)

    def give_up(self) -> Any:
        """Forget the task under way, because what was awaited raised; the live task."""
        return self._take_under_way().looked_at()

    def _take_under_way(self) -> StepTask:
        task, self._under_way = self._under_way, None
        if task is None:
            raise RuntimeError("no task of this execution waits for anything")
        return task

    def _supersteps(self, plan: Plan | None, task: StepTask | None, value: Any) -> Stop:
        """The loop: from a plan, or from the middle of a superstep."""
        place = self._place
        while True:
            resumed = task is not None
            if task is None:
                if self._step > place.stop:
                    return self._stopped(PLANNED, None)
                if plan is None:
                    plan = self._run.plan(
                        self._step, self._checkpoint_id, place.namespace, self._updated
                    )
                task = self._start(plan)
                if task is None:
                    return self._stopped(PLANNED, plan)
            try:
                if resumed:
                    receive, more = task.then
                    waits = receive(task, *more, value)
                else:
                    waits = self._call(task)
                if waits is None:
                    waits = self._advance(task)
            except BaseException as error:  # noqa: BLE001 - the facade raises it again
                return self._stopped(RAISED, (task.looked_at(), error, task.own_cancels))
            if waits is not None:
                stop = self._stopped(*waits)
                self._due, self._under_way = False, task
                return stop
            if task.live is not None and place.calls is not None:
                return self._stopped(FINISHED, task.live)
            try:
                plan = self._commit(task)
            except BaseException as error:  # noqa: BLE001 - the facade raises it again
                return self._stopped(COMMIT_RAISED, (task.looked_at(), error))
            task = None

    def _stopped(self, kind: int, detail: Any) -> Stop:
        updated: Any = self._updated
        return Stop(kind, self._step, self._checkpoint_id, updated, self._due, detail)

    # --- plan

    def _start(self, plan: Plan) -> StepTask | None:
        """The superstep's only task; None if it isn't that simple, or may not be run."""
        tasks, ignored = plan
        if len(tasks) != 1 or ignored:
            return None
        task: Any = tasks[0]
        call = self._executor.calls.get(task.name)
        if call is None or task.path[0] == PUSH:
            return None
        if self._control is not None and self._control.drain_requested:
            return None
        if call.node.retry_policy or call.node.cache_policy:
            return None
        function, awaited = None, False
        if call.bound is not None:
            found = self._function(call.bound)
            if found is None:
                return None
            function, awaited = found
        host = self._executor.host
        if call.coerce is not None:
            try:
                task.input = call.coerce(task.input)
            except Exception as error:
                host.note_input_error(error, task.name, task.path)
                raise
        at = self._step, self._checkpoint_id
        return StepTask(self._place, at, task, call, function, awaited, host.clock.time())

    def _function(self, runnable: Any) -> tuple[Any, bool] | None:
        """A runnable's function, and whether it is awaited; None if its own method is to be called."""
        own = runnable.__dict__
        if "invoke" in own:
            return None
        if self._event_loop is not None:
            if "ainvoke" in own:
                return None
            if runnable.afunc is not None:
                return runnable.afunc, True
        return None if runnable.func is None else (runnable.func, False)

    # --- the node

    def _context(self, task: StepTask) -> Context:
        """The context a node or a conditional edge runs in: the caller's, with the task's config."""
        executor = self._executor
        context: Context = executor.host.copy_context()
        if task.live is None:
            config: Any = executor.host.config_type()
            config.task = task
        else:
            config = task.live.config
        context.run(executor.set_config, config)
        return context

    def _call(self, task: StepTask) -> Waits | None:
        function, call = task.function, task.call
        if function is None:
            return None
        context = self._context(task)
        if call.keywords is None:
            result = context.run(function, task.value)
        else:
            live = task.looked_at()
            keywords = call.keywords(live)
            # The config was looked at: it is the real one from here on.
            context.run(self._executor.set_config, live.config)
            result = context.run(function, task.value, **keywords)
        if task.awaited:
            waits = self._first_step(task, result, context)
            if waits is not None:
                task.then = self._returned, (context,)
                return waits
            result = task.result
        return self._returned(task, context, result)

    def _first_step(self, task: StepTask, awaitable: Any, context: Context) -> Waits | None:
        """Have a coroutine take its first step, if it may here; what it returned is the task's ``result``."""
        asyncio_task = self._asyncio_task
        if asyncio_task is None or type(awaitable) is not CoroutineType:
            return AWAIT, (awaitable, context, None)
        before = asyncio_task.cancelling()
        try:
            waits_for = context.run(awaitable.send, None)
        except StopIteration as end:
            own = asyncio_task.cancelling() - before
            if own:
                return CANCELLED_ITSELF, (own, end.value)
            task.result = end.value
            return None
        except BaseException:
            task.own_cancels = asyncio_task.cancelling() - before
            raise
        return AWAIT, (awaitable, context, (waits_for, before))

    def _returned(self, task: StepTask, context: Context, value: Any) -> Waits | None:
        """The node returned: a runnable it may have returned is called in its place."""
        if task.call.recurses and type(value) not in _PLAIN and self._is_runnable(value):
            config = task.full_config()
            if self._event_loop is not None:
                task.then = _take, ()
                return AWAIT, (context.run(value.ainvoke, task.value, config), context, None)
            value = context.run(value.invoke, task.value, config)
        task.value = value
        return None

    def _is_runnable(self, value: Any) -> bool:
        return isinstance(value, self._executor.host.runnable_type)

    # --- what comes after it

    def _advance(self, task: StepTask) -> Waits | None:
        """Have the writers write that haven't yet."""
        host, writers = self._executor.host, task.call.writers
        while task.writer < len(writers):
            writer = writers[task.writer]
            task.writer += 1
            if type(writer) is tuple:
                task.write(written(writer, task.value, host.passthrough, host.skip_write))
                continue
            waits = self._ask(task, writer)  # type: ignore[arg-type]  # no steps, so an edge
            if waits is not None:
                return waits
        if self._event_loop is not None and not task.had_turn:
            task.had_turn = True
            if self._turn_is_due():
                task.then = _nothing, ()
                return TURN, None
        return None

    def _turn_is_due(self) -> bool:
        """Whether the event loop is to have a turn before the task is settled.

        asyncio's own loops say whether anything waits for one; if nothing does it is left out, but not for long:
        only a turn looks at sockets.
        """
        _steps.ended += 1
        loop = self._event_loop
        return bool(
            _steps.ended % _STEPS_WITHOUT_A_TURN == 0
            or getattr(loop, "_ready", True)
            or getattr(loop, "_scheduled", True)
        )

    def _ask(self, task: StepTask, branch: BranchCall) -> Waits | None:
        """Ask a conditional edge where to go."""
        asked = self._question(task, branch)
        then: tuple[Callable[..., Any], Any] = self._answered, (branch, asked)
        found = self._function(branch.path)
        if found is None:
            config = task.full_config()
            if self._event_loop is not None:
                task.then = then
                return AWAIT, (branch.path.ainvoke(asked, config), None, None)
            return self._answered(task, branch, asked, branch.path.invoke(asked, config))
        function, awaited = found
        context = self._context(task)
        answer = context.run(function, asked)
        if awaited and hasattr(answer, "__await__"):
            waits = self._first_step(task, answer, context)
            if waits is not None:
                task.then = then
                return waits
            answer = task.result
        return self._answered(task, branch, asked, answer)

    def _question(self, task: StepTask, branch: BranchCall) -> Any:
        """What a conditional edge is asked about."""
        if branch.select is None:
            return task.value
        state = self._run.read(branch.select, task.written())
        if branch.mapper is not None:
            state = branch.mapper(state)
        if branch.merges and isinstance(state, dict) and isinstance(task.value, dict):
            return {**task.value, **state}
        return state

    def _answered(self, task: StepTask, branch: BranchCall, asked: Any, answer: Any) -> Any:
        """A conditional edge answered."""
        if type(answer) is not str and self._is_runnable(answer):
            config = task.full_config()
            if self._event_loop is not None:
                task.then = _follow, (branch,)
                return AWAIT, (answer.ainvoke(asked, config), None, None)
            answer = answer.invoke(asked, config)
        return _follow(task, branch, answer)

    # --- commit

    def _commit(self, task: StepTask) -> Plan | None:
        """Commit the superstep; the position is then the next one's. Gives its plan, if it is known."""
        executor, place = self._executor, self._place
        tick = f"{next(executor.host.ticks):015x}"
        next_id = f"{tick[:8]}-{tick[8:12]}-6{tick[12:]}-{executor.host.id_tail}"
        planned = task.task
        (updated, unknown), plan = self._run.commit_task(
            executor.numbers[planned.name],
            task.written(),
            (self._step + 1, next_id, place.namespace),
        )
        task.over = True
        for _, channel in unknown:
            place.wrote_nowhere(planned.name, planned.path, channel)
        self._due = self._due or not place.output_key_set.isdisjoint(updated)
        self._updated = updated or None
        self._step += 1
        self._checkpoint_id = next_id
        if not self._moved_on:
            self._moved_on = True
            place.moved_on()
        return plan


def _follow(task: StepTask, branch: BranchCall, answer: Any) -> None:
    """Go where an answer says."""
    writes = branch.known.get(answer) if type(answer) is str else None
    if writes is None:
        task.value, writes = branch.answered(task.value, answer)
    task.write(writes)


def _take(task: StepTask, value: Any) -> None:
    """What a runnable returned that the node had returned."""
    task.value = value


def _nothing(_: StepTask, __: Any) -> None:
    """A turn of the event loop gives nothing."""
