"""A node that calls a graph with a state of its own, translating on the way in and out, twice in one task."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class Outer(TypedDict, total=False):
    celsius: list[float]
    fahrenheit: list[float]


class Inner(TypedDict, total=False):
    degrees: float
    result: float


def scale(state: Inner) -> Inner:
    return {"result": state["degrees"] * 9 / 5}


def shift(state: Inner) -> Inner:
    return {"result": state["result"] + 32}


def build(env: Env) -> Any:
    inner = StateGraph(Inner)
    inner.add_sequence([("scale", env.node(scale)), ("shift", env.node(shift))])
    inner.add_edge(START, "scale")
    convert = inner.compile()

    def translate(state: Outer) -> Outer:
        return {
            "fahrenheit": [
                convert.invoke({"degrees": value})["result"] for value in state["celsius"]
            ]
        }

    async def atranslate(state: Outer) -> Outer:
        return {
            "fahrenheit": [
                (await convert.ainvoke({"degrees": value}))["result"] for value in state["celsius"]
            ]
        }

    outer = StateGraph(Outer)
    outer.add_node("translate", atranslate if env.is_async else translate)
    outer.add_edge(START, "translate")
    outer.add_edge("translate", END)
    return outer.compile()


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"celsius": [0.0]}),
        Invoke({"celsius": [100.0, 37.0]}, thread=None),
        Stream({"celsius": [20.0, 30.0]}, mode=["updates", "values"], subgraphs=True),
    ]
