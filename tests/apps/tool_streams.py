"""The `tools` stream mode: tools that start, tell how far they are, finish and fail."""

import operator
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.prebuilt import ToolNode, ToolRuntime
from parity.chat_model import call
from parity.steps import Env, Step, Stream

raises = ("ZeroDivisionError",)


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], operator.add]


@tool
def count(up_to: int, runtime: ToolRuntime) -> str:
    """Count."""
    for number in range(up_to):
        runtime.emit_output_delta(number)
    return f"counted to {up_to}"


@tool
def divide(by: int) -> int:
    """Divide."""
    return 1 // by


def build(env: Env) -> Any:
    graph = StateGraph(Chat)
    graph.add_node("tools", ToolNode([count, divide], handle_tool_errors=False))
    graph.add_edge(START, "tools")
    outer = StateGraph(Chat)
    outer.add_node("inner", graph.compile())
    outer.add_edge(START, "inner")
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    def asking(*calls: Any) -> Any:
        return {"messages": [AIMessage("", tool_calls=list(calls), id="ai")]}

    return [
        Stream(asking(call("count", 1, up_to=2)), mode=["tools", "updates"], subgraphs=True),
        Stream(asking(call("divide", 2, by=1)), mode="tools", thread="2"),
        Stream(asking(call("divide", 3, by=0)), mode="tools", subgraphs=True, thread="3"),
    ]
