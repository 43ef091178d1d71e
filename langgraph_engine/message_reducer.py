"""What ``add_messages`` gives, without going through the history three times for every message that is added.

LangGraph's reducer of message histories checks, numbers and indexes every message of the history each time. Most often
what it is given are plain messages that have ids, and a few more to come after them or in the place of one: then
looking at each id once says where they go. Everything else is LangGraph's own function's to do.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk, RemoveMessage

from langgraph_engine import upstream

__all__ = ["aggregate_of"]

_FEW = 8
"""Of more messages than that, each looked for by itself, an index is faster."""
_ONLY_TEXT = frozenset({str})
_id_of = attrgetter("id")
_plain_kinds: set[type] = set()
"""Classes of LangChain's own that were found to be plain."""


def aggregate_of(channel: Any) -> Any:
    """What has the reducer of a channel as its ``operator``: the channel, or for messages one that is quicker."""
    return MessageReducer(channel) if upstream.is_add_messages(channel.operator) else channel


class MessageReducer:
    """A channel whose reducer is ``add_messages``, until somebody replaces it."""

    __slots__ = ("_add_messages", "_channel", "_quick")

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._add_messages = channel.operator
        self._quick = partial(_merged, channel.operator)

    @property
    def operator(self) -> Callable[[Any, Any], Any]:
        """The channel's reducer, or a function that gives the same."""
        operator: Callable[[Any, Any], Any] = self._channel.operator
        return self._quick if operator is self._add_messages else operator


def _merged(add_messages: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """``add_messages(left, right)``."""
    added = right if type(right) is list else [right]
    if len(added) > _FEW or type(left) is not list or not (_are_plain(left) and _are_plain(added)):
        return add_messages(left, right)
    ids = [*map(_id_of, left)]
    own = [message.id for message in added if message.id is not None]
    if not (_ONLY_TEXT.issuperset(map(type, ids)) and _ONLY_TEXT.issuperset(map(type, own))):
        return add_messages(left, right)
    merged = left.copy()
    for message in added:
        if message.id is None:
            message.id = str(uuid.uuid4())
        if message.id in ids:
            # Of equal ids LangGraph replaces the last.
            merged[len(ids) - 1 - ids[::-1].index(message.id)] = message
        else:
            merged.append(message)
            ids.append(message.id)
    return merged


def _are_plain(messages: Iterable[Any]) -> bool:
    """Whether all are messages that LangGraph keeps as they are."""
    if _plain_kinds.issuperset(map(type, messages)):
        return True
    return all(kind in _plain_kinds or _is_plain(kind) for kind in {*map(type, messages)})


def _is_plain(kind: type) -> bool:
    plain = issubclass(kind, BaseMessage) and not issubclass(
        kind, (BaseMessageChunk, RemoveMessage)
    )
    if plain and kind.__module__.startswith("langchain_core."):
        _plain_kinds.add(kind)
    return plain
