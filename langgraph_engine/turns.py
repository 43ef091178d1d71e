"""Whether an event loop is to have a turn once a node has ended, and what it does in one.

LangGraph's nodes take such a turn because they are asyncio tasks; here a node that didn't wait wouldn't.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final

__all__ = ["call_back", "held_up", "turn_is_due"]

_STEPS_WITHOUT_A_TURN: Final = 16
_HELD_UP_AT_MOST: Final = 0.0005
"""Seconds an event loop may wait for threads, all in all, before it has a turn."""


class _Steps(threading.local):
    """How many tasks this thread's event loop ended, and how long it was held up, whatever runs they belong to."""

    ended = 0
    held_up = 0.0


_steps = _Steps()


def turn_is_due(event_loop: Any) -> bool:
    """Whether to let the event loop do what a node left it to do, before the node's task is settled.

    asyncio's own loops say whether anything is waiting for a turn; if nothing is, the turn is left out,
    but not for long, as only a turn looks at sockets.
    """
    ended = _steps.ended = _steps.ended + 1
    if _steps.held_up > _HELD_UP_AT_MOST:
        _steps.held_up = 0.0
        return True
    return bool(
        ended % _STEPS_WITHOUT_A_TURN == 0
        or getattr(event_loop, "_ready", True)
        or getattr(event_loop, "_scheduled", True)
    )


def held_up(seconds: float) -> None:
    """An event loop waited for a thread: what comes from elsewhere, as from a socket, waited too."""
    _steps.held_up += seconds


def call_back(event_loop: Any, callback: Callable[..., Any], *args: Any) -> None:
    """Call a callback as an event loop does: only what interrupts the event loop comes out of it.

    Raises:
        KeyboardInterrupt, SystemExit: The callback did.
    """
    try:
        copy_context().run(callback, *args)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - nobody else hears of it
        told = {"message": f"Exception in callback {callback!r}", "exception": error}
        event_loop.call_exception_handler(told)
