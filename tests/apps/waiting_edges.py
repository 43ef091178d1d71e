"""An edge from several nodes waits for all of them, even when they finish supersteps apart."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, Step, Stream


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def step(name: str) -> Any:
    return lambda state: {"log": [name]}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    for name in ("short", "long_1", "long_2", "long_3", "join", "twice"):
        graph.add_node(name, env.node(step(name)))
    graph.add_edge(START, "short")
    graph.add_edge(START, "long_1")
    graph.add_edge("long_1", "long_2")
    graph.add_edge("long_2", "long_3")
    graph.add_edge(["short", "long_3"], "join")
    graph.add_edge(["long_1", "join"], "twice")
    graph.add_edge("twice", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Stream({"log": []}, mode=["updates", "checkpoints"], **one_at_a_time),
        Invoke({"log": ["second turn"]}, **one_at_a_time),
        History(),
    ]
