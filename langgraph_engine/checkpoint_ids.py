"""The ids of checkpoints: UUIDs of version 6, which sort by the time they were made.

LangGraph draws one for every superstep, also where nothing is saved. Its own function makes an object of the standard
library's on the way, which takes longer than all an engine does in a superstep; here the text is written directly.
"""

from __future__ import annotations

import builtins
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import FunctionType, SimpleNamespace
from typing import Any, Final

from langgraph_engine import upstream
from langgraph_engine.execute import Draws

__all__ = ["ID_TAIL", "counts_versions", "draws", "saved_id", "ticks", "unsaved_id", "unsaved_ids"]

_TICKS_BEFORE_1970: Final = 0x01B21DD213814000
"""From the epoch of UUIDs, 1582-10-15, in units of 100 ns; RFC 9562, section 5.1."""
_LANGGRAPHS: Final = upstream.uuid6 if upstream.uuid6.__module__ == upstream.UUIDS else None
"""LangGraph's own function; None if somebody had put another in its place before this was imported."""
_own_bits = random.Random().getrandbits  # noqa: S311 - not a secret

ticks = itertools.count(time.time_ns() // 100 + _TICKS_BEFORE_1970)
"""What checkpoint ids of runs without a saver are made of: 100 ns since 1582, as in a UUID."""
ID_TAIL = f"8000-{_own_bits(48):012x}"
"""What they end in."""


@lru_cache(maxsize=8)
def _ends(tail: str) -> tuple[str, ...]:
    """How ids go on from their last eight bits of time."""
    return tuple(f"{low:02x}-{tail}" for low in range(1 << 8))


def unsaved_ids(ticks: Iterator[int], tail: str) -> Callable[[], str]:
    """Gives ids in the form of a checkpoint's, for checkpoints of runs that have no saver.

    They grow from call to call, as the ticks do; nothing outlives the run to tell them from those LangGraph would have drawn.

    Args:
        ticks: Numbers of 100 ns since 1582, as in a UUID.
        tail: What the ids end in.
    """
    ends, present = _ends(tail), (0, "")

    def unsaved_id() -> str:
        nonlocal present
        tick = next(ticks)
        high = tick >> 8
        known, text = present
        if high != known:
            digits = f"{high:013x}"
            text = f"{digits[:8]}-{digits[8:12]}-6{digits[12:]}"
            present = high, text  # in one go: other threads draw ids too
        return text + ends[tick & 0xFF]

    return unsaved_id


unsaved_id = unsaved_ids(ticks, ID_TAIL)
"""Gives an id in the form of a checkpoint's, for one of a run that has no saver. None is given twice."""


def saved_id(step: int) -> str:
    """The id of the checkpoint after a superstep: what LangGraph's ``uuid6(clock_seq=step)`` would give, as text.

    It grows with the ids LangGraph draws itself in this process, and takes its random part from where LangGraph does. If
    ``upstream.uuid6`` is a function of somebody's own, that one is called.
    """
    if upstream.uuid6 is not _LANGGRAPHS:
        return str(upstream.uuid6(clock_seq=step))
    # Cutting text up takes less time than writing each part of a number.
    tick = f"{upstream.next_uuid_tick(time.time_ns() // 100 + _TICKS_BEFORE_1970):015x}"
    rest = f"{(0x8000 | step & 0x3FFF) << 48 | random.getrandbits(48):016x}"
    return f"{tick[:8]}-{tick[8:12]}-6{tick[12:]}-{rest[:4]}-{rest[4:]}"


def draws() -> Draws:
    """What ``saved_id`` and LangGraph's savers draw from."""
    return Draws(
        names=vars(upstream),
        uuid6=_LANGGRAPHS,
        uuid_names=upstream.uuid_names,
        last_tick=upstream.LAST_UUID_TICK,
        random=random,
    )


def counts_versions(saver: Any) -> bool:
    """Whether a saver's versions are made as LangGraph's savers make them; see ``Place.counts_versions``."""
    method = getattr(type(saver), "get_next_version", None)
    return (
        isinstance(method, FunctionType)
        and "get_next_version" not in getattr(saver, "__dict__", ())
        and _counts(method)
    )


@lru_cache(maxsize=64)
def _counts(method: FunctionType) -> bool:
    """Whether a method is one of LangGraph's packages, and does what is expected of it."""
    module, code = sys.modules.get(method.__module__), method.__code__
    if (
        module is None
        or not method.__module__.startswith("langgraph.checkpoint.")
        or code.co_filename != module.__file__
        or not _COUNTS_WITH.issuperset(code.co_names)
        or method.__globals__.get("random") is not random
        or method.__closure__ is not None
    ):
        return False
    for current, number, expected in _COUNTED:
        drawn = SimpleNamespace(random=lambda number=number: number)
        given = FunctionType(code, {"random": drawn, "__builtins__": builtins})
        if given(None, current, None) != expected:
            return False
    return True


_COUNTS_WITH = frozenset({"int", "isinstance", "random", "split"})
_COUNTED: Final[tuple[tuple[str | int | None, float, str], ...]] = (
    (None, 0.25, f"{1:032}.0000000000000.25"),
    (41, 0.5, f"{42:032}.00000000000000.5"),
    (f"{7:032}.0.123", 0.1234567890123456, f"{8:032}.0.1234567890123456"),
)
"""A version, a random number, and the version after it."""
