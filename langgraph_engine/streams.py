"""The chunks of a stream: what is in one, and where it is till the caller takes it."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream

if TYPE_CHECKING:
    from langgraph.types import Interrupt

    from langgraph_engine.invocation import Invocation

__all__ = ["Chunks", "Latest", "QueueChunks", "shown_of", "update_of"]


@dataclass(slots=True)
class Latest:
    """The stream of an ``invoke``: keeps the last state and every interrupt, drops the rest.

    Attributes:
        value: The last state streamed.
        due: A newer state was due, and can still be read from the channels.
        interrupts: Interrupts streamed, in order.
    """

    value: Any = None
    due: bool = False
    interrupts: Sequence[Interrupt] = ()

    def put(self, chunk: tuple[tuple[str, ...], str, Any]) -> None:
        _, mode, payload = chunk
        if mode == "values":
            self.value, self.due = payload, False
        elif isinstance(payload, dict) and payload.get(upstream.INTERRUPT) is not None:
            self.interrupts = [*self.interrupts, *payload[upstream.INTERRUPT]]

    def settle(self, output: Any) -> None:
        """The run is over: if a newer state was due, it is the output read at the end."""
        if self.due:
            self.value = output.copy() if isinstance(output, dict) else output


class Chunks:
    """Chunks until they are taken, for a call that waits for nothing but its tasks.

    Attributes:
        put: Adds a chunk: its namespace, its mode and what it holds.
    """

    put: Callable[[Any], None]

    def __init__(self, call: Invocation) -> None:
        self._call = call
        self._streamed = call.streamed()
        self._waiting: deque[Any] = deque()
        self.put = self._waiting.append

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._waiting)

    def taken(self) -> Iterable[Any]:
        """Take them, in the form the caller asked for."""
        waiting = self._waiting
        if not waiting:
            return ()
        if self._streamed is None:
            return self._call.output(waiting.popleft, IndexError)
        chunks = [waiting.popleft()[1:] for _ in range(len(waiting))]
        return chunks if self._streamed.named else [chunk for _, chunk in chunks]


class QueueChunks(Chunks):
    """Chunks in a queue of LangGraph's, which can be waited for: by a thread, or by a coroutine.

    Attributes:
        queue: The queue.
    """

    def __init__(self, call: Invocation) -> None:
        super().__init__(call)
        if call.is_async:
            self.queue: Any = upstream.AsyncQueue()
            self.put, self._get = self.queue.put_nowait, self.queue.get_nowait
            self._empty: type[Exception] = asyncio.QueueEmpty
        else:
            self.queue = upstream.SyncQueue()
            self.put, self._get = self.queue.put, self.queue.get
            self._empty = queue.Empty

    def __bool__(self) -> bool:
        return not self.queue.empty()

    def taken(self) -> Iterable[Any]:
        return self._call.output(self._get, self._empty)


def update_of(writes: Sequence[tuple[str, Any]], output_keys: str | Collection[str]) -> Any:
    """What a chunk of updates shows of a task's writes, as LangGraph does.

    Args:
        writes: The task's.
        output_keys: The output channels, or one whose value isn't put into a dict.

    Returns:
        What the task returned, if it says so. Else the writes to output channels: a dict of them; a list of dicts of
        each, if a channel was written twice; None if there are none.
    """
    for channel, value in writes:
        if channel == upstream.RETURN:
            return value
    return shown_of(writes, output_keys)


def shown_of(writes: Sequence[tuple[str, Any]], output_keys: str | Collection[str]) -> Any:
    """``update_of`` for a task that doesn't say what it returned."""
    if isinstance(output_keys, str):
        each = [value for channel, value in writes if channel == output_keys]
        return each if len(each) > 1 else each[0] if each else None
    together: dict[str, Any] = {}
    for channel, value in writes:
        if channel in output_keys:
            if channel in together:
                return _one_by_one(writes, output_keys)
            together[channel] = value
    return together or None


def _one_by_one(writes: Sequence[tuple[str, Any]], output_keys: Collection[str]) -> Any:
    return [{channel: value} for channel, value in writes if channel in output_keys]
