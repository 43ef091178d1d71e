"""Makes what varies from run to run stand still: ids, clocks, random suffixes.

The values are injected where LangGraph, and the engine, look them up, so the comparison itself stays exact.
"""

from __future__ import annotations

import datetime as dt
import importlib
import itertools
import random
import sys
import threading
import uuid
import zlib
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.errors import NodeTimeoutError
from langgraph.pregel._executor import BackgroundExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)

# A checkpoint that is never saved: stock draws an id for it, an engine need not.
_EMPTY_CHECKPOINT = -2


class StillDatetime(dt.datetime):
    """`datetime` whose `now` is always the same instant."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return NOW.astimezone(tz)


def _numbered_uuid6() -> Callable[..., uuid.UUID]:
    """Version 6 UUIDs that count instead of reading the clock; later ones still sort after earlier ones.

    `clock_seq` is kept in the id as LangGraph does, so a checkpoint of the wrong step shows.
    """
    counter = itertools.count(1)

    def uuid6(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        sequence = 0 if clock_seq is None else clock_seq
        ticks = 0 if sequence == _EMPTY_CHECKPOINT else next(counter)
        value = (0x1F0000000000 + (ticks >> 12)) << 80
        value |= (0x6000 | ticks & 0xFFF) << 64
        value |= (0x8000 | sequence & 0x3FFF) << 48
        return uuid.UUID(int=value)

    return uuid6


def _hash_by_class(handler: BaseCallbackHandler) -> int:
    """langchain-core keeps handlers in a set, whose order would follow their addresses."""
    return zlib.crc32(type(handler).__qualname__.encode())


def _timeout_error() -> Callable[..., None]:
    """A timeout error's message says how long it really took, to the millisecond."""
    construct = NodeTimeoutError.__init__

    def init(error: NodeTimeoutError, node: str, elapsed: float, **known: Any) -> None:
        construct(error, node, 0.0, **known)

    return init


COUNTED_UUID4 = "00000000-0000-4000-8000-"
"""How the ids begin that `add_messages` gives to messages without one."""


def _numbered_uuid4() -> Callable[[], uuid.UUID]:
    """Version 4 UUIDs that count."""
    counter = itertools.count(1)
    return lambda: uuid.UUID(int=next(counter), version=4)


@contextmanager
def writes_saved_at_once() -> Iterator[None]:
    """A thread that has writes saved, or a result kept in a cache, in the background waits until they are.

    They are saved while the run goes on. Whether they are before the next commit gives messages their ids,
    before somebody looks into the cache, or before the process dies, would depend on which thread is faster, on
    stock as well.
    """
    submit = BackgroundExecutor.submit

    def submit_and_wait(self: Any, call: Any, *args: Any, **options: Any) -> Future[Any]:
        future = submit(self, call, *args, **options)
        own_thread = threading.current_thread() in self.executor._threads
        if getattr(call, "__name__", "") in ("put_writes", "set") and not own_thread:
            wait([future], timeout=5)
        return future

    with patch.object(BackgroundExecutor, "submit", submit_and_wait):
        yield


@contextmanager
def stillness() -> Iterator[None]:
    """Everything that varies stands still inside, and counts from the beginning."""
    uuid6, uuid4 = _numbered_uuid6(), _numbered_uuid4()
    frozen: list[tuple[str, str, Any]] = [
        ("langgraph.checkpoint.base.id", "uuid6", uuid6),
        ("langgraph.checkpoint.base", "uuid6", uuid6),
        ("langgraph.pregel._checkpoint", "uuid6", uuid6),
        ("langgraph.pregel._checkpoint", "datetime", StillDatetime),
        ("langgraph.pregel._loop", "datetime", StillDatetime),
        ("langgraph.pregel._messages", "uuid4", uuid4),
        ("langgraph.store.memory", "datetime", StillDatetime),
    ]
    if "langgraph_engine.upstream" in sys.modules:
        frozen += [
            ("langgraph_engine.upstream", "uuid6", uuid6),
            ("langgraph_engine.upstream", "utc_now_iso", NOW.isoformat),
        ]
    with ExitStack() as stack:
        stack.enter_context(patch.object(uuid, "uuid4", uuid4))
        # The random part of a saver's versions.
        stack.enter_context(patch.object(random, "random", lambda: 0.25))
        stack.enter_context(patch.object(BaseCallbackHandler, "__hash__", _hash_by_class))
        stack.enter_context(patch.object(NodeTimeoutError, "__init__", _timeout_error()))
        stack.enter_context(writes_saved_at_once())
        for module, name, value in frozen:
            stack.enter_context(patch.object(importlib.import_module(module), name, value))
        yield
