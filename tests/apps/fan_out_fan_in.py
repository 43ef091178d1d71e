"""One node branches to three that share a superstep and meet again; a reducer keeps their order."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict):
    seen: Annotated[list[str], operator.add]


def visit(name: str) -> Any:
    def node(state: State) -> dict[str, Any]:
        return {"seen": [f"{name} after {len(state['seen'])}"]}

    node.__name__ = name
    return node


def build(env: Env) -> Any:
    graph = StateGraph(State)
    for name in ("split", "north", "east", "south", "meet"):
        graph.add_node(name, env.node(visit(name)))
    graph.add_edge(START, "split")
    for name in ("south", "north", "east"):
        graph.add_edge("split", name)
        graph.add_edge(name, "meet")
    graph.add_edge("meet", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"seen": ["start"]}, config=one_at_a_time),
        Stream({"seen": ["again"]}, mode=["updates", "values"], config=one_at_a_time),
    ]
