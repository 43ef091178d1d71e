"""A node with a cache policy is not run again for the same input, in this thread or another."""

from typing import Any, TypedDict

from langgraph.cache.memory import InMemoryCache
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy
from parity.steps import Env, Invoke, Step, Stream


class Sum(TypedDict, total=False):
    n: int
    square: int


def build(env: Env) -> Any:
    def square(state: Sum) -> Sum:
        env.note("square", state["n"])
        return {"square": state["n"] ** 2}

    graph = StateGraph(Sum)
    graph.add_node("square", env.node(square), cache_policy=CachePolicy())
    graph.add_node("after", env.node(lambda state: {"n": 0}))
    graph.add_edge(START, "square")
    graph.add_edge("square", "after")
    graph.add_edge("after", END)
    return graph.compile(checkpointer=env.saver, cache=InMemoryCache())


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"n": 3}),
        Invoke({"n": 4}),
        Stream({"n": 3}, mode=["updates", "values", "tasks"], thread="2"),
    ]
