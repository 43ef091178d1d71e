"""The three durability modes keep the same final checkpoint; `"exit"` keeps no others."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, Step, Stream

raises = ("ArithmeticError",)


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def ask(state: Log) -> Log:
        answer = interrupt("go on?")
        if answer == "fail":
            raise ArithmeticError("told to")
        return {"log": [f"ask: {answer}"]}

    inner = StateGraph(Log)
    inner.add_sequence([("inside", lambda state: {"log": ["inside"]}), ("ask", env.node(ask))])
    inner.add_edge(START, "inside")
    graph = StateGraph(Log)
    graph.add_sequence([("a", lambda state: {"log": ["a"]}), ("inner", inner.compile())])
    graph.add_edge(START, "a")
    graph.add_node("b", env.node(lambda state: {"log": ["b"]}))
    graph.add_edge("a", "b")
    graph.add_edge("inner", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    calls: list[Step] = []
    one_at_a_time = {"max_concurrency": 1}
    for durability in ("sync", "async", "exit"):
        options = {"durability": durability}
        common: dict[str, Any] = {"thread": durability, "options": options, "config": one_at_a_time}
        calls += [
            Stream({"log": []}, mode=["updates", "checkpoints"], **common),
            Invoke(Command(resume="yes"), **common),
            Invoke({"log": ["second"]}, **common),
            History(thread=durability),
        ]
    fails: dict[str, Any] = {
        "thread": "exit",
        "options": {"durability": "exit"},
        "config": one_at_a_time,
    }
    return [*calls, Invoke(Command(resume="fail"), **fails), History(thread="exit")]
