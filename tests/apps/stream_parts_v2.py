"""Chunks in the v2 format: typed parts, with their namespace, for one mode, for several, with subgraphs."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Step, Stream

modes_of_stream = ["values", "updates", "custom", "tasks", "checkpoints", "messages"]


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def write(state: Log) -> Log:
        get_stream_writer()({"lines": len(state["log"])})
        return {"log": ["written"]}

    def ask(state: Log) -> Log:
        return {"log": [interrupt("more?")]}

    inner = StateGraph(Log)
    inner.add_node("write", env.node(write))
    inner.add_node("ask", env.node(ask))
    inner.add_edge(START, "write")
    inner.add_edge("write", "ask")
    outer = StateGraph(Log)
    outer.add_node("write", env.node(write))
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "write")
    outer.add_edge("write", "inner")
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    v2 = {"version": "v2"}
    return [
        Stream({"log": ["a"]}, mode="values", options=v2, thread="1"),
        Stream(Command(resume="no"), mode="values", options=v2, thread="1"),
        Stream({"log": ["b"]}, mode="debug", options=v2, thread="2"),
        Stream({"log": ["c"]}, mode=modes_of_stream, subgraphs=True, options=v2, thread="3"),
        Stream(Command(resume="no"), mode=["updates", "values"], options=v2, thread="3"),
    ]
