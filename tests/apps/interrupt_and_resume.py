"""One `interrupt()` and a `Command(resume=...)`; the node starts again from its beginning."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream


class Letter(TypedDict, total=False):
    draft: str
    approved_by: str


def build(env: Env) -> Any:
    def write(state: Letter) -> Letter:
        return {"draft": "dear all"}

    def approve(state: Letter) -> Letter:
        env.note("asks")
        name = interrupt({"question": "who approves?", "draft": state["draft"]})
        env.note("answered", name)
        return {"approved_by": name}

    graph = StateGraph(Letter)
    graph.add_node("write", env.node(write))
    graph.add_node("approve", env.node(approve))
    graph.add_edge(START, "write")
    graph.add_edge("write", "approve")
    graph.add_edge("approve", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    modes = ["updates", "values", "tasks", "checkpoints"]
    return [
        Invoke({}),
        State(),
        Invoke(Command(resume="Ann")),
        History(),
        Stream({}, mode=modes, thread="2"),
        Invoke(None, thread="2"),
        Stream(
            Command(resume={"name": "Bob"}, update={"draft": "dear none"}), mode=modes, thread="2"
        ),
    ]
