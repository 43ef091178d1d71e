"""Two nodes of a superstep write the same plain key: `InvalidUpdateError`, and nothing of it is kept."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream

# Reading the state of the thread applies the same writes again, and fails the same way.
raises = ("InvalidUpdateError", "InvalidUpdateError", "InvalidUpdateError")


class Race(TypedDict, total=False):
    winner: str
    turn: int


def build(env: Env) -> Any:
    graph = StateGraph(Race)
    graph.add_node("begin", lambda state: {"turn": 1})
    graph.add_node("ann", env.node(lambda state: {"winner": "ann"}))
    graph.add_node("bob", env.node(lambda state: {"winner": "bob"}))
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "ann")
    graph.add_edge("begin", "bob")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({}, config=one_at_a_time),
        State(),
        Stream({}, mode=["updates", "values", "tasks"], thread="2", config=one_at_a_time),
        History(thread="2"),
    ]
