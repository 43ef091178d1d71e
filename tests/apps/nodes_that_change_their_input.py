"""Nodes that write into the state they were given: siblings and the channels see what they see on stock."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict, total=False):
    n: int
    items: list[str]
    seen: str


def build(env: Env) -> Any:
    def first(state: State) -> None:
        state["n"] = 100
        state["items"].append("by first")

    def second(state: State) -> State:
        env.note("second sees", state)
        return {"seen": f"{state['n']} {state['items']}"}

    def last(state: State) -> State:
        env.note("last sees", state)
        return {"n": state["n"] + 1}

    graph = StateGraph(State)
    for node in (first, second, last):
        graph.add_node(node.__name__, env.node(node))
    graph.add_edge(START, "first")
    graph.add_edge(START, "second")
    graph.add_edge(["first", "second"], "last")
    graph.add_edge("last", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after a node changes the list in it.
    saved_first: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Invoke({"n": 1, "items": []}, **saved_first),
        Stream(
            {"n": 2, "items": ["own"]}, mode=["values", "checkpoints"], thread="2", **saved_first
        ),
    ]
