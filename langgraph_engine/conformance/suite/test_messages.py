"""Protocol level: an engine that merges histories of messages."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from langgraph_engine.message_reducer import MessageEngine
from langgraph_engine.protocol import Engine

pytestmark = [pytest.mark.level("protocol"), pytest.mark.needs("messages")]

Reducer = Callable[[Any, Any], Any]


class Message:
    """A plain one."""

    def __init__(self, id_: Any) -> None:
        self.id = id_


class Other(Message):
    """One that isn't known to be plain."""


class Numbering:
    """Gives ids, and remembers how many."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, message: Message) -> None:
        self.given += 1
        message.id = f"drawn {self.given}"


def otherwise(left: Any, right: Any) -> Any:
    return "otherwise", left, right


@pytest.fixture
def number() -> Numbering:
    return Numbering()


@pytest.fixture
def merge(engine: Engine, number: Numbering) -> Reducer:
    return cast("MessageEngine", engine).merge_messages({Message}, number, otherwise)


def history(*ids: Any) -> list[Any]:
    return [Message(each) for each in ids]


@pytest.mark.behavior("merge_messages: A message with a new id comes last, in a new list.")
@pytest.mark.parametrize("length", [0, 1, 2, 300])
def test_a_new_message_comes_last(merge: Reducer, length: int) -> None:
    left, new = history(*map(str, range(length))), Message("new")
    before = left.copy()
    for right in (new, [new]):
        merged = merge(left, right)
        assert merged == [*before, new]
        assert merged is not left
        assert merged is not right
    assert left == before
    assert merge(left, []) == before
    assert merge(left, []) is not left


@pytest.mark.behavior(
    "merge_messages: A message with a known id takes the place of the last message that has it."
)
def test_a_known_message_is_replaced(merge: Reducer) -> None:
    # Equal, and not the same.
    known, a, b = "".join(["k", "nown"]), Message("known"), Message("known")
    left = history("a", known, "b", known, "c")
    assert merge(left, a) == [*left[:3], a, left[4]]
    assert merge(left, [a, b]) == [*left[:3], b, left[4]]
    assert merge(left[:1], [a, b]) == [left[0], b]
    assert merge(left, left[1]) == [*left[:3], left[1], left[4]]


@pytest.mark.behavior("merge_messages: A message without an id is given one first.")
def test_messages_are_numbered(merge: Reducer, number: Numbering) -> None:
    left, first, second = history("a", "drawn 2"), Message(None), Message(None)
    assert merge(left, [first, second]) == [left[0], second, first]
    assert (first.id, second.id, number.given) == ("drawn 1", "drawn 2", 2)
    again = Message(None)
    assert merge(left, [again, again]) == [*left, again]
    assert number.given == 3


ODD: dict[str, tuple[Any, Any]] = {
    "another kind added": (history("a"), [Message(None), Other("b")]),
    "another kind known": ([Other("a"), Message("b")], Message(None)),
    "no id in the history": (history("a", None), Message(None)),
    "an id that is no text": (history("a", 7), Message(None)),
    "an added id that is no text": (history("a"), [Message(None), Message(7)]),
    "no list": (tuple(history("a")), Message(None)),
    "no messages": (history("a"), [Message(None), "text"]),
    "nothing": (history("a"), None),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.behavior(
    "merge_messages: Anything else goes to otherwise, and nothing is given an id before."
)
def test_anything_else_is_for_others(merge: Reducer, number: Numbering, odd: str) -> None:
    left, right = ODD[odd]
    assert merge(left, right) == ("otherwise", left, right)
    assert number.given == 0


def test_a_kind_may_be_found_later(engine: Engine, number: Numbering) -> None:
    plain: set[type] = {Message}
    merge = cast("MessageEngine", engine).merge_messages(plain, number, otherwise)
    left, other = history("a"), Other("b")
    assert merge(left, other) == ("otherwise", left, other)
    plain.add(Other)
    assert merge(left, other) == [*left, other]


def test_what_fails_is_passed_on(engine: Engine) -> None:
    def fails(*_: Any) -> Any:
        raise LookupError("of the user's")

    merge = cast("MessageEngine", engine).merge_messages({Message}, fails, fails)
    for left, right in ((history("a"), Message(None)), ("odd", Message("a"))):
        with pytest.raises(LookupError, match="of the user's"):
            merge(left, right)


def test_many_histories(merge: Reducer) -> None:
    draw = random.Random(1)  # noqa: S311 - so that it can be repeated
    for _ in range(500):
        left = history(*(str(draw.randrange(20)) for _ in range(draw.randrange(30))))
        right = history(*(str(draw.randrange(25)) for _ in range(draw.randrange(6))))
        merged = left.copy()
        for message in right:
            places = [at for at, known in enumerate(merged) if known.id == message.id]
            if places:
                merged[places[-1]] = message
            else:
                merged.append(message)
        assert merge(left, right) == merged
