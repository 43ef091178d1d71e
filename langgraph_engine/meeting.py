"""Where an event loop and a thread meet that wait for each other, for engines without the capability ``meeting``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langgraph_engine.execute import Meeting

__all__ = ["LockMeeting", "meetings"]

_BUSY: Final = 0
"""The thread has a job, or finds one when it looks."""
_FREE: Final = 1
"""The thread has done its job."""
_LEFT: Final = 2
"""The thread has left, or is to leave when it looks."""


def meetings(engine: Any) -> Callable[[], Meeting]:
    """What makes them: an engine that has the capability, or ``LockMeeting``."""
    return engine.meeting if "meeting" in engine.capabilities else LockMeeting


class LockMeeting:
    """See ``execute.Meeting``.

    The event loop doesn't wait: Python's locks wake a thread no sooner than an event loop is told the ordinary way.
    """

    __slots__ = ("_jobs", "_lock", "_state")

    def __init__(self) -> None:
        self._state = _BUSY
        self._lock = threading.Lock()
        self._jobs = threading.Lock()  # held while there is no job to be found
        self._jobs.acquire()

    def ask(self, seconds: float) -> bool | None:  # noqa: ARG002 - it doesn't wait
        """In the event loop: there is a job."""
        return False if self._tells(_BUSY) else None

    def dismiss(self) -> None:
        """In the event loop: there will be no job."""
        self._tells(_LEFT)

    def _tells(self, state: int) -> bool:
        """Tell a thread that has done its job what is next; whether there is one."""
        with self._lock:
            if self._state != _FREE:
                return False
            self._state = state
        self._jobs.release()
        return True

    def finished(self, seconds: float) -> bool | None:  # noqa: ARG002 - the event loop doesn't wait
        """In the thread: the job is done."""
        with self._lock:
            self._state = _FREE
        return None

    def look(self, seconds: float) -> bool:
        """In the thread: look for a job."""
        if not self._jobs.acquire(timeout=seconds):
            with self._lock:
                if self._state == _FREE:
                    self._state = _LEFT
                    return False
            self._jobs.acquire()  # one came just now
        return self._state == _BUSY

    def leave(self) -> bool:
        """In the thread: the job is done, and the thread leaves."""
        with self._lock:
            self._state = _LEFT
        return False
