"""Graphs that a node calls itself, several times in one task, with a memory and without."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, State, Step, Stream

ids = "numbered"


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def inner(name: str, node: Any, checkpointer: Any) -> Any:
        graph = StateGraph(Log)
        graph.add_node(name, env.node(node))
        graph.add_edge(START, name)
        return graph.compile(name=name, checkpointer=checkpointer)

    def count(state: Log) -> Log:
        return {"log": [f"line {len(state['log'])}"]}

    forgetful = inner("forgetful", count, False)
    asking = inner("asking", lambda state: {"log": [interrupt("?")]}, None)

    def calls(state: Log) -> Log:
        log: list[str] = []
        for graph in (forgetful, forgetful, asking):
            log += graph.invoke({"log": ["begin"]})["log"]
        return {"log": log}

    async def acalls(state: Log) -> Log:
        log: list[str] = []
        for graph in (forgetful, forgetful, asking):
            log += (await graph.ainvoke({"log": ["begin"]}))["log"]
        return {"log": log}

    outer = StateGraph(Log)
    outer.add_node("calls", acalls if env.is_async else calls)
    outer.add_edge(START, "calls")
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"log": []}, mode=["updates", "values"], subgraphs=True),
        State(subgraphs=True),
        Invoke(Command(resume="yes")),
        Invoke({"log": ["again"]}),
        Stream(Command(resume="no"), mode="tasks", subgraphs=True),
    ]
