"""A thread's history, newest first, read a page at a time.

The first snapshot doesn't wait for the whole thread, and no cursor of the saver's stays open while the
caller looks at one: each page is read to its end, and is twice as long as the one before.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from langgraph_engine.state_dialogue import AskAll, Dialogue

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

__all__ = ["HistoryPages"]

FIRST_PAGE = 8


class HistoryPages:
    """The pages of a thread's history, to be asked for one after the other."""

    def __init__(
        self,
        saver: Any,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> None:
        self._saver, self._config = saver, config
        self._filter, self._before, self._limit = filter, before, limit
        self._after: RunnableConfig | None = before
        self._left = limit
        self._size = FIRST_PAGE
        self._given: set[str] = set()
        self._oldest: str | None = None
        self.more = True
        """Whether there may be another page."""

    def next_page(self) -> Dialogue[list[CheckpointTuple]]:
        """Read the next page; empty at the end."""
        size = self._size if self._left is None else min(self._size, self._left)
        page: list[CheckpointTuple] = yield self._ask(self._after, size)
        whole = len(page) != size or size == self._left
        if self._is_next(page, whole):
            self.more = not whole
        else:
            page = yield self._ask(self._before, self._limit)
            page = [saved for saved in page if saved.checkpoint["id"] not in self._given]
            self.more = False
        if self.more:
            self._given.update(saved.checkpoint["id"] for saved in page)
            self._after, self._oldest = page[-1].config, page[-1].checkpoint["id"]
            self._left = None if self._left is None else self._left - size
            self._size *= 2
        return page

    def _is_next(self, page: list[CheckpointTuple], whole: bool) -> bool:
        """Whether the page goes on where the last one ended: not every saver sorts, or knows ``before``."""
        if whole and self._oldest is None:
            return True  # all there is, in the saver's own order
        ids = [saved.checkpoint["id"] for saved in page]
        if self._oldest is not None:
            ids.insert(0, self._oldest)
        return all(newer > older for newer, older in pairwise(ids))

    def _ask(self, before: RunnableConfig | None, limit: int | None) -> AskAll:
        return AskAll(
            self._saver, "list", self._config, before=before, limit=limit, filter=self._filter
        )
