"""A subgraph compiled with `checkpointer=True` remembers earlier turns of the thread; one without doesn't."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, Step, Stream


class Inner(TypedDict, total=False):
    word: str
    remembered: Annotated[list[str], operator.add]


class Outer(TypedDict, total=False):
    word: str


def build(env: Env) -> Any:
    def remember(state: Inner) -> Inner:
        env.note("remembered", state.get("remembered"))
        return {"remembered": [state["word"]]}

    def inner(checkpointer: bool | None) -> Any:
        graph = StateGraph(Inner)
        graph.add_node("remember", env.node(remember))
        graph.add_edge(START, "remember")
        return graph.compile(checkpointer=checkpointer)

    outer = StateGraph(Outer)
    outer.add_node("keeps", inner(True))
    outer.add_node("forgets", inner(None))
    outer.add_edge(START, "keeps")
    outer.add_edge("keeps", "forgets")
    outer.add_edge("forgets", END)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"word": "one"}),
        Invoke({"word": "two"}),
        Stream({"word": "three"}, mode=["updates", "checkpoints"], subgraphs=True),
        History(),
    ]
