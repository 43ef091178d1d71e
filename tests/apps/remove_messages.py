"""`RemoveMessage` through `add_messages`: one, all but the last two, all; an unknown id is an error."""

from typing import Any

from langchain_core.messages import AIMessage, RemoveMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from parity.steps import Env, Invoke, State, Step, Stream, Update

raises = ("ValueError",)


def build(env: Env) -> Any:
    def reply(state: MessagesState) -> dict[str, Any]:
        return {
            "messages": AIMessage(
                f"reply {len(state['messages'])}", id=f"ai-{len(state['messages'])}"
            )
        }

    def trim(state: MessagesState) -> dict[str, Any]:
        old = state["messages"][:-2]
        return {"messages": [RemoveMessage(id=message.id or "") for message in old]}

    graph = StateGraph(MessagesState)
    graph.add_node("reply", env.node(reply))
    graph.add_node("trim", env.node(trim))
    graph.add_edge(START, "reply")
    graph.add_edge("reply", "trim")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"messages": "one"}),
        Stream({"messages": "two"}, mode=["updates", "values"]),
        Invoke({"messages": [("user", "three"), RemoveMessage(id="ai-3")]}),
        State(),
        Update({"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}, as_node="trim"),
        Invoke({"messages": "four"}),
        Invoke({"messages": RemoveMessage(id="unknown")}),
    ]
