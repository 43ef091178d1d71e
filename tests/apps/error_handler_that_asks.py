"""An error handler that asks a person: the run stops there, and goes on in the handler."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def fails(state: Log) -> Log:
        env.note("fails")
        raise LookupError("not there")

    def recover(state: Log, error: NodeError) -> Any:
        env.note("recover", [error.node, str(error.error)])
        answer = interrupt(f"{error.node} failed; what now?")
        if answer == "go on":
            return Command(update={"log": ["recovered"]}, goto="after")
        return {"log": ["gave up"]}

    graph = StateGraph(Log)
    graph.add_node("fails", env.node(fails), error_handler=env.node(recover))
    graph.add_node("after", env.node(lambda state: {"log": ["after"]}))
    graph.add_edge(START, "fails")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"log": []}, mode=["updates", "tasks"], thread="1"),
        State(thread="1"),
        Invoke(Command(resume="go on"), thread="1"),
        Invoke({"log": []}, thread="2"),
        Stream(Command(resume="stop"), mode=["updates", "values"], thread="2"),
        History(thread="2"),
    ]
