"""Handing a run over to a thread of the event loop's executor, and taking it back, again and again.

A thread that gives a run back waits a moment for it to come again, as it does where it is streamed or saved: the
executor's queue, its future and asyncio's future of that take longer than what is done in the thread.

    HandOver.call    the event loop hands a function over, and awaits what it gives
        _Stay        ... to the thread that waits for this run, or to any other of the executor's
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from langgraph_engine.execute import MOMENT

__all__ = ["HandOver", "begin_in_thread"]

_WAITS = 0.001
"""Seconds a thread waits for a run to come again."""
_run_in_executor = asyncio.BaseEventLoop.run_in_executor


class HandOver:
    """How one run is handed over. Used by the event loop's thread.

    Args:
        event_loop: The event loop.
    """

    __slots__ = ("_event_loop", "_stay")

    def __init__(self, event_loop: Any) -> None:
        self._event_loop = event_loop
        self._stay: _Stay | None = None

    async def call(self, function: Callable[[], Any], comes_again: Callable[[Any], bool]) -> Any:
        """Call a function in a thread, in a copy of the context; what it gives.

        Args:
            function: The function, which may not raise.
            comes_again: Whether another call is likely to follow, by what the function gave. Called in the thread.

        Raises:
            CancelledError: The caller was cancelled. A function that was begun goes on.
            RuntimeError: The event loop has no threads any more.
        """
        executor = _executor_of(self._event_loop)
        if executor is None:
            return await self._event_loop.run_in_executor(None, copy_context().run, function)
        job = _Job(copy_context(), function, self._event_loop.create_future())
        stay = self._stay
        if stay is None or not stay.takes(job):
            stay = self._stay = _Stay(self._event_loop, executor, comes_again)
            begun = executor.submit(stay.serve, job)
            stay.cancel = begun.cancel
        try:
            return await job.given
        except BaseException:
            self._stay = None  # its thread may be busy for long
            job.is_wanted = False
            stay.cancel()
            raise


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


class _Job:
    """A function to be called, and the future of what it gives."""

    __slots__ = ("_call", "given", "is_wanted")

    def __init__(self, context: Context, function: Callable[[], Any], given: Any) -> None:
        self._call: Callable[[], Any] = partial(context.run, function)
        self.given = given
        self.is_wanted = True

    def run(self) -> Any:
        call = self._call
        del self._call  # the executor keeps its first job as long as its thread stays
        return call() if self.is_wanted else None

    def give(self, value: Any) -> None:
        """In the event loop: this is what it gave."""
        if not self.given.done():
            self.given.set_result(value)


class _Stay:
    """A thread's time with a run: a function, and more if they come soon."""

    __slots__ = ("_comes_again", "_event_loop", "_is_over", "_jobs", "_lock", "_others", "cancel")

    cancel: Callable[[], Any]
    """Has the thread not begin, if it hasn't."""

    def __init__(self, event_loop: Any, executor: Any, comes_again: Callable[[Any], bool]) -> None:
        self._event_loop, self._comes_again = event_loop, comes_again
        self._others = getattr(executor, "_work_queue", None)  # who waits for a thread
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_over = False

    def takes(self, job: _Job) -> bool:
        """Whether the thread is still there, to call another one."""
        with self._lock:
            if not self._is_over:
                self._jobs.put(job)
            return not self._is_over

    # -- in the thread --------------------------------------------------------------------------

    def serve(self, first: _Job) -> None:
        """Call functions."""
        job: _Job | None = first
        del first
        while job is not None:
            began = monotonic()
            value = job.run()
            stays = (
                monotonic() - began <= MOMENT
                and self._others is not None
                and self._others.empty()
                and self._comes_again(value)
            )
            if not stays:
                with self._lock:
                    self._is_over = True
            if not self._event_loop.is_closed():  # else nobody waits
                self._event_loop.call_soon_threadsafe(job.give, value)
            del job, value
            job = self._following() if stays else None

    def _following(self) -> _Job | None:
        """The next one, if it comes soon."""
        try:
            return self._jobs.get(timeout=_WAITS)
        except Empty:
            pass
        with self._lock:
            self._is_over = self._jobs.empty()  # else it came just now
            return None if self._is_over else self._jobs.get()
