"""A command leaves two graphs at once, carries an update along, and meets a node that doesn't exist."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from parity.steps import Env, History, Invoke, Step, Stream


class Log(TypedDict, total=False):
    go: str
    log: Annotated[list[str], operator.add]


def nested(name: str, node: Any) -> Any:
    graph = StateGraph(Log)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    return graph.compile()


def build(env: Env) -> Any:
    def leave(state: Log) -> Any:
        return Command(graph=Command.PARENT, goto=state["go"], update={"log": ["left"]})

    def middle(state: Log) -> Any:
        return {"log": ["middle"]}

    inner = StateGraph(Log)
    inner.add_node("leaving", nested("leave", env.node(leave)))
    inner.add_node("middle", env.node(middle))
    inner.add_edge(START, "leaving")
    outer = StateGraph(Log)
    outer.add_node("inner", inner.compile())
    outer.add_node("direct", nested("leave", env.node(leave)))
    outer.add_node("after", env.node(lambda state: {"log": ["after"]}))
    outer.add_conditional_edges(
        START, lambda state: "direct" if state["go"] == "after" else "inner", ["direct", "inner"]
    )
    outer.add_edge("inner", END)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    modes = ["updates", "tasks"]
    return [
        Invoke({"go": "after", "log": []}, thread="1"),
        Stream({"go": "middle", "log": []}, mode=modes, subgraphs=True, thread="2"),
        Stream({"go": "nowhere", "log": []}, mode="updates", thread="3"),
        History(thread="1"),
    ]
