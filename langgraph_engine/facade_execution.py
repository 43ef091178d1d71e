"""Simple supersteps of an engine that doesn't run them itself: the loop of ``execute``, in Python.

A superstep's one task is called, then its writers, and what they wrote is committed; then the next. Whatever isn't
simple stops the loop, and the run goes on the ordinary way from there. Nothing is built on the way that
nobody looks at, which is why this costs less than the ordinary way.

Reading order: ``StepTask`` (a task under way), ``FacadeExecutor``, ``FacadeExecution.go``, then what a task goes through: ``_call``,
``_advance``, ``_ask``. Each of those gives None, or a stop's kind and detail if something is to be awaited; ``then``
of the task says who takes what was awaited.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream
from langgraph_engine.execute import (
    AWAIT,
    CANCELLED_ITSELF,
    COMMIT_RAISED,
    FINISHED,
    PLANNED,
    RAISED,
    STREAMED,
    THREAD,
    TURN,
    Stop,
    function_in_thread,
    written,
)
from langgraph_engine.protocol import PUSH, TaskWrites, made
from langgraph_engine.step_task import StepTask, Thread
from langgraph_engine.streams import shown_of
from langgraph_engine.turns import turn_is_due

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from contextvars import Context

    from langgraph_engine.execute import BranchCall, Place, Streamed, WriteStep
    from langgraph_engine.facade_executor import FacadeExecutor
    from langgraph_engine.protocol import Plan, Write

__all__ = ["FacadeExecution"]

_PLAIN = frozenset({dict, list, str, int, type(None)})
"""What a node returns that surely is no runnable."""
_NOT_CHANNELS = frozenset(
    {
        upstream.ERROR,
        upstream.ERROR_SOURCE_NODE,
        upstream.INTERRUPT,
        upstream.NO_WRITES,
        upstream.PUSH,
        upstream.RESUME,
        upstream.RETURN,
    }
)
"""Names a task writes to that say something about the task, not about a channel."""
_NOBODY_WAITS = "no task of this execution waits for anything"
Waits = tuple[int, Any]


class FacadeExecution:
    """See ``execute.Execution``."""

    __slots__ = (
        "_checkpoint_id",
        "_chunks",
        "_control",
        "_due",
        "_event_loop",
        "_executor",
        "_moved_on",
        "_place",
        "_planned",
        "_run",
        "_saver",
        "_saves_each",
        "_step",
        "_streamed",
        "_thread",
        "_under_way",
        "_updated",
    )

    def __init__(self, executor: FacadeExecutor, run: Any, place: Place) -> None:
        self._executor, self._run, self._place = executor, run, place
        self._control, self._event_loop = place.control, place.event_loop
        self._saver, self._saves_each = place.saver, place.saves_each
        self._streamed = place.streamed
        self._under_way: StepTask | None = None
        self._planned: Plan | None = None  # the superstep that is under way, before its task is
        self._thread: Thread | None = None  # until its stop was taken
        self._chunks: list[Any] = []  # as the caller of the stream takes them
        self._moved_on = False

    def go(self, step: int, checkpoint_id: str, updated: Collection[str] | None) -> Stop:
        """Run supersteps from here until one isn't simple."""
        self._step, self._checkpoint_id, self._updated = step, checkpoint_id, updated
        self._due = False
        self._thread = None
        place = self._place
        plan, place.planned = place.planned, None
        return self._told(plan, None, None, None)

    def resume(self, value: Any) -> Stop:
        """Go on with what was awaited, or after what was streamed."""
        self._thread = None
        plan, task = self._taken()
        if task is not None:
            task.thread = None
            if task.then is None and not self._found(task):
                task = None
        return self._told(plan, task, value, None)

    def resume_in_thread(self) -> Stop | None:
        """Go on in a thread, while the event loop waits for it."""
        thread = self._thread = Thread(self._under_way)
        plan, task = self._taken()
        if task is not None:
            task.thread = thread
        try:
            stop = self._told(plan, task, None, thread)
        finally:
            thread.task = None
        return None if thread.given_up else stop

    def give_up(self) -> Any:
        """Forget the task under way, because what was awaited raised; the live task."""
        thread, self._thread = self._thread, None
        if thread is None:
            _, task = self._taken()
        else:
            thread.given_up = True
            task = thread.task or self._under_way
            self._under_way = self._planned = None
        return None if task is None else task.looked_at()

    def _taken(self) -> tuple[Plan | None, StepTask | None]:
        """What is under way: a superstep, or its task."""
        plan, task = self._planned, self._under_way
        if plan is None and task is None:
            raise RuntimeError(_NOBODY_WAITS)
        self._planned = self._under_way = None
        return plan, task

    def _told(
        self, plan: Plan | None, task: StepTask | None, value: Any, thread: Thread | None
    ) -> Stop:
        """Run supersteps; if that raises, the place learns where."""
        try:
            return self._supersteps(plan, task, value, thread)
        except BaseException:
            self._place.take_stop(self._stopped(PLANNED, None))
            raise

    def _supersteps(
        self, plan: Plan | None, task: StepTask | None, value: Any, thread: Thread | None
    ) -> Stop:
        """The loop: from a plan, from a task, or from the middle of one."""
        while True:
            if task is None:
                begun = self._begin(plan, thread)
                if isinstance(begun, Stop):
                    return begun
                task = begun
            try:
                if task.then is None:
                    waits = self._call(task)
                else:
                    receive, more = task.then
                    waits = receive(task, *more, value)
                if waits is None:
                    waits = self._advance(task)
            except BaseException as error:  # noqa: BLE001 - it is raised again as the task's
                return self._stopped(RAISED, (task.looked_at(), error, task.own_cancels))
            if waits is not None:
                if thread is None or not thread.given_up:
                    self._under_way = task
                return self._stopped(*waits)
            stop, plan = self._ended(task)
            if stop is not None:
                return stop
            task = None
            if thread is not None:
                thread.task = None

    def _begin(self, plan: Plan | None, thread: Thread | None) -> StepTask | Stop:
        """The next superstep's task, to be called; or why that isn't to be done here."""
        place = self._place
        if self._step > place.stop:
            return self._left(None)
        if plan is None:
            plan = self._run.plan(self._step, self._checkpoint_id, place.namespace, self._updated)
        if thread is not None and self._coerces(plan):
            self._planned = plan
            return self._stopped(TURN, None)
        task = self._start(plan)
        if task is None:
            return self._left(plan)
        if thread is not None:
            task.thread, thread.task = thread, task
        if chunks := self._chunks:
            self._under_way, self._chunks = task, []
            return self._stopped(STREAMED, chunks)
        return task

    def _ended(self, task: StepTask) -> tuple[Stop | None, Plan | None]:
        """A task ended: commit its superstep, unless that is the facade's. Gives a stop, or the next plan if it is known."""
        place = self._place
        task.then = None  # which may refer back to the task
        if task.live is not None and place.calls is not None:
            return self._stopped(FINISHED, task.live), None
        writes = task.writes
        if self._streamed is not None and not self._shows(task, writes, self._streamed):
            return self._stopped(FINISHED, task.looked_at()), None
        if self._saves_each:
            place.wrote(task.task.id, task.task.path, writes)
        try:
            plan = self._commit(task, writes)
        except BaseException as error:  # noqa: BLE001 - it is raised again as the commit's
            return self._stopped(COMMIT_RAISED, (task.looked_at(), error)), None
        if self._saves_each:
            place.committed(self._step - 1, self._checkpoint_id, set(self._updated or ()))
        return None, plan

    def _stopped(self, kind: int, detail: Any) -> Stop:
        told = kind, self._step, self._checkpoint_id, self._updated, self._due, detail
        return made(Stop, told)

    # --- stream

    def _shows(self, task: StepTask, writes: Sequence[Write], streamed: Streamed) -> bool:
        """Make the chunk of updates of a task that ended; False if only the ordinary way can."""
        for channel, _ in writes:
            if channel in _NOT_CHANNELS:
                return False
        self._chunks = []
        if streamed.updates and not (streamed.hidden or task.call.hidden):
            keys = streamed.output_keys
            shown = shown_of(writes, keys if type(keys) is str else self._place.output_key_set)
            chunk = {task.task.name: shown}
            self._chunks.append(("updates", chunk) if streamed.named else chunk)
        return True

    def _show_values(self, writes: Iterable[Write], streamed: Streamed) -> None:
        """Make the chunk of values after a commit that changed them, if it is to be seen."""
        outputs = self._place.output_key_set
        if streamed.values and any(channel in outputs for channel, _ in writes):
            chunk = self._run.read(streamed.output_keys)
            self._chunks.append(("values", chunk) if streamed.named else chunk)

    def _left(self, plan: Plan | None) -> Stop:
        """Leave the next superstep, and chunks that weren't taken, to the ordinary way."""
        chunks, self._chunks = self._chunks, []
        if chunks:
            streamed = self._streamed
            assert streamed is not None
            mode = "updates" if streamed.updates else "values"
            for chunk in chunks:
                self._place.show(*(chunk if streamed.named else (mode, chunk)))
        return self._stopped(PLANNED, plan)

    # --- plan

    def _start(self, plan: Plan) -> StepTask | None:
        """The superstep's only task; None if it isn't that simple, or may not be run."""
        tasks, ignored = plan
        if len(tasks) != 1 or ignored:
            return None
        task = tasks[0]
        call = self._executor.call_of(task.name)
        if call is None:
            return None
        given: Any = task.input
        is_sent = task.path[0] == PUSH
        if is_sent and given.timeout is not None:
            return None
        if self._control is not None and self._control.drain_requested:
            return None
        if call.node.retry_policy or call.node.cache_policy:
            return None
        if is_sent:
            given = given.arg
        elif call.managed is not None or call.coerce is not None:
            try:
                if call.managed is not None:
                    given = call.managed(given, self._step, self._place.stop)
                if call.coerce is not None:
                    given = call.coerce(given)
            except Exception as error:
                self._executor.host.note_input_error(error, task.name, task.path)
                raise
        started = StepTask(self._place, (self._step, self._checkpoint_id), task, given, call)
        # After chunks were taken it is looked up anyway.
        return started if self._chunks or self._found(started) else None

    def _found(self, task: StepTask) -> bool:
        """Look up the function to call; False if the node isn't to be called as its description says."""
        call = task.call
        if call.bound is None:
            return True
        found = self._method(call.bound) if call.by_method else self._function(call.bound)
        if found is None:
            return False
        task.function, task.awaited = found
        return True

    def _method(self, runnable: Any) -> tuple[Any, bool]:
        """A runnable's own method, and whether what it gives is awaited."""
        if self._event_loop is not None:
            return runnable.ainvoke, True
        return runnable.invoke, False

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

    # --- threads

    def _in_thread(self, function: Any) -> Any:
        """What LangGraph has a thread call, of what it awaits; None if it awaits anything else."""
        return function_in_thread(function, self._executor.in_thread)

    def _coerces(self, plan: Plan) -> bool:
        """Whether starting a superstep calls code of the user's."""
        if len(plan.tasks) != 1:
            return False
        call = self._executor.call_of(plan.tasks[0].name)
        return call is not None and call.coerce is not None

    def _pauses(self, thread: Thread) -> bool:
        """Whether a thread is to let the event loop go on: it waits for one of its own making, or has waited for long."""
        return bool(getattr(self._event_loop, "_ready", True)) or thread.is_over()

    # --- the node

    def _context(self, task: StepTask) -> Context:
        """The context a node or a conditional edge runs in: the caller's, with the task's config."""
        executor = self._executor
        context: Context = executor.copy_context()
        live = task.live
        if live is None:
            config: Any = executor.config_type()
            config.task = task
        else:
            config = live.config
        context.run(executor.set_config, config)
        return context

    def _call(self, task: StepTask) -> Waits | None:
        function, call, thread = task.function, task.call, task.thread
        if not task.started:  # else a thread was asked for it
            task.started = self._executor.clock.time()
        awaited = task.awaited
        if awaited and (threaded := self._in_thread(function)) is not None:
            if thread is None:
                return THREAD, None
            function, awaited = threaded, False
        elif thread is not None and function is not None:
            return TURN, None
        if function is None:
            return None
        if call.by_method:
            config = task.full_config()
            context = self._context(task)
            result = context.run(function, task.value, config)
        elif call.keywords is None:
            context = self._context(task)
            result = context.run(function, task.value)
        else:
            keywords = call.keywords(task.looked_at())
            context = self._context(task)
            result = context.run(function, task.value, **keywords)
        if awaited:
            waits = self._first_step(task, result, context)
            if waits is not None:
                task.then = self._returned, (context,)
                return waits
            result = task.result
        recurses = call.recurses and type(result) not in _PLAIN and self._is_runnable(result)
        if thread is not None and (recurses or self._pauses(thread)):
            # In LangGraph what the function did to its context ends with the thread.
            task.then = _hold, (self._returned, (self._context(task), result))
            return TURN, None
        if recurses:
            return self._returned(task, context, result)
        task.value = result
        return None

    def _first_step(self, task: StepTask, awaitable: Any, context: Context) -> Waits | None:
        """Have a coroutine take its first step, if it may here; what it returned is the task's ``result``."""
        asyncio_task = self._place.asyncio_task
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
        executor, writers, number = self._executor, task.call.writers, task.writer
        passthrough, skip_write = executor.passthrough, executor.skip_write
        while number < len(writers):
            writer = writers[number]
            number += 1
            if type(writer) is tuple:
                if task.thread is not None and not _calls_nobody(writer):
                    return self._left_to_the_loop(task, number - 1)
                task.writes += written(writer, task.value, passthrough, skip_write)
                continue
            task.writer = number
            waits = self._ask(task, writer)  # type: ignore[arg-type]  # no steps, so an edge
            if waits is not None:
                return waits
        event_loop = self._event_loop
        if event_loop is not None and not task.had_turn:
            task.writer, task.had_turn = number, True
            thread = task.thread
            if turn_is_due(event_loop) if thread is None else not self._commits_in(thread):
                task.then = _nothing, ()
                return TURN, None
        return None

    def _left_to_the_loop(self, task: StepTask, writer: int) -> Waits:
        """A thread has come to a writer that is the event loop's."""
        task.writer, task.then = writer, (_nothing, ())
        return TURN, None

    def _commits_in(self, thread: Thread) -> bool:
        """Whether a commit calls nothing in the event loop."""
        return self._saver is None and self._streamed is None and self._reduces_in(thread)

    def _reduces_in(self, thread: Thread) -> bool:
        """Whether no reducer is the event loop's to call."""
        if thread.reduces is None:
            thread.reduces = self._place.reduces_in_threads
        return thread.reduces

    def _ask(self, task: StepTask, branch: BranchCall) -> Waits | None:
        """Ask a conditional edge where to go."""
        found, thread = self._function(branch.path), task.thread
        threaded = None if found is None or not found[1] else self._in_thread(found[0])
        if thread is not None and (
            threaded is None
            or branch.mapper is not None
            or not (branch.select is None or self._reduces_in(thread))
        ):
            return self._left_to_the_loop(task, task.writer - 1)
        asked = self._question(task, branch)
        then: tuple[Callable[..., Waits | None], Any] = self._answered, (branch, asked)
        if found is None:
            config = task.full_config()
            if self._event_loop is not None:
                task.then = then
                return AWAIT, (branch.path.ainvoke(asked, config), None, None)
            return self._answered(task, branch, asked, branch.path.invoke(asked, config))
        function, awaited = found
        if threaded is not None:
            if thread is None:
                task.then = self._ask_in_thread, (branch, asked, threaded)
                return THREAD, None
            return self._ask_in_thread(task, branch, asked, threaded)
        context = self._context(task)
        answer = context.run(function, asked)
        if awaited and hasattr(answer, "__await__"):
            waits = self._first_step(task, answer, context)
            if waits is not None:
                task.then = then
                return waits
            answer = task.result
        return self._answered(task, branch, asked, answer)

    def _ask_in_thread(
        self, task: StepTask, branch: BranchCall, asked: Any, function: Any, _: Any = None
    ) -> Waits | None:
        """Ask a conditional edge that LangGraph has a thread ask."""
        assert task.thread is not None
        answer = self._context(task).run(function, asked)
        if self._pauses(task.thread) or (type(answer) is not str and self._is_runnable(answer)):
            task.then = _hold, (self._answered, (branch, asked, answer))
            return TURN, None
        return self._answered(task, branch, asked, answer)

    def _question(self, task: StepTask, branch: BranchCall) -> Any:
        """What a conditional edge is asked about."""
        if branch.select is None:
            return task.value
        state = self._run.read(branch.select, task.writes)
        if branch.managed is not None:
            state = branch.managed(state, self._step, self._place.stop)
        if branch.mapper is not None:
            state = branch.mapper(state)
        if branch.merges and isinstance(state, dict) and isinstance(task.value, dict):
            return {**task.value, **state}
        return state

    def _answered(
        self, task: StepTask, branch: BranchCall, asked: Any, answer: Any
    ) -> Waits | None:
        """A conditional edge answered."""
        if type(answer) is not str and self._is_runnable(answer):
            config = task.full_config()
            if self._event_loop is not None:
                task.then = _follow, (branch,)
                return AWAIT, (answer.ainvoke(asked, config), None, None)
            answer = answer.invoke(asked, config)
        _follow(task, branch, answer)
        return None

    # --- commit

    def _commit(self, task: StepTask, writes: Sequence[Write]) -> Plan | None:
        """Commit the superstep; the position is then the next one's. Gives its plan, if it is known."""
        place, run, planned = self._place, self._run, task.task
        executor, saver = self._executor, self._saver
        committing = [made(TaskWrites, (planned.path, planned.name, writes, planned.triggers))]
        version, plan, next_id = None, None, None
        plans_ahead = executor.plans_ahead
        if saver is not None:
            version = saver.get_next_version(run.max_version(), None)
            # One that is refused draws no id.
            plans_ahead = plans_ahead and executor.draws_ahead and len(dict(writes)) == len(writes)
        following = self._step + 1
        if plans_ahead:
            next_id = executor.unsaved_id() if saver is None else self._next_id()
            (updated, unknown), plan = run.commit_and_plan(
                committing, version, following, next_id, place.namespace
            )
        else:
            updated, unknown = run.commit(committing, version)
        task.over = True
        if unknown:
            for _, _, channel in unknown:
                place.wrote_nowhere(planned.name, planned.path, channel)
        self._updated = updated or None
        if not place.output_key_set.isdisjoint(updated):
            self._due = True
            if self._streamed is not None:
                self._show_values(writes, self._streamed)
        self._checkpoint_id = next_id or self._next_id()
        self._step = following
        if not self._moved_on:
            self._moved_on = True
            place.moved_on()
        return plan

    def _next_id(self) -> str:
        """The id of the checkpoint after the superstep."""
        executor = self._executor
        return executor.unsaved_id() if self._saver is None else executor.host.saved_id(self._step)


def _calls_nobody(steps: Iterable[WriteStep]) -> bool:
    """Whether a channel writer calls mappers of LangGraph's own at most."""
    for mapper, channel, _, skips, keys in steps:
        if mapper is not None and (channel is not None or not (skips or keys is not None)):
            return False
    return True


def _follow(task: StepTask, branch: BranchCall, answer: Any) -> None:
    """Go where an answer says."""
    writes = branch.known.get(answer) if type(answer) is str else None
    if writes is None:
        task.value, writes = branch.answered(task.value, answer)
    task.writes.extend(writes)


def _take(task: StepTask, value: Any) -> None:
    """What a runnable returned that the node had returned."""
    task.value = value


def _hold(
    task: StepTask, receive: Callable[..., Waits | None], held: tuple[Any, ...], _: Any
) -> Waits | None:
    """Go on in the event loop with what a function gave in a thread."""
    return receive(task, *held)


def _nothing(_: StepTask, __: Any) -> None:
    """A turn of the event loop, or a thread, gives nothing by itself."""
