"""What ``add_messages`` gives, without going through the history three times for every message that is added.

LangGraph's reducer of message histories checks, numbers and indexes every message of the history each time. Most often
what it is given are plain messages that have ids, and a few more to come after them or in the place of one: then
looking at each id once says where they go. Everything else is LangGraph's own function's to do.

An engine with the capability ``messages`` looks at them faster than Python does; what it leaves is done here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any, Protocol

from langchain_core.messages import BaseMessage, BaseMessageChunk, RemoveMessage

from langgraph_engine import upstream

__all__ = ["MergeMessages", "MessageEngine", "aggregate_of", "merging"]

MergeMessages = Callable[
    [set[type], Callable[[Any], None], Callable[[Any, Any], Any]], Callable[[Any, Any], Any]
]
"""Makes a reducer: ``MessageEngine.merge_messages``."""

_FEW = 8
"""Of more messages than that, each looked for by itself, an index is faster."""
_ONLY_TEXT = frozenset({str})
_LOOKED_UP = frozenset({"id", "__getattribute__"})
"""What of a class comes before an object's dict when its id is asked for."""
_id_of = attrgetter("id")
_plain_kinds: set[type] = set()
"""Classes of LangChain's own that were found to be plain, and keep an object's id in its dict."""


class MessageEngine(Protocol):
    """An engine with the capability ``messages``, of looking at long histories quickly."""

    def merge_messages(
        self,
        plain: set[type],
        number: Callable[[Any], None],
        otherwise: Callable[[Any, Any], Any],
    ) -> Callable[[Any, Any], Any]:
        """Make a reducer of message histories, which may be called from any thread.

        Args:
            plain: Classes of messages that are kept as they are, and whose ids are in the objects' dicts. More are found
                while the reducer is in use, and none is taken out.
            number: Gives a message that has no id one.
            otherwise: The reducer for whatever isn't a list of such messages that have ids, and a few more of them.

        Behavior:
            - A message with a new id comes last, in a new list.
            - A message with a known id takes the place of the last message that has it.
            - A message without an id is given one first.
            - Anything else goes to otherwise, and nothing is given an id before.
        """
        ...


def merging(engine: Any) -> MergeMessages | None:
    """What an engine with that capability makes reducers with."""
    return engine.merge_messages if "messages" in engine.capabilities else None


def aggregate_of(channel: Any, merge: MergeMessages | None = None) -> Any:
    """What has the reducer of a channel as its ``operator``: the channel, or for messages one that is quicker.

    Args:
        channel: The channel.
        merge: Makes a reducer, if an engine has one that is quicker still.
    """
    return MessageReducer(channel, merge) if upstream.is_add_messages(channel.operator) else channel


class MessageReducer:
    """A channel whose reducer is ``add_messages``, until somebody replaces it."""

    __slots__ = ("_add_messages", "_channel", "_quick")

    def __init__(self, channel: Any, merge: MergeMessages | None) -> None:
        self._channel = channel
        self._add_messages = channel.operator
        self._quick: Callable[[Any, Any], Any] = partial(_merged, channel.operator)
        if merge is not None:
            self._quick = merge(_plain_kinds, _number, self._quick)

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
            _number(message)
        if message.id in ids:
            # Of equal ids LangGraph replaces the last.
            merged[len(ids) - 1 - ids[::-1].index(message.id)] = message
        else:
            merged.append(message)
            ids.append(message.id)
    return merged


def _number(message: Any) -> None:
    message.id = str(uuid.uuid4())


def _are_plain(messages: Iterable[Any]) -> bool:
    """Whether all are messages that LangGraph keeps as they are."""
    if _plain_kinds.issuperset(map(type, messages)):
        return True
    return all(kind in _plain_kinds or _is_plain(kind) for kind in {*map(type, messages)})


def _is_plain(kind: type) -> bool:
    plain = issubclass(kind, BaseMessage) and not issubclass(
        kind, (BaseMessageChunk, RemoveMessage)
    )
    if plain and kind.__module__.startswith("langchain_core.") and _keeps_its_id(kind):
        _plain_kinds.add(kind)
    return plain


def _keeps_its_id(kind: type) -> bool:
    """Whether an object's id is in its dict, and nowhere else."""
    return all(_LOOKED_UP.isdisjoint(vars(base)) for base in kind.__mro__[:-1])
