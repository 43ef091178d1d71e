"""Where an event loop and a thread meet that wait for each other: the optional capability ``meeting``.

MeetingEngine.meeting() -> Meeting      an engine's own
LockMeeting                             the facade's, for engines without the capability
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

__all__ = ["LockMeeting", "Meeting", "MeetingEngine", "meetings"]

_BUSY: Final = 0
"""The thread has a job, or finds one when it looks; the event loop goes on."""
_AWAITED: Final = 1
"""... and the event loop waits."""
_FREE: Final = 2
"""The thread has done its job."""
_LEFT: Final = 3
"""The thread has left, or is to leave when it looks."""


class Meeting(Protocol):
    """Where an event loop and one of its threads meet that wait for each other, again and again.

    The thread has a job from the start. What a job is, and what it gives, they have elsewhere: this is where they are told.
    """

    def wait(self, seconds: float) -> bool:
        """In the event loop, and only if the meeting was made ``awaited``: wait for the thread's first job.

        Args:
            seconds: So long at most.

        Returns:
            Whether it is done.

        Behavior:
            - The event loop is told of the first job here; if it isn't done in time, the thread hears that nobody waits.
        """
        ...

    def ask(self, seconds: float) -> bool | None:
        """In the event loop: there is a job, the one before having been told done.

        Args:
            seconds: So long at most the event loop waits for it to be done.

        Returns:
            Whether it is done; None if the thread has left, and there is nobody to do it.

        Behavior:
            - The thread finds each job once, and the event loop is told of each once.
            - A job that isn't done in time is done all the same; the thread hears that nobody waits.
            - Once the thread has left, no job is taken.
        """
        ...

    def dismiss(self) -> None:
        """In the event loop, the one job before having been told done: there will be no other.

        Behavior:
            - A thread that looks for a job leaves.
        """
        ...

    def finished(self, seconds: float) -> bool | None:
        """In the thread: the job is done.

        Args:
            seconds: So long at most the thread looks for another one.

        Returns:
            Whether another one came, the event loop being told; if not, the thread has left. None if the event loop doesn't
            wait: it is to be told, and then to ``look``.
        """
        ...

    def look(self, seconds: float) -> bool:
        """In the thread: whether another job comes; if not, the thread has left.

        Args:
            seconds: So long at most it looks for one.

        Behavior:
            - A thread that looks for no time at all leaves, unless there is a job already.
        """
        ...

    def leave(self) -> bool:
        """In the thread: the job is done, and the thread leaves; whether the event loop was told."""
        ...


class MeetingEngine(Protocol):
    """An engine with the capability ``meeting``, of threads that tell each other faster than Python's locks do."""

    def meeting(self, *, awaited: bool = False) -> Meeting:
        """A new one; ``awaited`` if the event loop is going to ``wait`` for the first job."""
        ...


def meetings(engine: Any) -> Callable[..., Meeting]:
    """What makes them, as ``MeetingEngine.meeting`` does: an engine that has the capability, or ``LockMeeting``."""
    return engine.meeting if "meeting" in engine.capabilities else LockMeeting


class LockMeeting:
    """See ``Meeting``: each side sleeps until the other one wakes it."""

    __slots__ = ("_done", "_jobs", "_lock", "_state")

    def __init__(self, *, awaited: bool = False) -> None:
        self._state = _AWAITED if awaited else _BUSY
        self._lock = threading.Lock()
        # Held until there is a job to be found, or one was done that the event loop waits for.
        self._jobs, self._done = threading.Lock(), threading.Lock()
        self._jobs.acquire()
        self._done.acquire()

    def ask(self, seconds: float) -> bool | None:
        """In the event loop: there is a job."""
        if not self._wakes(_AWAITED if seconds else _BUSY):
            return None
        return self.wait(seconds) if seconds else False

    def wait(self, seconds: float) -> bool:
        """In the event loop: wait for the job there is."""
        if not self._done.acquire(timeout=seconds):
            with self._lock:
                if self._state == _AWAITED:
                    self._state = _BUSY
                    return False
            self._done.acquire()  # it was done just now
        return True

    def dismiss(self) -> None:
        """In the event loop: there will be no job."""
        self._wakes(_LEFT)

    def _wakes(self, state: int) -> bool:
        """Tell a thread that has done its job what is next; whether there is one."""
        with self._lock:
            if self._state != _FREE:
                return False
            self._state = state
        self._jobs.release()
        return True

    def finished(self, seconds: float) -> bool | None:
        """In the thread: the job is done."""
        return self.look(seconds) if self._tells(_FREE) else None

    def look(self, seconds: float) -> bool:
        """In the thread: look for a job."""
        if not self._jobs.acquire(timeout=seconds):
            with self._lock:
                if self._state == _FREE:
                    self._state = _LEFT
                    return False
            self._jobs.acquire()  # one came just now
        return self._state != _LEFT

    def leave(self) -> bool:
        """In the thread: the job is done, and the thread leaves."""
        return self._tells(_LEFT)

    def _tells(self, state: int) -> bool:
        """Change the state when a job is done; whether the event loop was waiting, and is told."""
        with self._lock:
            was_awaited, self._state = self._state == _AWAITED, state
        if was_awaited:
            self._done.release()
        return was_awaited
