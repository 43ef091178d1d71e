"""`astream_events`, v1 and v2: a graph with a subgraph and a chat model, as a listener hears it."""

from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.graph import START, StateGraph, add_messages
from langgraph.types import Command, interrupt
from parity.chat_model import ScriptedModel
from parity.steps import Do, Env, Step

modes = ("async",)


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def build(env: Env) -> Any:
    model = ScriptedModel(script=["hello there", "good bye"])

    async def answer(state: Chat) -> Chat:
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def ask(state: Chat) -> Chat:
        return {"messages": [HumanMessage(interrupt("and?"), id="answer")]}

    inner = StateGraph(Chat)
    inner.add_node("answer", answer)
    inner.add_edge(START, "answer")
    outer = StateGraph(Chat)
    outer.add_node("inner", inner.compile(name="inner graph"))
    outer.add_node("ask", ask)
    outer.add_edge(START, "inner")
    outer.add_edge("inner", "ask")
    return outer.compile(checkpointer=env.saver, name="outer graph")


def heard(input: Any, **options: Any) -> Any:
    async def go(graph: Any, config: dict[str, Any]) -> Any:
        return [
            {key: value for key, value in event.items() if key not in ("run_id", "parent_ids")}
            async for event in graph.astream_events(input, config, **options)
        ]

    return go


def steps(env: Env) -> list[Step]:
    asked = {"messages": [HumanMessage("hi", id="human")]}
    return [
        Do(function=heard(asked, version="v2")),
        Do(function=heard(Command(resume="well"), version="v2")),
        Do(function=heard(asked, version="v1"), thread="2"),
        Do(function=heard(asked, version="v2", include_types=["chat_model"]), thread="3"),
    ]
