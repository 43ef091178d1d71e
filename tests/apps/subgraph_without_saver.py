"""A subgraph compiled with `checkpointer=False` keeps no checkpoints, though its parent does."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, Step, Stream

# The ids of the subgraph's checkpoints are stored nowhere, and an engine need not draw them.
ids = "numbered"


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    inner = StateGraph(Log)
    inner.add_sequence(
        [(name, env.node(lambda state, name=name: {"log": [name]})) for name in ("one", "two")]
    )
    inner.add_edge(START, "one")
    outer = StateGraph(Log)
    outer.add_node("inner", inner.compile(checkpointer=False))
    outer.add_node("after", env.node(lambda state: {"log": [f"after {len(state['log'])}"]}))
    outer.add_edge(START, "inner")
    outer.add_edge("inner", "after")
    outer.add_edge("after", END)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": []}),
        Stream({"log": []}, mode=["updates", "values", "checkpoints"], subgraphs=True),
        History(),
    ]
