"""Plain functions that an event loop has threads call: those of one superstep's tasks, together.

LangGraph hands each to a thread of its own. So does this, but where all of them ended in a moment the last times, one
thread calls them one after the other. If it is stuck with one after all, the others get threads of their own, and what
had ended is taken.

    add     a task's function, and the future of what it returns
    start   hand them over (``hand_over``, to whose threads this is a job)
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from langgraph_engine import upstream
from langgraph_engine.execute import MOMENT
from langgraph_engine.hand_over import A_JOB, begin_in_thread
from langgraph_engine.turns import call_back

if TYPE_CHECKING:
    from langgraph_engine.hand_over import HandOver
    from langgraph_engine.node_plan import NodePlan

__all__ = ["PlainFunctions", "as_out_of_a_thread"]

_CHANGED_BY_FUTURES = frozenset(
    {
        concurrent.futures.CancelledError,
        concurrent.futures.TimeoutError,
        concurrent.futures.InvalidStateError,
    }
)
"""What asyncio takes for one of its own exceptions, if it is exactly that."""


async def as_out_of_a_thread(error: BaseException) -> BaseException:
    """What a function raised in a thread, as LangGraph gets it from there."""
    if _is_changed(error):
        try:
            await upstream.run_in_executor(None, _raise, [error])
        except BaseException as raised:  # noqa: BLE001 - it is for whoever asked
            return raised
    return error


def _is_changed(error: BaseException) -> bool:
    return isinstance(error, StopIteration) or type(error) in _CHANGED_BY_FUTURES


def _raise(errors: list[BaseException]) -> NoReturn:
    raise errors.pop()


class _Job(NamedTuple):
    """A task's function, where it is called, and the future of what it returns."""

    plan: NodePlan
    context: Context
    call: Callable[[], Any]
    given: Any
    done: Callable[[Any], None]


class _Outcome(NamedTuple):
    """What became of a function: what it raised, or what it returned."""

    given: Any
    done: Callable[[Any], None]
    error: BaseException | None
    value: Any


class PlainFunctions:
    """The plain functions of one superstep's tasks.

    Args:
        event_loop: The event loop, in whose thread every method but those of the threads is called.
        hand_over: Hands the run over.
    """

    def __init__(self, event_loop: Any, hand_over: HandOver) -> None:
        self._event_loop, self._hand_over = event_loop, hand_over
        self._waiting: deque[_Job] = deque()
        self._ended: deque[_Outcome] = deque()
        self._tells_each = self._is_over = False
        self._lock = threading.Lock()
        self._begun = self._looked_at = 0
        self._watch: Any = None

    def __len__(self) -> int:
        """How many nobody began."""
        return len(self._waiting)

    def add(
        self,
        plan: NodePlan,
        context: Context,
        call: Callable[[], Any],
        done: Callable[[Any], None],
    ) -> Any:
        """A task's function: the future of what it returns.

        Args:
            plan: Of the task's node.
            context: The node's; the function is called in a copy of it.
            call: Calls the function.
            done: Called with the future once it is done.
        """
        given = self._event_loop.create_future()
        given.add_done_callback(done)
        self._waiting.append(_Job(plan, context, call, given, done))
        return given

    def start(self) -> None:
        """Hand all of them over to threads."""
        if len(self._waiting) > 1 and all(job.plan.is_quick for job in self._waiting):
            # If there are no threads any more, each of them is told.
            with contextlib.suppress(RuntimeError):
                self._begin()
                return
        self._call_each()

    def _begin(self) -> None:
        """Have one thread call all of them."""
        is_done: bool | None = False
        try:
            is_done = self._hand_over.begin(self)
            if is_done is None:
                begin_in_thread(self._event_loop, self._run_and_tell)
        finally:
            # Whoever interrupts an event loop that waits may go on with it.
            if not is_done:
                self._watch = self._event_loop.call_later(MOMENT, self._look)
        if is_done:
            if all(ended.error is None for ended in self._ended):
                self._conclude()
            else:
                self.give()

    def _conclude(self) -> None:
        """Take what all of them returned, without a turn of the event loop, unless a function asked something of it."""
        if getattr(self._event_loop, "_ready", True):
            self._event_loop.call_soon(self.give)
            return
        while self._ended:
            given, done, _, value = self._ended.popleft()
            if given.remove_done_callback(done):  # else it was stopped
                given.set_result(value)
                call_back(self._event_loop, done, given)

    def _call_each(self) -> None:
        """Have a thread for each of those that nobody began."""
        for _ in range(len(self._waiting)):
            self._call_next()

    def _call_next(self) -> None:
        try:
            begin_in_thread(self._event_loop, self._call_one)
        except RuntimeError as error:
            if (job := self._take()) is not None:
                job.given.set_exception(error)

    def _look(self) -> None:
        """Take what has ended, and look whether the one thread gets on; if it doesn't, others take the rest."""
        self._watch = None
        if self._waiting and self._looked_at != self._begun:
            self._looked_at = self._begun
            self._watch = self._event_loop.call_later(MOMENT, self._look)
        else:
            # Before what has ended is taken: the thread looks once it added to that.
            self._tells_each = True
            self._call_each()
        self.give()

    def give(self) -> None:
        """Take what has ended."""
        if self._watch is not None and self._is_over:
            self._watch.cancel()
            self._watch = None
        exits = None
        while self._ended:
            given, _, error, value = self._ended.popleft()
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                exits = error
            if given.done():
                continue
            if error is None:
                given.set_result(value)
            elif _is_changed(error):
                raising = asyncio.ensure_future(as_out_of_a_thread(error), loop=self._event_loop)
                raising.add_done_callback(partial(_give_error, given))
            else:
                given.set_exception(error)
        if exits is not None:
            raise exits  # as out of an asyncio task

    # -- in threads -----------------------------------------------------------------------------

    def run(self) -> int:
        """Call all of them, one after the other."""
        while (job := self._take()) is not None:
            fails = self._call(job, alone=True)
            del job
            if fails or self._tells_each:
                self._tell()
        self._is_over = True
        return A_JOB

    def _run_and_tell(self) -> None:
        self.run()
        self._tell()

    def _call_one(self) -> None:
        job = self._take()
        if job is not None:
            self._call(job, alone=False)
            del job
            self._tell()

    def _take(self) -> _Job | None:
        with self._lock:
            while self._waiting:
                job = self._waiting.popleft()
                self._begun += 1
                if not job.given.done():  # else it was stopped
                    return job
            return None

    def _call(self, job: _Job, *, alone: bool) -> bool:
        """Call a function; whether it raises. What it does to its context ends here, as in LangGraph."""
        plan, context, call, given, done = job
        del job
        began = time.perf_counter()
        try:
            ended = _Outcome(given, done, None, context.copy().run(call))
        except BaseException as error:  # noqa: BLE001 - it is for whoever waits
            ended = _Outcome(given, done, error, None)
        plan.took(time.perf_counter() - began, alone=alone)
        fails = ended.error is not None
        self._ended.append(ended)
        del given, done, ended  # what was raised refers to this frame
        return fails

    def _tell(self) -> None:
        if not self._event_loop.is_closed():  # else nobody waits
            self._event_loop.call_soon_threadsafe(self.give)


def _give_error(given: Any, done: asyncio.Future[BaseException]) -> None:
    if not given.done():
        given.set_exception(done.result())
