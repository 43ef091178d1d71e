"""A task that is retried beside one that isn't, and a default retry policy set for all nodes."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy
from parity.steps import Env, Invoke, Step


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    tries: list[str] = []

    def shaky(state: State) -> State:
        tries.append("shaky")
        if len(tries) % 3:
            raise OSError(f"try {len(tries)}")
        return {"log": ["shaky"]}

    def steady(state: State) -> State:
        return {"log": ["steady"]}

    graph = StateGraph(State)
    graph.add_node("shaky", env.node(shaky))
    graph.add_node("steady", env.node(steady))
    graph.add_edge(START, "shaky")
    graph.add_edge(START, "steady")
    graph.add_edge(["shaky", "steady"], END)
    graph.set_node_defaults(
        retry_policy=RetryPolicy(
            initial_interval=0.001, max_attempts=4, jitter=False, retry_on=lambda error: True
        )
    )
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [Invoke({"log": []}, **one_at_a_time), Invoke({"log": ["again"]}, **one_at_a_time)]
