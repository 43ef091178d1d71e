"""The chunks of a stream, between the loop that makes them and the caller who takes them."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream

if TYPE_CHECKING:
    from langgraph_engine.invocation import Invocation

__all__ = ["AsyncQueueChunks", "Chunks", "QueueChunks"]


class Chunks:
    """Chunks until they are taken, for a call that waits for nothing but its tasks.

    Attributes:
        put: Adds a chunk: its namespace, its mode and what it holds.
        get: Takes one, in the order they were put.
        empty: What ``get`` raises if there is none.
    """

    put: Callable[[Any], None]
    get: Callable[[], Any]
    empty: type[Exception] = IndexError

    def __init__(self, call: Invocation) -> None:
        self._call = call
        self._waiting: deque[Any] = deque()
        self.put, self.get = self._waiting.append, self._waiting.popleft

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._waiting)

    def taken(self) -> Iterator[Any]:
        """Take them, in the form the caller asked for."""
        return self._call.output(self.get, self.empty) if self else iter(())


class QueueChunks(Chunks):
    """Chunks in a queue of LangGraph's, which a thread can wait for.

    Attributes:
        queue: The queue.
    """

    empty = queue.Empty

    def __init__(self, call: Invocation) -> None:
        super().__init__(call)
        self.queue = upstream.SyncQueue()
        self.put, self.get = self.queue.put, self.queue.get

    def __bool__(self) -> bool:
        return not self.queue.empty()


class AsyncQueueChunks(Chunks):
    """Chunks in a queue of LangGraph's, which a coroutine can wait for.

    Attributes:
        queue: The queue.
    """

    empty = asyncio.QueueEmpty

    def __init__(self, call: Invocation) -> None:
        super().__init__(call)
        self.queue = upstream.AsyncQueue()
        self.put, self.get = self.queue.put_nowait, self.queue.get_nowait

    def __bool__(self) -> bool:
        return not self.queue.empty()
