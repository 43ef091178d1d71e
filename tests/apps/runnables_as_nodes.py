"""Runnables as nodes: a lambda, a sequence, a parallel map, a node that calls a runnable, a partial."""

import functools
from typing import Any, TypedDict

from langchain_core.runnables import (
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict, total=False):
    n: int
    parts: dict[str, Any]


def power(exponent: int, state: State) -> State:
    return {"n": state["n"] ** exponent}


class Halve:
    """A callable object as node."""

    def __call__(self, state: State) -> State:
        return {"n": state["n"] // 2}


def build(env: Env) -> Any:
    add_one = RunnableLambda(lambda state: {"n": state["n"] + 1}, name="add_one")
    double = RunnableLambda(lambda state: {"n": state["n"] * 2}, name="double")

    def delegate(state: State, config: RunnableConfig) -> State:
        return add_one.invoke(state, config) if not env.is_async else {"n": state["n"] + 1}

    graph = StateGraph(State)
    graph.add_node("lambda", add_one)
    graph.add_node("sequence", add_one | double | add_one)
    graph.add_node(
        "spread",
        RunnablePassthrough() | RunnableLambda(lambda state: {"parts": {"of": state["n"]}}),
    )
    graph.add_node(
        "map",
        RunnableParallel(n=lambda state: state["n"] - 1, parts=lambda state: {"was": state["n"]}),
    )
    graph.add_node("delegate", delegate)
    graph.add_node("partial", functools.partial(power, 2))
    graph.add_node("object", Halve())
    names = ["lambda", "sequence", "spread", "map", "delegate", "partial", "object"]
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"n": 1}, config=one_at_a_time),
        Stream({"n": 3}, mode=["updates", "values"], config=one_at_a_time),
    ]
