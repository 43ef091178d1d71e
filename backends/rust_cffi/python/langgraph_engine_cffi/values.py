"""The values of one run: the library knows each by a number, its handle."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from langgraph_engine_cffi.library import ffi

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Values"]


@ffi.callback("void(void *, const uint64_t *, size_t)")  # type: ignore[untyped-decorator]
def _release(context: Any, handles: Any, count: int) -> None:
    held = ffi.from_handle(context)
    # The values end once all are out of the table: what ends may look at the run.
    ended = [held.pop(handle) for handle in ffi.unpack(handles, count)]
    del ended


class Values:
    """A table of values. Each handle is given out once, with one reference, and released once.

    A value that is written twice has two handles: counting is the library's business.

    Attributes:
        host: The ``lge_host`` of a run with these values; must outlive it.
        of: Gives the value of a handle.
    """

    __slots__ = ("_context", "_held", "_next", "host", "of")

    def __init__(self) -> None:
        self._held: dict[int, Any] = {}
        self._next = itertools.count(1).__next__
        self._context = ffi.new_handle(self._held)
        self.host = ffi.new("lge_host *", (self._context, ffi.NULL, _release))
        self.of = self._held.__getitem__

    def __len__(self) -> int:
        return len(self._held)

    def lend(self, value: Any, lent: list[int]) -> int:
        """Give a value a handle, for a message; ``lent`` lists those of one message."""
        handle = self._next()
        self._held[handle] = value
        lent.append(handle)
        return handle

    def take_back(self, lent: Iterable[int]) -> None:
        """Forget the handles of a message that the library refused."""
        for handle in lent:
            del self._held[handle]
