"""A node with `defer=True` runs once, when everything else has come to rest."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, Step, Stream


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def step(name: str) -> Any:
    return lambda state: {"log": [f"{name} sees {len(state['log'])}"]}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    for name in ("a", "b", "b_more", "b_most"):
        graph.add_node(name, env.node(step(name)))
    graph.add_node("report", env.node(step("report")), defer=True)
    graph.add_node("joined", env.node(step("joined")), defer=True)
    graph.add_edge(START, "a")
    graph.add_edge(START, "b")
    graph.add_edge("b", "b_more")
    graph.add_edge("b_more", "b_most")
    graph.add_edge("a", "report")
    graph.add_edge("b_most", "report")
    graph.add_edge(["a", "b"], "joined")
    graph.add_edge("report", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Stream({"log": []}, mode=["updates", "values"], **one_at_a_time),
        Invoke({"log": ["again"]}, **one_at_a_time),
        History(),
    ]
