"""Whom an update is taken to come from: told, worked out from who ran last, or refused as ambiguous."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from parity.steps import Env, History, Invoke, State, Step, Update

raises = ("InvalidUpdateError", "InvalidUpdateError", "InvalidUpdateError", "InvalidUpdateError")


class Work(TypedDict, total=False):
    way: str
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def mark(name: str) -> Any:
        return env.node(lambda state: {"log": [name]})

    graph = StateGraph(Work)
    graph.add_node("plan", mark("plan"))
    graph.add_node("left", mark("left"))
    graph.add_node("right", mark("right"))
    graph.add_node("check", env.node(lambda state: {"log": [interrupt("fine?")]}))
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", lambda state: state["way"], ["left", "right"])
    graph.add_edge("plan", "right")
    graph.add_edge(["left", "right"], "check")
    graph.add_edge("check", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Update({"way": "left"}),
        Update({"way": "left"}, as_node="nobody"),
        Update({"way": "left", "log": ["told"]}, as_node="plan"),
        State(),
        Update({"log": ["worked out"]}),
        State(),
        Invoke(None, config=one_at_a_time),
        Update({"log": ["ambiguous"]}),
        Update({"log": ["for check"]}, as_node="check"),
        State(),
        Update({"log": ["for check again"]}),
        Update({"unheard": 1}, as_node="plan"),
        Update(["no dict"], as_node="plan"),
        Update(None, as_node="plan"),
        Update({"log": ["right only"], "way": "right"}, as_node="plan"),
        History(),
        Invoke(None, config=one_at_a_time),
        Update({"way": "left"}, thread="2", as_node="__start__"),
        Invoke(None, thread="2", config=one_at_a_time),
        History(thread="2"),
    ]
