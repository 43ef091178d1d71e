"""Savers called at once because they only work in memory: what they save, and how they fail, is stock's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

import langgraph_engine
from langgraph_engine.memory_saver import works_in_memory

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]
CONFIG: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    value: Any


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param
    langgraph_engine.uninstall()


def _chain(saver: Any, *values: Any) -> Any:
    """A chain of nodes, each of which writes the next of these values."""
    builder = StateGraph(State)
    before = START
    for number, value in enumerate(values):
        builder.add_node(f"n{number}", lambda _, value=value: {"value": value})
        builder.add_edge(before, f"n{number}")
        before = f"n{number}"
    return builder.compile(checkpointer=saver)


def _run(saver: Any, durability: Any, asynchronous: bool, *values: Any) -> Any:
    graph = _chain(saver, *values)
    try:
        if asynchronous:
            return asyncio.run(graph.ainvoke({"value": 0}, CONFIG, durability=durability))
        return graph.invoke({"value": 0}, CONFIG, durability=durability)
    except Exception as error:
        return type(error), str(error)


def _saved(saver: InMemorySaver) -> Any:
    return [
        (
            saved.metadata,
            saved.checkpoint["channel_values"],
            [w[1:] for w in saved.pending_writes or ()],
        )
        for saved in saver.list(CONFIG)
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("values", [(1, 2, 3), (1, threading.Lock(), 3)])
def test_it_saves_and_fails_as_stock_does(
    engine: str, values: Any, durability: str, asynchronous: bool
) -> None:
    savers = InMemorySaver(), InMemorySaver()
    expected = _run(savers[0], durability, asynchronous, *values)
    langgraph_engine.install(engine, unsupported="raise")
    assert _run(savers[1], durability, asynchronous, *values) == expected
    if durability != "async" or values == (1, 2, 3):
        # In the background stock may or may not have come as far as it could before it stopped.
        assert _saved(savers[1]) == _saved(savers[0])
    else:
        assert len(_saved(savers[1])) >= 2


def test_only_the_class_itself_is_called_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(InMemorySaver):
        pass

    assert works_in_memory(InMemorySaver())
    assert not works_in_memory(Slow())
    assert not works_in_memory(None)
    own = InMemorySaver()
    monkeypatch.setattr(own, "put", lambda *_: None)
    assert not works_in_memory(own)
    monkeypatch.setattr(InMemorySaver, "aput_writes", lambda *_: None)
    assert not works_in_memory(InMemorySaver())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_thread_is_started_for_it(engine: str, asynchronous: bool) -> None:
    langgraph_engine.install(engine, unsupported="raise")
    seen: list[int] = []

    class Counted(threading.Thread):
        def start(self) -> None:
            seen.append(1)
            super().start()

    async def node(state: State) -> State:
        return {"value": state["value"] + 1}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Thread", Counted)
        if asynchronous:
            builder = StateGraph(State)
            builder.add_node("node", node)
            builder.add_edge(START, "node")
            graph = builder.compile(checkpointer=InMemorySaver())
            assert asyncio.run(graph.ainvoke({"value": 0}, CONFIG)) == {"value": 1}
        else:
            assert _run(InMemorySaver(), "async", False, 1, 2) == {"value": 2}
    assert not seen
