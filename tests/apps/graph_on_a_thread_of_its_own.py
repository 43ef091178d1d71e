"""A graph with a saver of its own, called in a node on another thread: what the caller's streams hear of it."""

from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from parity.chat_model import ScriptedModel
from parity.steps import Do, Env, Invoke, State, Step, Stream

ids = "numbered"


def build(env: Env) -> Any:
    helper = ScriptedModel(script=["let me see", "it is blue"], name_of_ids="helper")
    host = ScriptedModel(script=["here you are"], name_of_ids="host")
    own_saver = InMemorySaver()

    def speak(model: Any) -> Any:
        def node(state: MessagesState) -> dict[str, Any]:
            return {"messages": [model.invoke(state["messages"])]}

        async def anode(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        return anode if env.is_async else node

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [HumanMessage(interrupt("which one?"), id="answer")]}

    inner = StateGraph(MessagesState)
    inner.add_node("think", speak(helper))
    inner.add_node("ask", env.node(ask))
    inner.add_node("say", speak(helper))
    names = ["think", "ask", "say"]
    for before, after in zip([START, *names], names, strict=False):
        inner.add_edge(before, after)
    child = inner.compile(checkpointer=own_saver, name="child")
    own = {"configurable": {"thread_id": "the child's"}}

    def call(state: MessagesState) -> dict[str, Any]:
        env.note("stream", list(child.stream({"messages": state["messages"]}, own)))
        env.note("asked", child.get_state(own).interrupts)
        result = child.invoke(Command(resume="the sky"), own)
        return {"messages": result["messages"][-1:]}

    async def acall(state: MessagesState) -> dict[str, Any]:
        stream = child.astream({"messages": state["messages"]}, own)
        env.note("stream", [chunk async for chunk in stream])
        env.note("asked", (await child.aget_state(own)).interrupts)
        result = await child.ainvoke(Command(resume="the sky"), own)
        return {"messages": result["messages"][-1:]}

    outer = StateGraph(MessagesState)
    outer.add_node("call", acall if env.is_async else call)
    outer.add_node("host", speak(host))
    outer.add_edge(START, "call")
    outer.add_edge("call", "host")
    graph = outer.compile(checkpointer=env.saver)
    graph.child_saver = own_saver  # type: ignore[attr-defined]
    return graph


def left_behind(graph: Any, config: dict[str, Any]) -> Any:
    """What the child's own saver holds: its thread, and none of its caller's."""
    return [
        [found.config["configurable"], found.metadata] for found in graph.child_saver.list(None)
    ]


def steps(env: Env) -> list[Step]:
    asked = {"messages": [HumanMessage("what colour?", id="asked")]}
    return [
        Stream(asked, mode="messages"),
        Do(function=left_behind),
        Stream(asked, mode=["messages", "updates"], subgraphs=True, thread="2"),
        Stream(asked, mode="updates", subgraphs=True, thread="3"),
        Stream(asked, mode="messages", subgraphs=True, options={"version": "v2"}, thread="4"),
        Invoke(asked, thread="5"),
        State(subgraphs=True, thread="5"),
        Do(function=left_behind),
    ]
