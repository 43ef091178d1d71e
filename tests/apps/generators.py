"""Generators are refused as entrypoints; as nodes of a graph they run to their end."""

from collections.abc import Iterator
from typing import Any, TypedDict

from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Invoke, Step

raises = ("NotImplementedError",)
modes = ("sync",)


class Count(TypedDict, total=False):
    n: int


def build(env: Env) -> Any:
    def counts(state: Count) -> Iterator[Count]:
        yield {"n": state["n"] + 1}
        yield {"n": state["n"] + 2}

    graph = StateGraph(Count)
    graph.add_node("counts", counts)
    graph.add_edge(START, "counts")
    return graph.compile(checkpointer=env.saver)


def declare(graph: Any, config: dict[str, Any]) -> Any:
    @entrypoint()
    def program(number: int) -> Iterator[int]:
        yield number

    return program


def steps(env: Env) -> list[Step]:
    return [Do(function=declare), Invoke({"n": 1})]
