"""A handler of the program's own hears when a graph, or a graph inside it, is interrupted and resumed."""

from typing import Any, TypedDict

from langgraph.callbacks import GraphCallbackHandler
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, Step, Stream


class Form(TypedDict, total=False):
    name: str
    age: str


class Desk(GraphCallbackHandler):
    """Notes what it hears of."""

    run_inline = True

    def __init__(self, env: Env) -> None:
        self.env = env

    def on_interrupt(self, event: Any) -> None:
        asked = [interrupted.value for interrupted in event.interrupts]
        self.env.note("interrupted", [event.status, len(event.checkpoint_ns), asked])

    def on_resume(self, event: Any) -> None:
        self.env.note("resumed", [event.status, len(event.checkpoint_ns), event.checkpoint_id])


def build(env: Env) -> Any:
    inner = StateGraph(Form)
    inner.add_node("age", env.node(lambda form: {"age": interrupt("age?")}))
    inner.add_edge(START, "age")
    graph = StateGraph(Form)
    graph.add_node("name", env.node(lambda form: {"name": interrupt("name?")}))
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "name")
    graph.add_edge("name", "inner")
    return graph.compile(checkpointer=env.saver, interrupt_before=["name"])


def steps(env: Env) -> list[Step]:
    config = {"callbacks": [Desk(env)]}
    return [
        Invoke({}, config=config),
        Invoke(None, config=config),
        Stream(Command(resume="Ada"), config=config, subgraphs=True),
        Invoke(Command(resume="36"), config=config),
    ]
