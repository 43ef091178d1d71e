"""A thread's history, filtered by metadata, cut off, and read from a snapshot on backwards."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, History, Invoke, Later, Seen, Step, Update


class Count(TypedDict):
    n: int


def build(env: Env) -> Any:
    graph = StateGraph(Count)
    graph.add_node("up", env.node(lambda state: {"n": state["n"] + 1}))
    graph.add_node("double", env.node(lambda state: {"n": state["n"] * 2}))
    graph.add_edge(START, "up")
    graph.add_edge("up", "double")
    return graph.compile(checkpointer=env.saver)


def third(seen: Seen) -> Any:
    return next(result for result in seen.results if isinstance(result, list))[2].config


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"n": 1}, config={"metadata": {"user": "Ada"}}),
        Invoke({"n": 2}, config={"metadata": {"user": "Bob"}}),
        Update({"n": 7}, config={"metadata": {"user": "Ada"}}),
        History(),
        History(options={"filter": {"user": "Ada"}}),
        History(options={"filter": {"source": "input"}, "limit": 1}),
        History(options={"filter": {"source": "update", "user": "Bob"}}),
        History(before=Later(third)),
        History(before=Later(third), options={"limit": 1, "filter": {"user": "Ada"}}),
    ]
