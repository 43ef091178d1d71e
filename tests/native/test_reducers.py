"""A reducer that an engine calls by itself folds as LangGraph's own channel does."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langgraph.channels import BinaryOperatorAggregate
from langgraph.errors import InvalidUpdateError
from langgraph.types import Overwrite

from langgraph_engine.compiled import channel_spec
from langgraph_engine.protocol import GraphSpec, TaskWrites
from langgraph_engine.upstream import MISSING


class Special(Overwrite):
    """An overwrite of the user's own class."""


class Keyed(dict[str, Any]):
    """A dict of the user's own class."""


class Disguised:
    """Says that it is an overwrite, and is believed."""

    value = "of disguised"

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return Overwrite


class Empty:
    """A type a channel can't start with: it wants an argument."""

    def __init__(self, _: Any) -> None:
        raise TypeError


def told(base: Any, value: Any) -> tuple[Any, Any]:
    """A reducer that says what it was given."""
    return (base, value)


def on_stock(channel: BinaryOperatorAggregate[Any], steps: Sequence[Sequence[Any]]) -> Any:
    for values in steps:
        channel.update(values)
    return channel.get()


def on_engine(engine: Any, channels: Sequence[Any], steps: Sequence[Sequence[Any]]) -> list[Any]:
    names = [f"c{index}" for index in range(len(channels))]
    specs = tuple(channel_spec(*pair) for pair in zip(names, channels, strict=True))
    run = engine.compile(GraphSpec(specs, (), {}, MISSING, object)).restore(None)
    for values in steps:
        writes = [(name, value) for name in names for value in values]
        run.commit([TaskWrites((), "__input__", writes, ())], None)
    return [run.read(name) for name in names]


VALUES: dict[str, list[Any]] = {
    "plain": [1, "text", 2.5, (3,), [4], None, True, {5}, object],
    "overwrite": [Overwrite("new")],
    "overwrite among others": [1, Overwrite("new"), 2],
    "subclass of Overwrite": [Special(["new"]), 2],
    "says it is one": [Disguised(), 2],
    "dict that overwrites": [{"__overwrite__": "new"}, 2],
    "dict with more": [{"__overwrite__": "new", "more": 1}, 2],
    "erased overwrite": [{"value": "new", "type": "__overwrite__"}, 2],
    "erased overwrite without value": [{"type": "__overwrite__"}, 2],
    "subclass of dict": [Keyed(__overwrite__="new"), 2],
    "other mapping": [UserDict({"__overwrite__": "new"}), 2],
    "plain dicts": [{}, {"plain": 1}, {"value": 1}, {1: {"__overwrite__": 2}}],
}


@pytest.mark.parametrize("typ", [list, Empty])
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_values_fold_as_on_stock(engine: Any, typ: Any, values: list[Any]) -> None:
    steps = [["first"], values, values[::-1]]
    for taken in (steps, steps[1:]):
        expected = on_stock(BinaryOperatorAggregate(typ, told), taken)
        channels = [BinaryOperatorAggregate(typ, told) for _ in range(3)]
        assert on_engine(engine, channels, taken) == [expected] * 3


def test_two_overwrites_are_refused_and_change_nothing(engine: Any) -> None:
    channel = BinaryOperatorAggregate(list, told)
    run = engine.compile(GraphSpec((channel_spec("c", channel),), (), {}, MISSING, object)).restore(
        None
    )
    writes = [("c", Overwrite(1)), ("c", {"__overwrite__": 2})]
    with pytest.raises(InvalidUpdateError, match="only one Overwrite"):
        run.commit([TaskWrites((), "__input__", writes, ())], None)
    assert run.read("c") == []


def test_a_reducer_that_is_replaced_counts_from_then_on(engine: Any) -> None:
    channel = BinaryOperatorAggregate(list, told)
    program = engine.compile(GraphSpec((channel_spec("c", channel),), (), {}, MISSING, object))
    channel.operator = lambda base, value: [*base, value]
    run = program.restore(None)
    run.commit([TaskWrites((), "__input__", [("c", 1), ("c", 2)], ())], None)
    assert run.read("c") == [1, 2]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_reducers_of_a_commit_are_called_in_order_until_one_raises(
    engine: Any, error: type[BaseException]
) -> None:
    called: list[Any] = []
    raised = error("the user's")

    def reducer(name: str) -> Callable[[Any, Any], Any]:
        def reduce(base: list[Any], value: Any) -> list[Any]:
            called.append((name, value))
            if value == "boom":
                raise raised
            return [*base, value]

        return reduce

    names = ("a", "b", "c")
    channels = {name: BinaryOperatorAggregate(list, reducer(name)) for name in names}
    specs = tuple(channel_spec(*pair) for pair in channels.items())
    run = engine.compile(GraphSpec(specs, (), {}, MISSING, object)).restore(None)

    def commit(*writes: tuple[str, Any]) -> None:
        run.commit([TaskWrites((), "__input__", writes, ())], None)

    commit(("b", 1), ("a", 2), ("c", 3))
    assert called == [("b", 1), ("a", 2), ("c", 3)]
    called.clear()
    with pytest.raises(error) as caught:
        commit(("c", 4), ("b", "boom"), ("a", 5))
    assert caught.value is raised
    assert called == [("c", 4), ("b", "boom")]
    assert run.read(names) == {"a": [2], "b": [1], "c": [3]}
    assert run.max_version() == 1
