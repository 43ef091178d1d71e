"""What a graph's nodes take is made when they first run, once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

import langgraph_engine
from langgraph_engine import registry
from langgraph_engine.compiled import compiled
from langgraph_engine.node_plans import NodeCalls, NodePlans

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]


class State(TypedDict):
    number: int


def _add(state: State) -> State:
    return {"number": state["number"] + 1}


def _graph() -> Any:
    """Five nodes, two of which are ever run."""
    builder = StateGraph(State)
    for name in ("a", "b", "c", "d", "e"):
        builder.add_node(name, _add)
    builder.add_edge(START, "a")
    builder.add_edge("a", "b")
    builder.add_edge("b", END)
    builder.add_edge("c", "d")
    return builder.compile()


@pytest.mark.parametrize("engine", ENGINES)
def test_nodes_that_never_run_take_nothing(engine: str) -> None:
    graph = _graph()
    langgraph_engine.install(engine)
    assert graph.invoke({"number": 0}) == {"number": 2}
    plans = compiled(graph, registry.load(engine)).plans
    assert sorted(plans) == ["__start__", "a", "b"]


def test_calls_are_a_mapping_of_all_nodes() -> None:
    graph = _graph()
    calls = NodeCalls(NodePlans(graph.nodes, {}))
    assert list(calls) == list(graph.nodes)
    assert len(calls) == len(graph.nodes)
    assert calls["c"].bound is graph.nodes["c"].bound
    assert "nobody" not in calls
    with pytest.raises(KeyError, match="nobody"):
        calls["nobody"]


def test_nodes_that_only_the_facade_can_run_have_no_call() -> None:
    builder = StateGraph(State)

    async def slow(state: State) -> State:
        return _add(state)

    builder.add_node("retried", _add, retry_policy=RetryPolicy())
    builder.add_node("timed", slow, timeout=5)
    builder.add_edge(START, "retried")
    graph: Any = builder.compile()
    calls = NodeCalls(NodePlans(graph.nodes, {}))
    assert "retried" in calls  # its policy is looked at when it is run
    assert "timed" not in calls
    assert calls.get("timed") is None


def test_threads_that_ask_at_the_same_time_get_the_same_plan() -> None:
    names = [f"n{number}" for number in range(50)]
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, _add)
        builder.add_edge(START, name)
    graph: Any = builder.compile()
    plans = NodePlans(graph.nodes, {})
    together = Barrier(4)

    def ask() -> list[Any]:
        together.wait(10)
        return [plans[name] for name in names]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    finally:
        sys.setswitchinterval(interval)
    for asked in zip(*answers, strict=True):
        assert len({id(plan) for plan in asked}) == 1
