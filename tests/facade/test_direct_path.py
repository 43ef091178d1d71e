"""The direct path: what a graph's owner may do to it between runs, and what a run leaves behind."""

from __future__ import annotations

import asyncio
import gc
import operator
import weakref
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict
from unittest.mock import patch

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.pregel.main import Pregel
from langgraph.types import Command, interrupt

import langgraph_engine
from langgraph_engine.loop_sync import SyncLoop

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]


@pytest.fixture(params=ENGINES, autouse=True)
def installed(request: pytest.FixtureRequest) -> Iterator[str]:
    langgraph_engine.install(request.param, unsupported="raise")
    yield request.param
    langgraph_engine.uninstall()


class Seen(TypedDict):
    seen: Annotated[list[Any], operator.add]


def _graph(node: Any) -> Any:
    builder = StateGraph(Seen)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile()


def test_a_replaced_function_is_called_and_the_old_one_afterwards() -> None:
    graph = _graph(lambda state: {"seen": ["own"]})
    with patch.object(graph.nodes["node"].bound, "func", lambda state: {"seen": ["stub"]}):
        assert graph.invoke({"seen": []}) == {"seen": ["stub"]}
    assert graph.invoke({"seen": []}) == {"seen": ["own"]}


def test_a_replaced_node_is_run() -> None:
    graph = _graph(lambda state: {"seen": ["own"]})
    other = _graph(lambda state: {"seen": ["other"]})
    assert graph.invoke({"seen": []}) == {"seen": ["own"]}
    with patch.dict(graph.nodes, node=other.nodes["node"]):
        assert graph.invoke({"seen": []}) == {"seen": ["other"]}
    assert graph.invoke({"seen": []}) == {"seen": ["own"]}


def test_invoke_goes_through_a_stream_that_was_wrapped() -> None:
    graph = _graph(lambda state: {"seen": ["own"]})
    streamed: list[Any] = []
    ours = Pregel.stream

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for chunk in ours(self, *args, **kwargs):
            streamed.append(chunk)
            yield chunk

    with patch.object(Pregel, "stream", wrapper):
        assert graph.invoke({"seen": []}) == {"seen": ["own"]}
    assert streamed


@pytest.mark.since_python_3_11("a node's coroutine has no config")
def test_a_task_nobody_waits_for_is_run() -> None:
    log: list[int] = []

    @task
    async def audit(value: int) -> None:
        log.append(value)

    async def node(state: Seen) -> dict[str, Any]:
        audit(1)
        return {"seen": ["done"]}

    assert asyncio.run(_graph(node).ainvoke({"seen": []})) == {"seen": ["done"]}
    assert log == [1]


def test_no_interrupt_of_calls_in_parallel_nodes_is_lost() -> None:
    @task
    def ask(question: str) -> str:
        return f"{question} {interrupt(question)}"

    inner = StateGraph(Seen)
    for side in ("left", "right"):
        inner.add_node(side, lambda state, side=side: {"seen": [ask(side).result()]})
        inner.add_edge(START, side)
    graph = _graph(inner.compile()).copy({"checkpointer": InMemorySaver()})
    config: Any = {"configurable": {"thread_id": "1"}}
    asked = graph.invoke({"seen": []}, config)["__interrupt__"]
    assert {interrupted.value for interrupted in asked} == {"left", "right"}
    answers = Command(resume={interrupted.id: "yes" for interrupted in asked})
    result = graph.invoke(answers, config)
    assert "__interrupt__" not in result
    assert sorted(result["seen"]) == ["left yes", "right yes"]


def test_what_a_node_leaves_to_the_event_loop_is_done_before_the_next_node() -> None:
    done: list[str] = []

    async def first(state: Seen) -> dict[str, Any]:
        asyncio.get_running_loop().call_soon(done.append, "left behind")
        return {"seen": ["first"]}

    async def second(state: Seen) -> dict[str, Any]:
        return {"seen": list(done)}

    builder = StateGraph(Seen)
    builder.add_sequence([("first", first), ("second", second)])
    builder.add_edge(START, "first")
    graph = builder.compile()
    assert asyncio.run(graph.ainvoke({"seen": []})) == {"seen": ["first", "left behind"]}


def test_a_config_can_be_looked_at_after_the_run() -> None:
    configs: list[Any] = []

    def node(state: Seen) -> dict[str, Any]:
        configs.append(get_config())
        return {"seen": []}

    _graph(node).invoke({"seen": []}, {"tags": ["mine"]})
    (config,) = configs
    assert config["metadata"]["langgraph_node"] == "node"
    assert "mine" in config["tags"]
    assert dict(config) == config.copy()


def test_a_graph_its_own_node_refers_to_goes_away() -> None:
    holder: list[Any] = []
    graph = _graph(lambda state: {"seen": [len(holder)]})
    holder.append(graph)
    graph.invoke({"seen": []})
    gone = weakref.ref(graph)
    del graph
    holder.clear()
    gc.collect()
    assert gone() is None


def test_a_run_leaves_nothing_for_the_collector() -> None:
    graph = _graph(lambda state: {"seen": [1]})
    saved = _graph(lambda state: {"seen": [1]}).copy({"checkpointer": InMemorySaver()})
    config: Any = {"configurable": {"thread_id": "1"}}
    for _ in range(3):
        graph.invoke({"seen": []})
    gc.collect()
    gc.disable()
    try:
        graph.invoke({"seen": []})
        assert [o for o in gc.get_objects() if type(o) is SyncLoop] == []
    finally:
        gc.enable()
    assert saved.invoke({"seen": []}, config) == {"seen": [1]}
