"""Threads that wait in one graph and go on in another: nodes are gone, sent to all the same, new or wired otherwise."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Do, Env, History, Invoke, State, Step


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


class More(Log, total=False):
    more: str


def build(env: Env) -> Any:
    def written(name: str) -> Any:
        return env.node(lambda state: {"log": [name]})

    old = StateGraph(Log)
    old.add_node("begin", written("begin"))
    old.add_node("worker", env.node(lambda name: {"log": [name]}))
    old.add_node("ask", env.node(lambda state: {"log": [interrupt("?")]}))
    old.add_node("old", written("old"))
    old.add_edge(START, "begin")
    old.add_conditional_edges(
        "begin", lambda state: [Send("worker", "w1"), Send("worker", "w2"), "ask"]
    )
    old.add_edge("ask", "old")

    new = StateGraph(More)
    new.add_node("begin", written("begin anew"))
    new.add_node("ask", env.node(lambda state: {"log": [interrupt("really?")], "more": "more"}))
    new.add_node("new", written("new"))
    new.add_edge(START, "begin")
    new.add_edge("begin", "ask")
    new.add_edge("ask", "new")

    graph = old.compile(checkpointer=env.saver, interrupt_before=["worker"])
    graph.changed = new.compile(checkpointer=env.saver)  # type: ignore[attr-defined]
    return graph


def anew(env: Env, method: str, *arguments: Any) -> Any:
    """A call of the changed graph."""

    def go(graph: Any, config: dict[str, Any]) -> Any:
        if not env.is_async:
            result = getattr(graph.changed, method)(*arguments, config=config)
            return list(result) if method == "get_state_history" else result
        return getattr(graph.changed, f"a{method}")(*arguments, config=config)

    return go


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": ["first"]}, thread="1"),
        State(thread="1"),
        Do(function=anew(env, "get_state"), thread="1"),
        Do(function=anew(env, "invoke", None), thread="1"),
        Do(function=anew(env, "invoke", Command(resume="yes")), thread="1"),
        History(thread="1"),
        Invoke({"log": ["first"]}, thread="2"),
        Do(function=anew(env, "invoke", {"log": ["second"]}), thread="2"),
        Do(function=anew(env, "get_state"), thread="2"),
        Invoke({"log": ["third"]}, thread="2"),
        State(thread="2"),
    ]
