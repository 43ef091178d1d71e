"""`Overwrite` sets the value of a reducer's channel aside from its reducer; two in a superstep are refused."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Overwrite
from parity.steps import Env, History, Invoke, Step, Stream

raises = ("InvalidUpdateError",)


class State(TypedDict):
    items: Annotated[list[int], operator.add]


def grow(state: State) -> State:
    return {"items": [len(state["items"])]}


def reset(state: State) -> dict[str, Any]:
    return {"items": Overwrite([max(state["items"])])}


def reset_too(state: State) -> dict[str, Any]:
    return {"items": {"__overwrite__": [0]}} if sum(state["items"]) > 50 else {"items": [-1]}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    for node in (grow, reset, reset_too):
        graph.add_node(node.__name__, env.node(node))
    graph.add_edge(START, "grow")
    graph.add_edge("grow", "reset")
    graph.add_edge("grow", "reset_too")
    graph.add_edge("reset", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Stream({"items": [3, 4]}, mode=["values", "updates"], config=one_at_a_time),
        Invoke({"items": [5]}, config=one_at_a_time),
        Invoke({"items": [100]}, config=one_at_a_time),
        History(),
    ]
