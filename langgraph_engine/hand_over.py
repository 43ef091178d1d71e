"""Handing a run over to a thread of the event loop's executor, and taking it back, again and again.

A thread that gives a run back waits a moment for it to come again, as it does where it is streamed or saved: the
executor's queue, its future and asyncio's future of that take longer than what is done in the thread. Where it didn't
come soon the last time, as nodes await something, the thread doesn't wait. Where what is done in the thread took but
a moment the last time, the event loop waits for it as well, for no longer than it would for a callback of that length.
Both go for a graph's runs that follow one another, too: what one learns, and its thread, are there for the next.

    HandOver.begin   the event loop hands a job over, and is told when it is done, if it doesn't wait for that
        _Stay        ... to the thread that waits for this run, or to any other of the executor's
            Meeting  where the two tell each other
    BetweenRuns      what a run leaves to the next one of its graph
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from langgraph_engine.execute import MOMENT
from langgraph_engine.turns import held_up

if TYPE_CHECKING:
    from langgraph_engine.compiled import CompiledGraph
    from langgraph_engine.meeting import Meeting

__all__ = [
    "A_JOB",
    "A_RUN",
    "NO_JOB",
    "BetweenRuns",
    "HandOver",
    "Job",
    "begin_in_thread",
    "hand_over_of",
]

_COMES_AGAIN_WITHIN: Final = 0.001
"""Seconds a thread waits for a run to come again."""
_SHORT: Final = 0.0005
"""Seconds within which a job was done that the event loop may wait for the next time."""
_LOOP_WAITS: Final = 0.001
"""... and for how many."""
_TRIES_AGAIN_AFTER: Final = 16
"""So many threads' first jobs aren't waited for once one was waited for in vain."""
_run_in_executor = asyncio.BaseEventLoop.run_in_executor

NO_JOB: Final = 0
"""No job of this run's, or not in a moment."""
A_JOB: Final = 1
"""Another job of this run's."""
A_RUN: Final = 2
"""The run is over; another may come."""


class HandedOver(Protocol):
    """A run."""

    event_loop: Any
    graph: CompiledGraph
    hand_over: HandOver | None


class Job(Protocol):
    """What a thread is to do."""

    def run(self) -> int:
        """In the thread: do it, and raise nothing; what is likely to follow: ``NO_JOB``, ``A_JOB`` or ``A_RUN``."""
        ...

    def give(self) -> None:
        """In the event loop, if it didn't wait: it is done."""
        ...


class BetweenRuns:
    """What a run of a graph leaves to the next one: what it learnt, and its thread if the next one comes in a moment.

    Whether it does is what the last one did. Event loops may share one; the thread of another is left to leave by itself.

    Attributes:
        comes_soon: Whether the last run came in a moment after the one before it.
        was_short: Whether the last job of the last run took but a moment.
        too_late: So many more times a thread's first job isn't waited for.
    """

    __slots__ = ("_ended", "_staying", "comes_soon", "too_late", "was_short")

    def __init__(self) -> None:
        self.comes_soon = self.was_short = False
        self.too_late = 0
        self._ended = -_COMES_AGAIN_WITHIN
        # The thread has its stay while it is there.
        self._staying: Callable[[], _Stay | None] = _nobody

    def begun(self, event_loop: Any) -> _Stay | None:
        """A run is handed over for the first time: the stay of the thread that waits for it, if one does."""
        self.comes_soon = monotonic() - self._ended <= _COMES_AGAIN_WITHIN
        stay = self._staying()
        self._staying = _nobody
        return stay if stay is not None and stay.is_for(event_loop) else None

    def ended(self, stay: _Stay) -> None:
        """A run is over: its thread waits for the next one, or leaves."""
        self._ended = monotonic()
        self.was_short = stay.was_short
        if self.comes_soon and self._staying() is None:
            self._staying = weakref.ref(stay)
        else:
            stay.dismiss()


def _nobody() -> None:
    """There is no thread that waits for a run."""


class HandOver:
    """How one run is handed over. Used by the event loop's thread.

    Args:
        event_loop: The event loop.
        meeting: Makes a place for it and a thread to meet: ``MeetingEngine.meeting``.
        between_runs: What other runs of the graph left, and this one will.
    """

    __slots__ = ("_between_runs", "_event_loop", "_meeting", "_stay")

    def __init__(
        self, event_loop: Any, meeting: Callable[..., Meeting], between_runs: BetweenRuns
    ) -> None:
        self._event_loop, self._meeting, self._between_runs = event_loop, meeting, between_runs
        self._stay: _Stay | None = between_runs.begun(event_loop)

    def begin(self, job: Job) -> bool | None:
        """Have a thread do a job; whether it is done already.

        None if the threads aren't asyncio's own, and whoever has them is to be asked: ``run_in_executor``.

        Raises:
            RuntimeError: The event loop has no threads any more.
        """
        before = self._stay
        if before is not None:
            is_done = before.ask(job)
            if is_done is not None:
                return is_done
        executor = _executor_of(self._event_loop)
        if executor is None:
            return None
        self._stay = None
        between_runs = self._between_runs
        was_short = between_runs.was_short if before is None else before.was_short
        waits = was_short and _is_idle(self._event_loop)
        if waits and between_runs.too_late:
            between_runs.too_late -= 1
            waits = False
        meeting = self._meeting(awaited=waits)
        stay = _Stay(self._event_loop, executor, meeting, before, between_runs)
        stay.cancel = executor.submit(stay.serve, job).cancel
        self._stay = stay
        if not waits:
            return False
        is_done = stay.wait()
        if not is_done:  # all threads may be busy, and for long
            between_runs.too_late = _TRIES_AGAIN_AFTER
        return is_done

    def forget(self) -> None:
        """Nobody waits any more for the job that was begun last. A thread that hasn't begun it won't."""
        stay, self._stay = self._stay, None
        if stay is not None:
            stay.cancel()
            stay.dismiss()  # its thread may be busy for long

    def close(self) -> None:
        """The run is over: nobody need wait for it."""
        stay, self._stay = self._stay, None
        if stay is not None:
            self._between_runs.ended(stay)


def hand_over_of(run: HandedOver) -> HandOver:
    """How a run is handed over: the one it has, or its first."""
    if run.hand_over is None:
        graph = run.graph
        run.hand_over = HandOver(run.event_loop, graph.meeting, graph.between_runs)
    return run.hand_over


def begin_in_thread(event_loop: Any, function: Callable[[], None]) -> None:
    """Have a thread of an event loop's call a function, which says itself when it is done.

    Raises:
        RuntimeError: The event loop has no threads any more.
    """
    executor = _executor_of(event_loop)
    if executor is None:
        event_loop.run_in_executor(None, function)
    else:
        # Nothing is told to an event loop that may be closed by then.
        executor.submit(function)


def _executor_of(event_loop: Any) -> ThreadPoolExecutor | None:
    """The executor of an event loop of asyncio's own, if there is nobody's code around it."""
    if (
        getattr(type(event_loop), "run_in_executor", None) is not _run_in_executor
        or "run_in_executor" in vars(event_loop)
        or getattr(event_loop, "_executor_shutdown_called", True)
    ):
        return None
    executor = getattr(event_loop, "_default_executor", None)
    if executor is None:
        executor = ThreadPoolExecutor(thread_name_prefix="asyncio")  # as asyncio makes it
        event_loop.set_default_executor(executor)
    return executor if type(executor) is ThreadPoolExecutor else None


def _is_idle(event_loop: Any) -> bool:
    """Whether it says that it has nothing else to do."""
    return not getattr(event_loop, "_ready", True)


def _tell(job: Job, event_loop: Any) -> None:
    if not event_loop.is_closed():  # else nobody waits
        event_loop.call_soon_threadsafe(job.give)


class _Stay:
    """A thread's time with a run, and with the graph's next one: a job, and more if they come soon."""

    __slots__ = (
        "__weakref__",
        "_between_runs",
        "_comes_soon",
        "_event_loop",
        "_executor",
        "_job",
        "_meeting",
        "cancel",
        "ended",
        "was_short",
    )

    cancel: Callable[[], Any]
    """Has the thread not begin, if it hasn't."""
    ended: float
    """When its last job did."""
    was_short: bool
    """Whether that took but a moment."""

    def __init__(
        self,
        event_loop: Any,
        executor: Any,
        meeting: Meeting,
        before: _Stay | None,
        between_runs: BetweenRuns,
    ) -> None:
        self._event_loop, self._meeting, self._between_runs = event_loop, meeting, between_runs
        self._executor = executor
        self._job: Job | None = None
        self.ended = monotonic()
        self.was_short = before is not None and before.was_short
        self._comes_soon = before is None or self.ended - before.ended <= _COMES_AGAIN_WITHIN

    def is_for(self, event_loop: Any) -> bool:
        """Whether it is a thread that this event loop would have its jobs done by now."""
        executor = self._executor
        if self._event_loop is not event_loop or _executor_of(event_loop) is not executor:
            return False
        return not getattr(executor, "_shutdown", True)

    def wait(self) -> bool:
        """Whether the thread's first job is done in a moment."""
        return bool(self._waiting(self._meeting.wait))

    def ask(self, job: Job) -> bool | None:
        """Whether a job is done; None if the thread has left."""
        self._job = job
        ask = self._meeting.ask
        # What comes next is likely to be done in a moment, too.
        is_done = self._waiting(ask) if self.was_short and _is_idle(self._event_loop) else ask(0)
        if is_done is None:
            self._job = None
        return is_done

    @staticmethod
    def _waiting(ask: Callable[[float], bool | None]) -> bool | None:
        began = monotonic()
        is_done = ask(_LOOP_WAITS)
        held_up(monotonic() - began)
        return is_done

    def dismiss(self) -> None:
        """Have the thread leave, once it has nothing to do."""
        self._meeting.dismiss()

    # -- in the thread --------------------------------------------------------------------------

    def serve(self, job: Job | None) -> None:
        """Do jobs."""
        meeting = self._meeting
        others = getattr(self._executor, "_work_queue", None)  # who waits for a thread
        while job is not None:
            began = monotonic()
            follows = job.run()
            self.ended = monotonic()
            took = self.ended - began
            self.was_short = took <= _SHORT
            stays = follows == A_JOB or (follows == A_RUN and self._between_runs.comes_soon)
            stays = stays and self._comes_soon and took <= MOMENT
            if not stays or others is None or not others.empty():
                if not meeting.leave():
                    _tell(job, self._event_loop)
                return
            came = meeting.finished(_COMES_AGAIN_WITHIN)
            if came is None:
                _tell(job, self._event_loop)
                del job
                # An event loop that goes on meanwhile has other things to do than another run.
                came = meeting.look(_COMES_AGAIN_WITHIN if follows == A_JOB else 0)
            if not came:
                return
            job, self._job = self._job, None
