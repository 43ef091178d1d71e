"""A hand-made agent: a model node, `ToolNode` and `tools_condition`; tools get state, store and runtime."""

from typing import Annotated, Any

from langchain_core.tools import ToolException, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, InjectedStore, ToolNode, ToolRuntime, tools_condition
from langgraph.store.base import BaseStore
from parity.chat_model import ScriptedModel, call
from parity.steps import Env, Invoke, Step, Stream


class Agent(MessagesState):
    user: str


@tool
def remember(
    key: str,
    value: str,
    user: Annotated[str, InjectedState("user")],
    store: Annotated[BaseStore, InjectedStore()],
) -> str:
    """Remember a value for this user."""
    store.put((user,), key, {"value": value})
    return f"{key} kept for {user}"


@tool
def recall(key: str, runtime: ToolRuntime) -> str:
    """Recall a value."""
    assert runtime.store is not None
    runtime.stream_writer({"recalling": key, "call": runtime.tool_call_id})
    found = runtime.store.get((runtime.state["user"],), key)
    return found.value["value"] if found else "nothing"


@tool
def fail(why: str) -> str:
    """Fail."""
    raise ToolException(why)


def build(env: Env) -> Any:
    model = ScriptedModel(
        script=[
            ("", [call("remember", 1, key="color", value="blue")]),
            ("", [call("recall", 2, key="color")]),
            ("", [call("fail", 3, why="broken")]),
            "Blue it is.",
        ]
    ).bind_tools([remember, recall, fail])

    def think(state: Agent) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def athink(state: Agent) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(Agent)
    graph.add_node("think", athink if env.is_async else think)
    graph.add_node("tools", ToolNode([remember, recall, fail], handle_tool_errors="it went wrong"))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile(checkpointer=env.saver, store=env.store)


def steps(env: Env) -> list[Step]:
    start = {"messages": [("user", "my color is blue")], "user": "ann"}
    return [
        Invoke(start),
        Stream(start, mode=["updates", "custom"], thread="2"),
    ]
