"""A compiled graph as a node, sharing its parent's channels; the parent's saver keeps its checkpoints."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream


class Text(TypedDict):
    words: Annotated[list[str], operator.add]
    count: int


def build(env: Env) -> Any:
    inner = StateGraph(Text)
    inner.add_node("first", lambda state: {"words": ["inner"]})
    inner.add_node("second", lambda state: {"count": len(state["words"])})
    inner.add_edge(START, "first")
    inner.add_edge("first", "second")
    inner.add_edge("second", END)

    outer = StateGraph(Text)
    outer.add_node("before", lambda state: {"words": ["before"], "count": 0})
    outer.add_node("inner", inner.compile(name="the inner graph"))
    outer.add_node("after", lambda state: {"words": ["after"]})
    outer.add_edge(START, "before")
    outer.add_edge("before", "inner")
    outer.add_edge("inner", "after")
    outer.add_edge("after", END)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"words": []}),
        Stream({"words": ["more"]}, mode=["updates", "values", "tasks"], subgraphs=True),
        Stream({"words": ["quiet"]}, mode=["updates", "checkpoints"], thread="2"),
        State(subgraphs=True),
        History(),
    ]
