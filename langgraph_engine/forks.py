"""Locks that a forked process can use, whatever threads of its parent's held them."""

from __future__ import annotations

import os
from typing import Any, TypeVar

__all__ = ["free_in_forks"]

_Lock = TypeVar("_Lock")
_locks: list[Any] = []


def free_in_forks(lock: _Lock) -> _Lock:
    """A lock of a module's, free in a process forked from this one: whoever held it isn't there.

    Args:
        lock: A ``threading.Lock`` or ``RLock`` that lasts as long as the process.
    """
    _locks.append(lock)
    return lock


def _forked() -> None:
    for lock in _locks:
        lock._at_fork_reinit()  # noqa: SLF001 - what the standard library does to its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
