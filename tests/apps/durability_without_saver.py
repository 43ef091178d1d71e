"""Asking for a durability with no saver warns; `checkpoint_during` is the old name of it."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream

raises = ("ValueError",)


class Count(TypedDict):
    n: int


def build(env: Env) -> Any:
    graph = StateGraph(Count)
    graph.add_node("up", lambda state: {"n": state["n"] + 1})
    graph.add_edge(START, "up")
    graph.add_edge("up", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"n": 1}, options={"durability": "exit"}),
        Stream({"n": 2}, mode="values", options={"checkpoint_during": False}),
        Invoke({"n": 3}, options={"checkpoint_during": True, "durability": "sync"}),
    ]
