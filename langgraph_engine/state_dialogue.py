"""One text for the synchronous and the asynchronous form of a state method.

A dialogue is a generator: it yields an ``Ask`` wherever something outside has two forms (a saver, a
subgraph, a node's writers), is sent the answer, and returns its result. ``hold`` and ``ahold`` hold one.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

from langgraph_engine import upstream

__all__ = ["Ask", "AskAll", "AskToWrite", "Dialogue", "ahold", "hold"]

T = TypeVar("T")


class Ask:
    """A call of ``target.method``; where there is an event loop, of ``target.amethod``."""

    __slots__ = ("_arguments", "_keywords", "_method", "_target")

    def __init__(self, target: Any, method: str, *arguments: Any, **keywords: Any) -> None:
        self._target, self._method = target, method
        self._arguments, self._keywords = arguments, keywords

    def call(self, prefix: str) -> Any:
        """Make the call; ``prefix`` is what the method's name begins with."""
        method = getattr(self._target, prefix + self._method)
        return method(*self._arguments, **self._keywords)

    def answer(self) -> Any:
        return self.call("")

    async def aanswer(self) -> Any:
        return await self.call("a")


class AskAll(Ask):
    """A call that gives an iterator; the answer is a list of all it gives."""

    __slots__ = ()

    def answer(self) -> Any:
        return list(self.call(""))

    async def aanswer(self) -> Any:
        return [item async for item in self.call("a")]


class AskToWrite(Ask):
    """A call of ``put_writes``, with the task's path for a saver that takes one."""

    __slots__ = ("_path",)

    def __init__(self, saver: Any, config: Any, writes: Any, task_id: str, path: str) -> None:
        super().__init__(saver, "put_writes", config, writes, task_id)
        self._path = path

    def call(self, prefix: str) -> Any:
        if upstream.put_writes_accepts_task_path(getattr(self._target, prefix + self._method)):
            self._keywords = {"task_path": self._path}
        return super().call(prefix)


Dialogue: TypeAlias = Generator[Ask, Any, T]


def hold(dialogue: Dialogue[T]) -> T:
    """Answer a dialogue's questions with synchronous calls; give its result."""
    answer = None
    while True:
        try:
            ask = dialogue.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        answer = ask.answer()


async def ahold(dialogue: Dialogue[T]) -> T:
    """Answer a dialogue's questions with asynchronous calls; give its result."""
    answer = None
    while True:
        try:
            ask = dialogue.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        answer = await ask.aanswer()
