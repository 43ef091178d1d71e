"""Configs made in one go are those LangGraph makes in stages."""

from __future__ import annotations

import asyncio
import copy
import operator
from collections import ChainMap
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.types import Send

import langgraph_engine
from langgraph_engine import invocation, live_task, upstream
from langgraph_engine.quiet_config import root_config


class State(TypedDict):
    seen: Annotated[list[Any], operator.add]


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    langgraph_engine.install("python", unsupported="raise")
    yield
    langgraph_engine.uninstall()


def _plain(value: Any) -> Any:
    """Everything of a config that two runs share, with types and the order of keys."""
    if isinstance(value, BaseCallbackManager):
        kept = {name: found for name, found in vars(value).items() if name != "parent_run_id"}
        # LangGraph merges tags as sets: their order says nothing.
        kept = {n: sorted(v) if n in ("tags", "inheritable_tags") else v for n, v in kept.items()}
        return type(value), value.parent_run_id is None, _plain(kept)
    if isinstance(value, dict):
        return type(value), [(key, _plain(item)) for key, item in value.items() if key not in _IDS]
    if isinstance(value, (list, tuple)):
        return type(value), [_plain(item) for item in value]
    if isinstance(value, (str, int, float, type(None))):
        return value
    return type(value)


_IDS = {
    "langgraph_checkpoint_ns",
    "checkpoint_ns",
    "__pregel_task_id",
    "checkpoint_map",
    "__pregel_call",  # its insides differ: a task's description is made when the first call is
}


def _graph(seen: list[Any], **metadata: Any) -> Any:
    def look(config: Any) -> Any:
        runtime = config["configurable"]["__pregel_runtime"]
        execution = runtime.execution_info
        info = execution.thread_id, execution.run_id, execution.node_attempt
        first = execution.node_first_attempt_time is not None
        seen.append((_plain(dict(config)), info, first, runtime.store, runtime.previous))
        return {"seen": [1]}

    inner = StateGraph(State)
    inner.add_node("given", lambda state, config: look(config))
    inner.add_node("ambient", lambda state: look(get_config()), metadata=metadata)
    inner.add_edge(START, "given")
    inner.add_edge("given", "ambient")
    child = inner.compile()

    def calls(state: State, config: RunnableConfig) -> Any:
        child.invoke({"seen": []}, config)
        return child.invoke({"seen": []})

    outer = StateGraph(State)
    outer.add_node("child", child, metadata=metadata)
    outer.add_node("calls", calls)
    outer.add_node("sent", lambda state, config: look(config))
    # What LangGraph's own agents have: a node that is a run of its own.
    traced = upstream.RunnableCallable(lambda _: look(get_config()), trace=True)
    outer.add_node("traced", traced, metadata=metadata)
    outer.add_conditional_edges(START, lambda _: [Send("sent", {"seen": []}), "child"])
    outer.add_edge("child", "calls")
    outer.add_edge("calls", "traced")
    return outer.compile()


CONFIGS: list[dict[str, Any]] = [
    {},
    {"tags": ["one", "two", "one"], "metadata": {"who": "Ada", "ls_integration": "mine"}},
    {"configurable": {"thread_id": "t", "own": [1]}, "recursion_limit": 30},
    {"run_name": "named", "max_concurrency": 3, "metadata": {"lc_versions": {"a": "1"}}},
]


ROOTS: list[Any] = [
    None,
    {},
    *CONFIGS,
    {"configurable": {}},
    {"configurable": {"thread_id": "", "checkpoint_ns": "a", "checkpoint_id": 0, "__own": []}},
    {"configurable": {"thread_id": 7, "assistant_id": "b"}, "recursion_limit": 3},
    {"configurable": None, "recursion_limit": None},
    {"recursion_limit": True},
    {"recursion_limit": "9"},
    {"unheard_of": 1, "configurable": {"thread_id": "t"}},
    {"callbacks": [], "metadata": {}, "tags": []},
    ChainMap({"configurable": {"thread_id": "t"}}),
]


@pytest.mark.parametrize("config", ROOTS)
def test_a_root_config_is_what_langgraph_makes_of_it(config: Any) -> None:
    given = copy.deepcopy(config)
    made, own = root_config(config), upstream.ensure_config(None, config)
    if made is not None:
        assert repr([*made.items()]) == repr([*own.items()])
        for key, value in made.items():
            assert type(value) is type(own[key])
        assert made["configurable"] is not (config or {}).get("configurable")
    assert config == given
    outside = config is None or {*config} <= {"configurable", "recursion_limit"}
    assert (made is not None) == (
        outside and type(config) in (dict, type(None)) and _plain_items(config)
    )


def _plain_items(config: Any) -> bool:
    items = (config or {}).items()
    return all(type(value) is (dict if key == "configurable" else int) for key, value in items)


def test_a_config_inside_a_run_is_no_root_config() -> None:
    def node(_: State) -> Any:
        return {"seen": [root_config(None)]}

    graph = StateGraph(State).add_node("node", node).add_edge(START, "node").compile()
    assert graph.invoke({"seen": []}) == {"seen": [None]}


@pytest.mark.since_python_3_11("a node's coroutine has no config")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("metadata", [{}, {"of": "the node"}, {"nested": {"deep": 1}}])
@pytest.mark.parametrize("config", CONFIGS)
def test_a_node_sees_the_same(
    config: Any, metadata: Any, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> list[Any]:
        seen: list[Any] = []
        graph = _graph(seen, **metadata)
        given = {key: dict(v) if isinstance(v, dict) else v for key, v in config.items()}
        if asynchronous:
            asyncio.run(graph.ainvoke({"seen": []}, given))
        else:
            graph.invoke({"seen": []}, {**given, "max_concurrency": 1})
        return sorted(seen, key=repr)

    at_once = run()
    monkeypatch.setattr(live_task, "quiet_config", lambda _: None)
    monkeypatch.setattr(invocation, "nested_config", lambda _: None)
    monkeypatch.setattr(invocation, "root_config", lambda _: None)
    assert at_once == run()
    assert len(at_once) == 8
