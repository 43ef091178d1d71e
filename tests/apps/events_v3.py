"""`stream_events` v3: protocol events in order, output and interrupts, with a transformer of one's own."""

import inspect
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph, add_messages
from langgraph.stream import StreamChannel, StreamTransformer
from langgraph.types import Command, interrupt
from parity.chat_model import ScriptedModel
from parity.steps import Do, Env, Step


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


class Methods(StreamTransformer):
    """Keeps the methods of the events of the whole run."""

    required_stream_modes = ("custom", "updates")

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self.seen: StreamChannel[str] = StreamChannel()

    def init(self) -> dict[str, Any]:
        return {"methods": self.seen}

    def process(self, event: Any) -> bool:
        self.seen.push(event["method"])
        return True


def build(env: Env) -> Any:
    model = ScriptedModel(script=["hello there"])

    def answer(state: Chat) -> Chat:
        get_stream_writer()({"heard": len(state["messages"])})
        return {"messages": [model.invoke(state["messages"])]}

    def ask(state: Chat) -> Chat:
        return {"messages": [HumanMessage(interrupt("and?"), id="answer")]}

    inner = StateGraph(Chat)
    inner.add_node("answer", env.node(answer))
    inner.add_edge(START, "answer")
    outer = StateGraph(Chat)
    outer.add_node("inner", inner.compile())
    outer.add_node("ask", env.node(ask))
    outer.add_edge(START, "inner")
    outer.add_edge("inner", "ask")
    return outer.compile(checkpointer=env.saver)


def plain(event: Any) -> Any:
    """An event without what is random or of the time: messages name the run of their model."""
    params = {key: value for key, value in event["params"].items() if key != "timestamp"}
    if event["method"] == "messages":
        message, metadata = params["data"]
        params["data"] = [message, {k: v for k, v in metadata.items() if k != "run_id"}]
    return [event["method"], event.get("seq"), params]


def run(env: Env, input: Any, **options: Any) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        stream = graph.stream_events(input, config, version="v3", **options)
        events = [plain(event) for event in stream]
        return [events, stream.output, stream.interrupted, stream.interrupts]

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        stream = graph.astream_events(input, config, version="v3", **options)
        if inspect.isawaitable(stream):
            stream = await stream
        events = [plain(event) async for event in stream]
        return [
            events,
            await stream.output(),
            await stream.interrupted(),
            await stream.interrupts(),
        ]

    return ago if env.is_async else go


def projected(env: Env, input: Any, name: str) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        stream = graph.stream_events(input, config, version="v3", transformers=[Methods])
        return list(stream.extensions[name])

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        stream = graph.astream_events(input, config, version="v3", transformers=[Methods])
        if inspect.isawaitable(stream):
            stream = await stream
        return [item async for item in stream.extensions[name]]

    return ago if env.is_async else go


def steps(env: Env) -> list[Step]:
    asked = {"messages": [HumanMessage("hi", id="human")]}
    return [
        Do(function=run(env, asked)),
        Do(function=run(env, Command(resume="well"))),
        Do(function=projected(env, asked, "methods"), thread="2"),
        Do(function=projected(env, asked, "values"), thread="3"),
        Do(function=run(env, asked, interrupt_before=["ask"]), thread="4"),
    ]
