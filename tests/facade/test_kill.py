"""What must not happen to a run: a panic that aborts the process, a bug in user code that corrupts state."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

import langgraph_engine
from langgraph_engine import registry
from langgraph_engine.compiled import compiled
from langgraph_engine.errors import EnginePanicError

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]


class Counted(TypedDict):
    total: Annotated[int, operator.add]


def _counter() -> Any:
    builder = StateGraph(Counted)
    builder.add_node("count", lambda state: {"total": 1})
    builder.add_edge(START, "count")
    builder.add_edge("count", END)
    return builder.compile()


@pytest.fixture(params=["plan", "commit"])
def panicking(request: pytest.FixtureRequest) -> Any:
    """A graph whose next run panics inside the Rust core, once."""
    native = pytest.importorskip("langgraph_engine_rust._native", reason="no Rust engine here")
    langgraph_engine.install("rust", unsupported="raise")
    graph = _counter()
    native.inject_panic(compiled(graph, registry.load("rust")).program, request.param)
    yield graph
    langgraph_engine.uninstall()


def test_a_panic_is_an_exception_and_the_next_run_works(panicking: Any) -> None:
    with pytest.raises(EnginePanicError, match="lost"):
        panicking.invoke({"total": 1})
    assert panicking.invoke({"total": 1}) == {"total": 2}


def _fails_at_three(left: int, right: int) -> int:
    if left + right == 3:
        raise ZeroDivisionError("three")
    return left + right


class Fragile(TypedDict):
    first: str
    total: Annotated[int, _fails_at_three]


@pytest.fixture(params=ENGINES)
def installed(request: pytest.FixtureRequest) -> Any:
    langgraph_engine.install(request.param, unsupported="raise")
    yield request.param
    langgraph_engine.uninstall()


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_failing_reducer_leaves_the_thread_as_it_was(installed: str, durability: Any) -> None:
    builder = StateGraph(Fragile)
    builder.add_node("one", lambda state: {"first": "one", "total": 1})
    builder.add_node("two", lambda state: {"first": "two", "total": 2})
    builder.add_edge(START, "one")
    builder.add_edge("one", "two")
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(ZeroDivisionError, match="three"):
        graph.invoke({"first": "", "total": 0}, config, durability=durability)
    saved = graph.checkpointer.get(config)["channel_values"]
    assert (saved["first"], saved["total"]) == ("one", 1)
    assert graph.invoke({"first": "again", "total": 4}, config)["total"] == 8
