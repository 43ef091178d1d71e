"""An untracked value is there for the run and in no checkpoint; nor are the parts of it that are sent."""

from typing import Annotated, Any, TypedDict

from langgraph.channels import UntrackedValue
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream


class Work(TypedDict, total=False):
    n: int
    connection: Annotated[object, UntrackedValue]
    log: list[Any]


def build(env: Env) -> Any:
    def connect(state: Work) -> Work:
        return {"connection": ["open", state["n"]]}

    def use(state: Work) -> Work:
        env.note("use", state.get("connection", "gone"))
        return {"n": state["n"] + 1}

    def ask(state: Work) -> Work:
        answer = interrupt("go on?")
        return {"log": [answer, state.get("connection", "gone")]}

    graph = StateGraph(Work)
    graph.add_node("connect", env.node(connect))
    graph.add_node("use", env.node(use))
    graph.add_node("ask", env.node(ask))
    graph.add_edge(START, "connect")
    graph.add_conditional_edges("connect", lambda state: [Send("use", state)], ["use"])
    graph.add_edge("use", "ask")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"n": 1}, mode=["values", "updates", "checkpoints"]),
        State(),
        Invoke(Command(resume="yes")),
        History(),
    ]
