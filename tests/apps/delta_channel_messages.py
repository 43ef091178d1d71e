"""Messages in a delta channel: ids for those that have none, removals, interrupts and an update."""

from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import _messages_delta_reducer
from langgraph.types import Command, Overwrite, interrupt
from parity.steps import Env, Invoke, State, Step, Stream, Update


class Chat(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], DeltaChannel(_messages_delta_reducer)]


def build(env: Env) -> Any:
    def answer(state: Chat) -> Any:
        text = state["messages"][-1].content
        if text == "ask":
            return {"messages": [AIMessage(interrupt("say what?"))]}
        if text == "forget":
            return {"messages": [RemoveMessage(id=state["messages"][0].id)]}
        if text == "over":
            return {"messages": Overwrite([AIMessage("over", id="over")])}
        return {"messages": {"role": "assistant", "content": f"{len(state['messages'])} so far"}}

    graph = StateGraph(Chat)
    graph.add_node("answer", env.node(answer))
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"messages": [HumanMessage("hello", id="h1")]}),
        Stream({"messages": [{"role": "user", "content": "ask"}]}, mode=["updates", "values"]),
        Invoke(Command(resume="this")),
        State(),
        Update({"messages": [HumanMessage("said", id="h2")]}, as_node="answer"),
        Invoke({"messages": [HumanMessage("forget", id="h3")]}),
        Invoke({"messages": [HumanMessage("over", id="h4")]}),
        State(),
    ]
