"""Several stream modes at once: which chunks come, and in what order; `output_keys`; the v2 format."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import StreamWriter
from parity.steps import Env, Invoke, Step, Stream


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    size: int


def build(env: Env) -> Any:
    def one(state: Log, writer: StreamWriter) -> Log:
        writer({"at": "one"})
        return {"log": ["one"], "size": 1}

    def two(state: Log, writer: StreamWriter) -> Log:
        writer({"at": "two"})
        return {"log": ["two"], "size": state["size"] + 1}

    inner = StateGraph(Log)
    inner.add_node("two", env.node(two))
    inner.add_edge(START, "two")
    graph = StateGraph(Log)
    graph.add_node("one", env.node(one))
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "one")
    graph.add_edge("one", "inner")
    graph.add_edge("inner", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    every = ["values", "updates", "custom", "messages", "tasks", "checkpoints"]
    return [
        Stream({"log": []}, mode=every, thread="1"),
        Stream({"log": []}, mode=every, subgraphs=True, thread="2"),
        Stream({"log": []}, mode=["debug", "custom"], subgraphs=True, thread="3"),
        Stream(
            {"log": []}, mode=["values", "updates"], options={"output_keys": ["size"]}, thread="4"
        ),
        Stream({"log": []}, mode=["values", "updates"], options={"version": "v2"}, thread="5"),
        Stream({"log": []}, mode="tasks", subgraphs=True, options={"version": "v2"}, thread="6"),
        Invoke({"log": []}, options={"version": "v2"}, thread="7"),
    ]
