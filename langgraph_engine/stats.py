"""Counts the runs an engine took and those handed back to stock LangGraph.

Counting sits on the path of every run, also inside event loops, so it never waits: an event is
appended to a queue (atomic in CPython), and whoever gets the lock without waiting adds the queue up.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any, Final

from langgraph_engine.forks import free_in_forks

__all__ = ["count_handed_back", "count_native", "reset", "snapshot"]

_NATIVE: Final = "native"
_HANDED_BACK: Final = "handed_back"
_FOLD_AT: Final = 256
"""Queued events at which a counting thread tries to add the queue up."""

_queue: deque[tuple[str, str, str]] = deque()
_totals: Counter[tuple[str, str, str]] = Counter()
_lock = free_in_forks(threading.Lock())


def count_native(engine: str, method: str) -> None:
    """Count one run an engine took.

    Args:
        engine: The engine's name.
        method: The LangGraph method that was called, such as ``"ainvoke"``.
    """
    _count((_NATIVE, engine, method))


def count_handed_back(method: str, reason: str) -> None:
    """Count one run handed to the stock method.

    Args:
        method: The LangGraph method that was called.
        reason: Why, in a few words; the same words for the same reason.
    """
    _count((_HANDED_BACK, method, reason))


def snapshot() -> dict[str, Any]:
    """Return every count so far, as plain dicts of the caller's own.

    Returns:
        ``{"native": {engine: {method: runs}}, "handed_back": {reason: runs},
        "handed_back_by_method": {method: {reason: runs}}}``.

    Example:
        >>> reset()
        >>> count_native("python", "invoke")
        >>> snapshot()["native"]
        {'python': {'invoke': 1}}
    """
    with _lock:
        _fold()
        totals = sorted(_totals.items())
    native: dict[str, dict[str, int]] = {}
    reasons: Counter[str] = Counter()
    by_method: dict[str, dict[str, int]] = {}
    for (kind, first, second), runs in totals:
        if kind == _NATIVE:
            native.setdefault(first, {})[second] = runs
        else:
            by_method.setdefault(first, {})[second] = runs
            reasons[second] += runs
    return {
        "native": native,
        "handed_back": dict(reasons),
        "handed_back_by_method": by_method,
    }


def reset() -> None:
    """Forget every count."""
    with _lock:
        _queue.clear()
        _totals.clear()


def _count(event: tuple[str, str, str]) -> None:
    _queue.append(event)
    if len(_queue) >= _FOLD_AT and _lock.acquire(blocking=False):
        try:
            _fold()
        finally:
            _lock.release()


def _fold() -> None:
    """Move the queue into the totals. The caller holds the lock."""
    _totals.update([_queue.popleft() for _ in range(len(_queue))])
