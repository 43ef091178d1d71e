"""`interrupt_before` and `interrupt_after`, at compile time and for one call; `None` goes on."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    graph = StateGraph(Log)
    names = ["plan", "act", "check", "close"]
    for name in names:
        graph.add_node(name, lambda state, name=name: {"log": [name]})
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile(
        checkpointer=env.saver, interrupt_before=["act"], interrupt_after=["check"]
    )


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": []}),
        State(),
        Invoke(None),
        Stream(None, mode=["values", "updates"]),
        Invoke(None),
        History(),
        Stream(
            {"log": []}, mode=["updates", "debug"], options={"interrupt_before": "*"}, thread="2"
        ),
        Stream(None, mode="updates", options={"interrupt_after": ["act"]}, thread="2"),
        Invoke({"log": ["new input"]}, thread="2"),
        Invoke({"log": []}, options={"interrupt_after": "*"}, thread="3"),
        Stream(None, mode=["updates", "values"], options={"interrupt_after": "*"}, thread="3"),
    ]
