"""Nodes that return what a node may not: a number, a string, an unknown key, a wrong `goto`."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from parity.steps import Env, Invoke, Step, Stream

raises = ("InvalidUpdateError", "InvalidUpdateError", "InvalidUpdateError", "KeyError", "KeyError")


class State(TypedDict, total=False):
    kind: str
    value: int


def build(env: Env) -> Any:
    def answer(state: State) -> Any:
        match state["kind"]:
            case "number":
                return 42
            case "string":
                return "value"
            case "list":
                return [{"value": 1}, "value"]
            case "unknown key":
                return {"value": 3, "nothing": 4}
            case "nothing at all":
                return {}
            case "nowhere":
                return Command(goto="nowhere")
            case "send nowhere":
                return Command(goto=Send("nowhere", {}))
            case "send to the end":
                return Command(update={"value": 9}, goto=END)
        return None

    graph = StateGraph(State)
    graph.add_node("answer", env.node(answer))
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    kinds = [
        "number",
        "string",
        "list",
        "unknown key",
        "nothing at all",
        "nowhere",
        "send nowhere",
        "send to the end",
    ]
    calls: list[Step] = [Invoke({"kind": kind}, thread=kind) for kind in kinds]
    return [
        *calls,
        Stream({}, mode="values", thread="empty"),
        Stream({"other": 1}, mode="updates", thread="other"),
    ]
