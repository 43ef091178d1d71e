"""A loop that a conditional edge leaves once the state is good enough."""

from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream


class Guess(TypedDict):
    value: float
    rounds: int


def improve(state: Guess) -> Guess:
    return {"value": (state["value"] + 2 / state["value"]) / 2, "rounds": state["rounds"] + 1}


def good_enough(state: Guess) -> Literal["improve", "__end__"]:
    return END if abs(state["value"] ** 2 - 2) < 1e-9 else "improve"


def build(env: Env) -> Any:
    graph = StateGraph(Guess)
    graph.add_node(improve)
    graph.add_edge(START, "improve")
    graph.add_conditional_edges("improve", good_enough)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"value": 1.0, "rounds": 0}),
        State(),
        History(),
        Stream({"value": 3.0, "rounds": 0}, mode=["values", "updates"], thread="thread-2"),
    ]
