"""`stream_events` v3, read by its projections: subgraphs, interleaved ones, transformers of the graph, and an early end."""

import inspect
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph, add_messages
from langgraph.stream import CustomTransformer, TasksTransformer, UpdatesTransformer
from langgraph.types import interrupt
from parity.chat_model import ScriptedModel
from parity.steps import Do, Env, State, Step

raises = ("KeyError",)


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def build(env: Env) -> Any:
    model = ScriptedModel(script=["hello there"])

    def answer(state: Chat) -> Chat:
        get_stream_writer()({"heard": len(state["messages"])})
        return {"messages": [model.invoke(state["messages"])]}

    def ask(state: Chat) -> Chat:
        if len(state["messages"]) > 3:
            raise KeyError("too many")
        return {"messages": [HumanMessage(interrupt("and?"), id="answer")]}

    deep = StateGraph(Chat)
    deep.add_node("answer", env.node(answer))
    deep.add_edge(START, "answer")
    inner = StateGraph(Chat)
    inner.add_node("deep", deep.compile(name="deep graph"))
    inner.add_edge(START, "deep")
    outer = StateGraph(Chat)
    outer.add_node("inner", inner.compile(name="inner graph"))
    outer.add_node("ask", env.node(ask))
    outer.add_edge(START, "inner")
    outer.add_edge("inner", "ask")
    return outer.compile(
        checkpointer=env.saver,
        transformers=[CustomTransformer, UpdatesTransformer, TasksTransformer],
    )


def reading(env: Env, read: Any, aread: Any, words: int = 1) -> Any:
    asked = {"messages": [HumanMessage("hi", id=f"human-{at}") for at in range(words)]}

    def go(graph: Any, config: dict[str, Any]) -> Any:
        return read(graph.stream_events(asked, config, version="v3"))

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        stream = graph.astream_events(asked, config, version="v3")
        return await aread(await stream if inspect.isawaitable(stream) else stream)

    return ago if env.is_async else go


def names(stream: Any) -> Any:
    return sorted(stream.extensions)


async def anames(stream: Any) -> Any:
    return sorted(stream.extensions)


def interleaved(stream: Any) -> Any:
    found = list(stream.interleave("updates", "custom", "values"))
    return [found, stream.interrupted, stream.interrupts]


async def ainterleaved(stream: Any) -> Any:
    found = [[update async for update in stream.updates]]
    return [found, await stream.interrupted(), await stream.interrupts()]


def about(graph: Any) -> Any:
    return [list(graph.path), graph.graph_name, graph.status, graph.error]


def subgraphs(stream: Any) -> Any:
    found = []
    for graph in stream.subgraphs:
        values = list(graph.values)
        found.append([values, about(graph)])
    return found


async def asubgraphs(stream: Any) -> Any:
    found = []
    async for graph in stream.subgraphs:
        values = [value async for value in graph.values]
        found.append([values, about(graph)])
    return found


def aborted(stream: Any) -> Any:
    with stream:
        first = next(iter(stream.updates))
    return [first, list(stream)]


async def aaborted(stream: Any) -> Any:
    async with stream:
        first = await anext(aiter(stream.updates))
    return [first, [event async for event in stream]]


def steps(env: Env) -> list[Step]:
    return [
        Do(function=reading(env, names, anames)),
        Do(function=reading(env, interleaved, ainterleaved), thread="2"),
        Do(function=reading(env, subgraphs, asubgraphs), thread="3"),
        Do(function=reading(env, aborted, aaborted), thread="4"),
        State(thread="4"),
        Do(function=reading(env, interleaved, ainterleaved, words=3), thread="5"),
    ]
