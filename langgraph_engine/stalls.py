"""Notices when a thread that does all the work itself is stuck in a part of it.

Starting a thread of a pool for tasks that are over in a moment takes longer than they do. So a thread does such tasks
itself, and says so here; another looks every millisecond whether it gets on. If it doesn't, because a
task waits after all, the pool is started then, and nothing has to wait for that task.

There is one such thread for all, made when there is something to look at and gone soon after there is nothing.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final, Protocol

from langgraph_engine.forks import free_in_forks

__all__ = ["LOOKS_EVERY", "stop_watching", "watch"]

LOOKS_EVERY: Final = 0.001
"""Seconds from one look to the next, and so what may pass till a stall is noticed; longer where threads compute."""
_LINGERS: Final = 100
"""Looks at nothing before the thread ends."""


class Work(Protocol):
    """What a thread does by itself."""

    def got_on(self) -> bool:
        """Whether it did since this was asked last."""
        ...

    def stalled(self) -> None:
        """It didn't; said at each look. May still be said once after ``stop_watching``."""
        ...


_watched: set[Work] = set()
_lock = free_in_forks(threading.Lock())
_thread: threading.Thread | None = None


def watch(work: Work) -> None:
    """Look after some work from now on.

    Raises:
        RuntimeError: The thread can't be started.
    """
    global _thread
    with _lock:
        if _thread is None:
            thread = threading.Thread(target=_look, name="langgraph-engine-stalls", daemon=True)
            thread.start()
            _thread = thread
        _watched.add(work)


def stop_watching(work: Work) -> None:
    """It is done, or no longer one thread's."""
    _watched.discard(work)


def _look() -> None:
    global _thread
    idle = 0
    try:
        while True:
            time.sleep(LOOKS_EVERY)
            for work in _watched.copy():
                if not work.got_on():
                    work.stalled()
            idle = 0 if _watched else idle + 1
            if idle > _LINGERS:
                with _lock:
                    if not _watched:
                        _thread = None
                        return
    except BaseException:
        _thread = None  # whoever watches next has another one made
        raise


def _forked() -> None:
    global _thread
    _thread = None
    _watched.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
