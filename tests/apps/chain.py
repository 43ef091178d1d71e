"""Three plain nodes in a row, each adding to the state."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict, total=False):
    text: str
    length: int


def strip(state: State) -> State:
    return {"text": state["text"].strip()}


def shout(state: State) -> State:
    return {"text": state["text"].upper()}


def measure(state: State) -> State:
    return {"length": len(state["text"])}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    graph.add_node(strip)
    graph.add_node(shout)
    graph.add_node(measure)
    graph.add_edge(START, "strip")
    graph.add_edge("strip", "shout")
    graph.add_edge("shout", "measure")
    graph.add_edge("measure", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"text": "  hello "}, thread=None),
        Stream({"text": " a "}, mode="values"),
        Stream({"text": " b "}, mode="updates"),
        Invoke({"text": "c"}, options={"output_keys": "length"}),
        Invoke({"text": "d"}, options={"stream_mode": "updates"}),
    ]
