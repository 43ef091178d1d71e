"""Several tasks of a superstep: threads take them from one queue, the calling thread among them if it may.

Handing a task to another thread costs more than most tasks do. So the thread that runs the loop takes the
tasks of a superstep one by one, and so does the run's thread pool, from the same queue:

    calling thread   take a task, run it, take the next, ...       wait for those the others took
    pool's threads   the first has the next one started, then takes tasks as well

A thread of the pool gets to work as soon as another one waits for something, in a node that sleeps or
does I/O; then it starts one more. Nodes that only compute are run by the calling thread, one after the
other, as the interpreter would have run them anyway. No more run at once than the pool has threads.

If somebody takes output meanwhile, the calling thread only waits for it, and all is done by the pool's. Then it is the
calling thread that stops the others once a task has failed, if it is still there: whoever leaves lets them all run.

Where every node ended in a moment the last times, the calling thread runs them all, watched or not, and no thread of the
pool is started unless it is stuck (``stalls``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream
from langgraph_engine.stalls import stop_watching, watch

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop_sync import SyncLoop

__all__ = ["SharedRun", "may_share"]

Attempt = Callable[["LiveTask"], None]
Settle = Callable[[Any, "LiveTask", "BaseException | None"], None]


def may_share() -> bool:
    """Whether nodes may run in this thread: not if it has an event loop, which the pool's don't."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


class SharedRun:
    """The tasks of one superstep, and the threads at work on them.

    Args:
        loop: The run.
        attempt: Runs a task, or raises what its node raised.
        settle: Takes in what became of a task.
    """

    def __init__(self, loop: SyncLoop, attempt: Attempt, settle: Settle) -> None:
        self._loop = loop
        self._attempt = attempt
        self._settle = settle
        # Each task runs in a copy of the caller's context, whichever thread takes it.
        self._context = copy_context()
        self._waiting = deque(loop.live.values())
        self._helpers = 0
        self._is_here = self._is_watched = self._is_over = False
        self._lock = threading.Lock()
        self._looked_at = 0
        self._begun = self._ended = 0
        self._limit = len(self._waiting)
        self._failures: set[concurrent.futures.Future[None]] = set()
        self._has_failed = False
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> None:
        """Run every task; the first failure stops those not begun, interrupts are collected."""
        # Ctrl-C in this thread is the person's, not the task's.
        for _ in self._run_here(passes=(KeyboardInterrupt,)):
            pass
        self._raise_failure()

    def run_watched(self) -> Iterator[None]:
        """``run`` by the pool's threads alone; gives control back whenever there may be output.

        They go on if whoever takes the output leaves, until every task has ended. Quick nodes run here.
        """
        yield
        self._is_watched = True
        if self._are_quick() and may_share():
            yield from self._run_here()
        else:
            running = len(self._waiting)
            self._begin()
            yield from self._ending(running)
        yield
        if self._has_failed:
            with self._lock:
                self._limit = self._begun
            self._cancel_waiting()
        self._raise_failure()

    def _run_here(self, passes: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """Run tasks in this thread; gives control back after each, until one fails."""
        elsewhere = len(self._waiting)
        quick = self._are_quick()
        self._is_here = True
        self._begin(alone=quick)
        try:
            while self._has_place() and (taken := self._take()) is not None:
                context, task = taken
                context.run(self._run_one, task, passes)
                elsewhere -= 1
                if not self._has_failed:
                    self._is_here = False
                    yield
        except GeneratorExit:  # whoever takes the output left, and that stops nobody
            while self._has_place() and (taken := self._take()) is not None:
                context, task = taken
                context.run(self._run_one, task)
            raise
        finally:
            if quick:
                self._no_longer_alone()
        if self._begun == self._limit:
            self._cancel_waiting()
        yield from self._ending(elsewhere)

    def _has_place(self) -> bool:
        """Whether this thread may run a task, as one of those that may run at once."""
        with self._lock:
            self._is_here = not self._helpers or self._helpers < self._loop.pool_size()
            return self._is_here

    def _are_quick(self) -> bool:
        return all(task.plan.is_quick for task in self._waiting)

    def _begin(self, *, alone: bool = False) -> None:
        self._loop.call_done = self._done.put
        if alone:
            try:
                watch(self)
            except RuntimeError:  # there can't be another thread; perhaps there is one in the pool
                alone = False
        if not alone:
            self._call_for_help()

    # -- quick tasks, which this thread runs alone ----------------------------------------------

    def got_on(self) -> bool:
        """Whether a task was begun since this was asked last."""
        looked_at, self._looked_at = self._looked_at, self._begun
        return looked_at != self._begun

    def stalled(self) -> None:
        """This thread is busy with a task, or with what it yielded: let others take the rest."""
        with self._lock:
            if not self._is_over:
                self._call_for_help()

    def _no_longer_alone(self) -> None:
        stop_watching(self)
        with self._lock:
            self._is_over = True

    # -- all of them ----------------------------------------------------------------------------

    def _ending(self, running: int) -> Iterator[None]:
        """Wait for tasks that others run, and for the calls tasks made, until all have ended or one failed."""
        loop = self._loop
        while not self._has_failed and (running or loop.calls):
            done = self._done.get()
            if done is None:
                running -= 1
            elif loop.calls is not None:
                loop.calls.pop(done, None)
                if upstream.should_stop_others({done}):
                    break
            yield

    def _raise_failure(self) -> None:
        calls = self._loop.calls
        outcomes = set(self._failures)
        if calls is not None:
            outcomes.update(calls.done, calls)
        upstream.raise_first_failure(outcomes)

    def _take(self) -> tuple[Context, LiveTask] | None:
        with self._lock:
            if self._begun == self._limit:
                return None
            self._begun += 1
            return self._context.copy(), self._waiting.popleft()

    def _run_one(self, task: LiveTask, passes: tuple[type[BaseException], ...] = ()) -> None:
        """Run a task and settle it; what either raises is raised by ``run``, or here if it passes."""
        began = time.perf_counter()
        try:
            try:
                self._attempt(task)
            except passes:
                raise
            except BaseException as error:
                self._took(task, began)
                self._settle(self._loop, task, error)
                raise
            self._took(task, began)
            self._settle(self._loop, task, None)
        except passes:
            with self._lock:
                self._limit = self._begun
            self._cancel_waiting()
            raise
        except BaseException as error:  # noqa: BLE001
            self._failed(error)
        with self._lock:
            self._ended += 1

    def _took(self, task: LiveTask, began: float) -> None:
        task.plan.took(time.perf_counter() - began, alone=not self._helpers)

    def _failed(self, error: BaseException) -> None:
        failed: concurrent.futures.Future[None] = concurrent.futures.Future()
        failed.set_exception(error)
        self._failures.add(failed)
        if upstream.should_stop_others({failed}):
            self._has_failed = True
            if self._is_watched:
                return
            with self._lock:
                # LangGraph's pool has a task for each of its threads under way at any time, and the
                # thread that failed takes the next one before anybody can tell it not to.
                begun = self._ended + 1 + self._loop.pool_size()
                self._limit = min(self._limit, max(begun, self._begun))

    def _call_for_help(self) -> None:
        """Have one more thread of the pool take tasks, if it may and there are any."""
        if self._begun < self._limit and self._helpers < self._loop.pool_size() - self._is_here:
            self._helpers += 1
            self._loop.submit(self._help)

    def _help(self) -> None:
        self._call_for_help()
        while (taken := self._take()) is not None:
            context, task = taken
            try:
                context.run(self._run_one, task)
            finally:
                self._done.put(None)
        self._cancel_waiting()

    def _cancel_waiting(self) -> None:
        """Settle the tasks that won't be begun."""
        with self._lock:
            left = [*self._waiting] if self._begun == self._limit else []
            self._waiting.clear()
        for task in left:
            self._settle(self._loop, task, concurrent.futures.CancelledError())
