"""``add_messages`` on an engine gives what LangGraph's gives."""

from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.channels import BinaryOperatorAggregate
from langgraph.graph import add_messages
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from langgraph_engine import message_reducer, registry
from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.message_reducer import MergeMessages, aggregate_of, merging


class Own(HumanMessage):
    """A message of somebody's own."""


class Named(str):
    __slots__ = ()


ENGINES = [info.name for info in registry.available() if info.name != registry.STOCK]
MERGES = {name: merging(find_engine(name)) for name in ENGINES}
MERGES = {"facade": None, **{name: merge for name, merge in MERGES.items() if merge is not None}}
KINDS = (AIMessage, HumanMessage, SystemMessage, Own)


@pytest.fixture(autouse=True)
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that are drawn are the same each time."""
    drawn = random.Random(0)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=drawn.getrandbits(128)))


@pytest.fixture(params=MERGES)
def merge(request: pytest.FixtureRequest) -> MergeMessages | None:
    """Makes the reducers of an engine; None for the facade's."""
    return MERGES[request.param]


@pytest.fixture
def quick(merge: MergeMessages | None) -> Callable[[Any, Any], Any]:
    operator: Callable[[Any, Any], Any] = aggregate_of(_channel(), merge).operator
    assert operator is not add_messages
    return operator


def _channel(reducer: Any = add_messages) -> Any:
    return BinaryOperatorAggregate(list, reducer)


def _told(reducer: Callable[[Any, Any], Any], make: Callable[[], tuple[Any, Any]]) -> Any:
    """What a reducer gives or raises, what it does to what it is given, and which of it is in what it gives."""
    left, right = make()
    given = [*(left if isinstance(left, list) else [left])]
    given += right if isinstance(right, list) else [right]
    uuid.uuid4.__closure__[0].cell_contents.seed(1)  # type: ignore[attr-defined]
    try:
        merged = reducer(left, right)
    except Exception as error:
        return type(error), str(error), repr((left, right))
    same = [next((at for at, one in enumerate(given) if one is m), None) for m in merged]
    return repr(merged), repr((left, right)), same, merged is left, merged is right


def _message(numbers: random.Random, pool: list[Any]) -> Any:
    what = numbers.randrange(40)
    if what == 0:
        return RemoveMessage(id=numbers.choice(["a", "b", REMOVE_ALL_MESSAGES]))
    if what == 1:
        return AIMessageChunk(content="c", id=numbers.choice(["a", None]))
    if what == 2:
        return ("user", "hello")
    if what == 3 and pool:
        return numbers.choice(pool)  # the same object again
    if what == 4:
        return ToolMessage(content="t", tool_call_id="1", id=numbers.choice(["a", None]))
    made = numbers.choice(KINDS)(
        content=str(what), id=numbers.choice(["a", "b", "c", "d", "e", None])
    )
    if what == 5:
        made.id = numbers.choice([7, Named("a"), ("a",)])  # type: ignore[assignment]
    pool.append(made)
    return made


@pytest.mark.parametrize("seed", range(8))
def test_it_gives_what_langgraphs_gives(seed: int, quick: Callable[[Any, Any], Any]) -> None:
    for number in range(400):

        def make(number: int = number) -> tuple[Any, Any]:
            numbers = random.Random(seed * 10_000 + number)
            pool: list[Any] = []
            left: Any = [_message(numbers, pool) for _ in range(numbers.randrange(5))]
            if numbers.random() < 0.7:  # ids, as a history has them
                left = [m for m in left if getattr(m, "id", None)]
            right: Any = [
                _message(numbers, pool) for _ in range(numbers.choice([0, 1, 1, 2, 3, 9]))
            ]
            if right and numbers.random() < 0.3:
                right = right[0]
            return left, right

        assert _told(quick, make) == _told(add_messages, make), make()


@pytest.mark.parametrize(
    ("left", "right"),
    [([], None), (None, []), ([HumanMessage("a", id="1")], None), ("hello", "there"), ((), [])],
)
def test_what_is_odd_is_langgraphs_to_judge(
    left: Any, right: Any, quick: Callable[[Any, Any], Any]
) -> None:
    assert _told(quick, lambda: (left, right)) == _told(add_messages, lambda: (left, right))


def test_only_langgraphs_own_function_is_replaced() -> None:
    @functools.wraps(add_messages)
    def around(left: Any, right: Any) -> Any:
        return add_messages(left, right)

    for reducer in (around, add_messages(format="langchain-openai"), max):
        channel = _channel(reducer)
        assert aggregate_of(channel) is channel


def test_a_reducer_that_is_put_in_its_place_is_called(merge: MergeMessages | None) -> None:
    channel = _channel()
    aggregate = aggregate_of(channel, merge)
    channel.operator = max
    assert aggregate.operator is max
    channel.operator = add_messages
    assert aggregate.operator([], [HumanMessage("a", id="1")]) == [HumanMessage("a", id="1")]


def test_ids_that_cant_be_encoded_are_told_apart(quick: Callable[[Any, Any], Any]) -> None:
    def make() -> tuple[Any, Any]:
        left = [HumanMessage("a", id="\ud800"), HumanMessage("b", id="\ud801")]
        return left, [HumanMessage("c", id="\ud801"), HumanMessage("d", id="\ud802")]

    assert _told(quick, make) == _told(add_messages, make)


def test_langchains_messages_are_plain(quick: Callable[[Any, Any], Any]) -> None:
    plain = AIMessage, HumanMessage, SystemMessage
    quick([kind("a", id=kind.__name__) for kind in plain], ToolMessage("t", tool_call_id="1"))
    assert {*plain, ToolMessage} <= message_reducer._plain_kinds
    assert not {Own, AIMessageChunk, RemoveMessage} & message_reducer._plain_kinds
