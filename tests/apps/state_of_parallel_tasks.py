"""The state while some tasks of a superstep are done, one asks and one failed: live, and as a record."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, Later, Seen, State, Step

raises = ("OSError",)


class Report(TypedDict, total=False):
    broken: bool
    log: Annotated[list[str], operator.add]
    last: str


def build(env: Env) -> Any:
    def quick(state: Report) -> Report:
        return {"log": ["quick"], "last": "quick"}

    def ask(state: Report) -> Report:
        first = interrupt("first?")
        return {"log": [f"{first} and {interrupt('second?')}"]}

    def fragile(state: Report) -> Report:
        if state.get("broken"):
            raise OSError("no disk")
        return {"log": ["fragile"]}

    graph = StateGraph(Report)
    for node in (quick, ask, fragile):
        graph.add_node(node.__name__, env.node(node))
        graph.add_edge(START, node.__name__)
    graph.add_node("join", env.node(lambda state: {"log": ["join"]}))
    graph.add_edge(["quick", "ask", "fragile"], "join")
    graph.add_edge("join", END)
    return graph.compile(checkpointer=env.saver)


def at_latest(seen: Seen) -> Any:
    return seen.last.config


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        State(),
        Invoke({"log": []}, config=one_at_a_time),
        State(),
        State(at=Later(at_latest)),
        Invoke(Command(resume="one"), config=one_at_a_time),
        State(),
        State(at=Later(at_latest)),
        Invoke(Command(resume="two"), config=one_at_a_time),
        State(),
        History(),
        Invoke({"broken": True}, thread="2", config=one_at_a_time),
        State(thread="2"),
        State(thread="2", at=Later(at_latest)),
        History(thread="2"),
    ]
