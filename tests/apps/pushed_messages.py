"""Messages a node pushes itself, models that are told not to stream, and whole messages in updates."""

from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.constants import TAG_NOSTREAM
from langgraph.graph import START, StateGraph, add_messages
from langgraph.graph.message import push_message
from parity.chat_model import ScriptedModel
from parity.steps import Env, Invoke, Step, Stream


class Chat(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[AnyMessage], add_messages]


def build(env: Env) -> Any:
    silent = ScriptedModel(script=["a secret"]).with_config(tags=[TAG_NOSTREAM])
    loud = ScriptedModel(script=["never mind", "good bye"])

    def think(state: Chat) -> Chat:
        push_message(AIMessage("thinking", id="pushed"))
        push_message(AIMessage("noted", id="note"), state_key="notes")
        push_message(AIMessage("only streamed", id="gone"), state_key=None)
        silent.invoke(state["messages"])
        return {"messages": [AIMessage("done", id="done")]}

    def speak(state: Chat) -> Chat:
        return {"messages": [loud.invoke([HumanMessage("?", id="q")])]}

    graph = StateGraph(Chat)
    graph.add_node("think", env.node(think))
    graph.add_node("speak", env.node(speak))
    graph.add_edge(START, "think")
    graph.add_edge("think", "speak")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    asked = {"messages": [HumanMessage("hi", id="human")]}
    return [
        Stream(asked, mode="messages", thread="1"),
        Stream(asked, mode=["messages", "updates"], subgraphs=True, thread="2"),
        Invoke(asked, thread="3"),
    ]
