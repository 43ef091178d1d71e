"""Driving an engine that runs supersteps itself: what becomes of each of its stops.

``run_ahead`` and its likes are called before every superstep. When they return, the loop goes on the ordinary way:
there is nothing to run, or a superstep that isn't simple.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextvars import Context, copy_context
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from langgraph_engine.direct_run import arun_alone, run_alone, run_watched, settle
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
)
from langgraph_engine.hand_over import A_JOB, A_RUN, NO_JOB, hand_over_of
from langgraph_engine.loop_async import OwnCancels, Stepped, run_in_context
from langgraph_engine.plain_functions import as_out_of_a_thread
from langgraph_engine.protocol import CommitRejected
from langgraph_engine.refusals import refusal
from langgraph_engine.turns import turn_is_due

if TYPE_CHECKING:
    from langgraph_engine.execute import Execution
    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop import Loop
    from langgraph_engine.loop_async import AsyncLoop
    from langgraph_engine.loop_sync import SyncLoop
    from langgraph_engine.streams import Chunks
    from langgraph_engine.unwatched_run import UnwatchedRun

__all__ = [
    "GOES_ON",
    "WAITS",
    "arest",
    "arun_ahead",
    "awaited",
    "chunks_ahead",
    "is_planned",
    "may_run_ahead",
    "rest",
    "run_ahead",
]

WAITS = frozenset({AWAIT, TURN, CANCELLED_ITSELF, THREAD})
"""The stops that are ``awaited``."""
GOES_ON = WAITS | {STREAMED}
"""The stops after which the engine goes on."""


def run_ahead(loop: SyncLoop, stop: Stop | None = None) -> None:
    """Let the engine run supersteps as far as it can; ``stop`` is where it stopped already."""
    while stop is not None or may_run_ahead(loop):
        stop = stop or loop.run_on()
        if is_planned(loop, stop):
            return
        ended = rest(loop, stop)
        stop = None
        run_alone(loop, *ended)
        loop.after_tick()


async def arun_ahead(loop: AsyncLoop, stop: Stop | None = None) -> None:
    """``run_ahead`` for the event loop."""
    while stop is not None or may_run_ahead(loop):
        stop = stop or loop.run_on()
        while stop.kind in WAITS:
            stop = await awaited(loop, stop)
        if is_planned(loop, stop):
            return
        ended = arest(loop, stop)
        stop = None
        await arun_alone(loop, *ended)
        loop.after_tick()


def chunks_ahead(loop: SyncLoop, chunks: Chunks) -> Iterator[Any]:
    """``run_ahead`` for a run whose chunks are taken; ``chunks`` are those the facade made."""
    while may_run_ahead(loop) and not chunks:
        stop = loop.run_on()
        while stop.kind == STREAMED:
            loop.take_stop(stop)
            yield from stop.detail
            stop = loop.run_on_after(None)
        if is_planned(loop, stop):
            return
        ended = rest(loop, stop)
        del stop
        for _ in run_watched(loop, *ended):
            yield from chunks.taken()
        loop.after_tick()


# -- what becomes of a stop -----------------------------------------------------------------------


def may_run_ahead(loop: Loop) -> bool:
    """Whether the next superstep may be the engine's to run."""
    return loop.execution is not None and not loop.pending_writes


def is_planned(loop: Loop, stop: Stop) -> bool:
    """Go on where the engine stopped; whether the next superstep is the facade's.

    Raises:
        Exception: What a commit raised.
    """
    loop.take_stop(stop)
    if stop.kind == PLANNED:
        loop.planned = stop.detail
        return True
    if stop.kind == COMMIT_RAISED:
        task, error = stop.detail
        if not loop.pending_writes:  # else it is settled
            settle(loop, task, None)  # it ended; what is wrong is what it wrote
        raise _as_langgraphs(loop, error)
    return False


def rest(loop: Loop, stop: Stop) -> tuple[LiveTask, Callable[[LiveTask], None]]:
    """What the facade does about a task that ended: call this with it, as if it were the node."""
    if stop.kind == FINISHED:
        return stop.detail, _nothing
    task, error, _ = stop.detail
    return task, partial(_raise, [_as_langgraphs(loop, error)])


def arest(loop: AsyncLoop, stop: Stop) -> tuple[LiveTask, Callable[[LiveTask], Awaitable[None]]]:
    """``rest`` for the event loop."""
    if stop.kind == FINISHED:
        return stop.detail, _anothing
    task, error, cancels = stop.detail
    return task, partial(_araise, [_as_langgraphs(loop, error)], loop.asyncio_task, cancels)


@coroutine
def awaited(loop: AsyncLoop | UnwatchedRun, stop: Stop) -> Generator[Any, Any, Stop]:
    """Await what a stop is about, and have the engine go on.

    To be awaited. It is a generator, so that a turn, which most supersteps have, takes one object and not three.
    """
    if stop.kind == TURN:
        try:
            yield
        except BaseException:
            loop.take_stop(stop)
            raise
        return loop.run_on_after(None)
    loop.take_stop(stop)
    if stop.kind == THREAD:
        stop = yield from _run_in_thread(loop, stop)
        return loop.run_on_after(None) if stop.kind == TURN else stop
    try:
        value = yield from _awaited(loop, stop)
    except BaseException as raised:  # noqa: BLE001 - the task raises it again
        assert loop.execution is not None
        return stop._replace(kind=RAISED, detail=(loop.execution.give_up(), raised, 0))
    return loop.run_on_after(value)


def _as_langgraphs(loop: Loop, error: BaseException) -> BaseException:
    """What a commit, or a read of what a task wrote, raised, as LangGraph says it."""
    if isinstance(error, CommitRejected):
        return refusal(error, loop.graph.channels)
    return error


async def _awaited(loop: AsyncLoop | UnwatchedRun, stop: Stop) -> Any:
    if stop.kind == CANCELLED_ITSELF:
        times, value = stop.detail
        await OwnCancels(loop.asyncio_task, times)
        return value
    awaitable, context, started = stop.detail
    if context is None:
        return await awaitable
    if started is None:
        return await run_in_context(loop.event_loop, awaitable, context)
    return await Stepped(awaitable, context, started)


def _run_in_thread(run: AsyncLoop | UnwatchedRun, stop: Stop) -> Generator[Any, Any, Stop]:
    """Have the engine go on in a thread of the event loop's; where it stopped."""
    execution = run.execution
    assert execution is not None
    job = _GoOn(execution, copy_context())
    hand_over = hand_over_of(run)
    try:
        is_done = hand_over.begin(job)
        if is_done:
            if turn_is_due(run.event_loop):
                yield
        elif is_done is None:
            yield from _in_others_thread(run.event_loop, job.run).__await__()
        else:
            job.given = run.event_loop.create_future()
            yield from job.given
    except BaseException as raised:
        job.is_wanted = False
        hand_over.forget()
        task = execution.give_up()
        if task is None:
            raise
        return stop._replace(kind=RAISED, detail=(task, raised, 0))
    over = job.taken()
    if over.kind == RAISED:
        task, error, cancels = over.detail
        error = yield from as_out_of_a_thread(error).__await__()
        return over._replace(detail=(task, error, cancels))
    return over


async def _in_others_thread(event_loop: Any, function: Callable[[], Any]) -> None:
    """Have it called by whoever has the event loop's threads; what that gives may be any awaitable."""
    await event_loop.run_in_executor(None, function)


class _GoOn:
    """Has an engine go on in a thread: a job of a ``HandOver``'s.

    Attributes:
        given: A future to be told once it stopped, if anybody waits for one.
        is_wanted: Whether it is to go on at all.
    """

    __slots__ = ("_context", "_execution", "_failure", "_stop", "given", "is_wanted")

    def __init__(self, execution: Execution, context: Context) -> None:
        self._execution, self._context = execution, context
        self.given: asyncio.Future[None] | None = None
        self.is_wanted = True
        self._stop: Stop | None = None
        self._failure: BaseException | None = None

    def run(self) -> int:
        """In the thread; see ``Job``."""
        context, execution = self._context, self._execution
        del self._context, self._execution  # a thread may keep its job
        if not self.is_wanted:
            return NO_JOB
        try:
            stop = self._stop = context.run(execution.resume_in_thread)
        except BaseException as error:  # noqa: BLE001 - the run raises it, and not as a task's
            self._failure = error
            return NO_JOB
        if stop is None:
            return NO_JOB
        if stop.kind == TURN:
            return A_JOB
        if stop.kind != PLANNED or stop.detail is None:
            return NO_JOB
        return A_JOB if stop.detail.tasks else A_RUN  # several tasks, or one that isn't simple

    def give(self) -> None:
        """It stopped."""
        if self.given is not None and not self.given.done():
            self.given.set_result(None)

    def taken(self) -> Stop:
        """Where it stopped, which nobody gave up."""
        failure, stop = self._failure, self._stop
        del self._failure, self._stop
        if failure is not None:
            try:
                raise failure
            finally:
                del failure
        assert stop is not None
        return stop


def _nothing(_: LiveTask) -> None:
    """The node and its writers ran already."""


async def _anothing(_: LiveTask) -> None:
    """The node and its writers ran already."""


def _raise(errors: list[BaseException], _: LiveTask) -> NoReturn:
    """Raise the one exception, and let go of it: its traceback will refer to whoever has it, and so to the run."""
    raise errors.pop()


async def _araise(
    errors: list[BaseException], asyncio_task: Any, cancels: int, _: LiveTask
) -> None:
    if cancels and isinstance(errors[0], asyncio.CancelledError):
        await OwnCancels(asyncio_task, cancels)
    raise errors.pop()
