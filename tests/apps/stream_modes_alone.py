"""Every stream mode by itself, with and without a saver's checkpoints to tell of."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, StreamWriter, interrupt
from parity.steps import Env, Step, Stream

MODES = ("values", "updates", "custom", "messages", "tasks", "checkpoints", "debug")


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    size: int


def build(env: Env) -> Any:
    def one(state: Log, writer: StreamWriter) -> Log:
        writer("one is at work")
        return {"log": ["one"]}

    def two(state: Log) -> Log:
        return {"size": len(state["log"]) + interrupt("how many more?")}

    graph = StateGraph(Log)
    graph.add_node("one", env.node(one))
    graph.add_node("nothing", env.node(lambda state: None))
    graph.add_node("two", env.node(two))
    graph.add_edge(START, "one")
    graph.add_edge("one", "nothing")
    graph.add_edge("nothing", "two")
    graph.add_edge("two", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    calls: list[Step] = []
    for mode in MODES:
        calls.append(Stream({"log": ["in"]}, mode=mode, thread=mode))
        calls.append(Stream(Command(resume=10), mode=mode, thread=mode))
    return [
        *calls,
        Stream({}, mode=[], thread="no modes"),
        Stream({"size": 1}, mode=["values"], thread="one in a list"),
    ]
