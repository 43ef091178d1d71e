"""The values of one run: the library knows each by a number, its handle."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from langgraph_engine_cffi.library import address, ffi

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HOST_AT", "Values"]

HOST = ffi.new("lge_host *")
"""The ``lge_host`` of every run: one that is never called."""
HOST_AT = address(HOST)


class Values:
    """A table of values. Each handle is given out once, with one reference, and released once.

    A value that is written twice has two handles: counting is the library's business. It says in its
    replies which handles it released, and calls nobody.

    Attributes:
        held: The values, by handle.
        following: Gives a handle that wasn't given out yet.
        of: Gives the value of a handle.
    """

    __slots__ = ("_count", "following", "held", "of")

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self._count = itertools.count(1)
        self.following = self._count.__next__
        self.of = self.held.__getitem__

    def __len__(self) -> int:
        return len(self.held)

    def lend(self, value: Any, lent: list[int]) -> int:
        """Give a value a handle, for a message; ``lent`` lists those of one message."""
        handle = self.following()
        self.held[handle] = value
        lent.append(handle)
        return handle

    def lend_all(self, values: Sequence[Any], lent: list[int]) -> list[int]:
        """``lend`` for each of some values."""
        handles = [*itertools.islice(self._count, len(values))]
        self.held.update(zip(handles, values, strict=True))
        lent += handles
        return handles

    def forget(self, handles: Sequence[int]) -> None:
        """Forget handles: those the library released, or never took as it refused their message."""
        # A value that ends may look at its run: it does so once all are out of the table.
        ended = [*map(self.held.pop, handles)]
        del ended

    def clear(self) -> None:
        """Forget every handle: the run was freed, and has none."""
        self.held.clear()
