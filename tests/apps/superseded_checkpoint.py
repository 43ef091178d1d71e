"""An interrupt is answered at a checkpoint that isn't the newest any more, and a thread has two ends."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, Later, Seen, State, Step, Stream, Update


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def ask(state: Log) -> Log:
        env.note("ask", list(state["log"]))
        return {"log": [interrupt("?")]}

    graph = StateGraph(Log)
    graph.add_node("ask", env.node(ask))
    graph.add_node("after", env.node(lambda state: {"log": ["after"]}))
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "after")
    return graph.compile(checkpointer=env.saver)


def asked(seen: Seen) -> Any:
    return next(result.config for result in seen.results if hasattr(result, "config"))


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": []}),
        State(),
        Invoke(Command(resume="yes")),
        Invoke(Command(resume="no"), at=Later(asked)),
        History(),
        Update({"log": ["edited"]}, as_node="ask", at=Later(asked)),
        Stream(None, mode="values"),
        Stream(Command(resume="perhaps"), mode=["updates", "values"], at=Later(asked)),
        State(at=Later(asked)),
        State(),
    ]
