"""A loop with no way out ends in `GraphRecursionError`; the checkpoints up to there stay."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, Invoke, Step, Stream

raises = ("GraphRecursionError", "GraphRecursionError", "GraphRecursionError", "ValueError")


class State(TypedDict):
    turns: int


def turn(state: State) -> State:
    return {"turns": state["turns"] + 1}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    graph.add_node("left", turn)
    graph.add_node("right", turn)
    graph.add_edge(START, "left")
    graph.add_edge("left", "right")
    graph.add_edge("right", "left")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"turns": 0}, config={"recursion_limit": 5}),
        Invoke(None, config={"recursion_limit": 3}),
        Stream(
            {"turns": 100},
            thread="2",
            mode=["updates", "checkpoints"],
            config={"recursion_limit": 2},
        ),
        Invoke({"turns": 0}, thread="3", config={"recursion_limit": 0}),
    ]
