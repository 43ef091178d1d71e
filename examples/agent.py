"""A support agent, written with LangGraph and nothing else: tools, memory, approval, streaming.

Run it as it is, or on another engine; nothing in this file knows about engines::

    python examples/agent.py
    LANGGRAPH_ENGINE=rust python examples/agent.py

The chat model follows a script, so that the program needs no key and says the same each time.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt

ORDERS = {1042: {"item": "teapot", "price": 38}, 1043: {"item": "cup", "price": 9}}


@tool
def look_up_order(order: int) -> str:
    """Find what was bought in an order, and for how much."""
    return json.dumps(ORDERS[order])


@tool
def refund(order: int, amount: int) -> str:
    """Pay money back, if a person agrees."""
    answer = interrupt({"question": f"Refund {amount} EUR for order {order}?"})
    if answer != "yes":
        return "refused"
    return f"refunded {amount} EUR"


class ScriptedModel(BaseChatModel):
    """A chat model whose reply follows from the conversation so far."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=reply(messages))])

    def _stream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> Iterator[ChatGenerationChunk]:
        said = reply(messages)
        for i, word in enumerate(str(said.content).split()):
            text = word if i == 0 else f" {word}"
            yield ChatGenerationChunk(message=AIMessageChunk(content=text, id=said.id))
        for i, call in enumerate(said.tool_calls):
            chunk = tool_call_chunk(
                name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=i
            )
            message = AIMessageChunk(content="", tool_call_chunks=[chunk], id=said.id)
            yield ChatGenerationChunk(message=message)


def reply(messages: list[BaseMessage]) -> AIMessage:
    """The script: what the model says next."""
    name = f"reply-{len(messages)}"
    last = messages[-1]
    if isinstance(last, HumanMessage) and "broken" in str(last.content):
        calls = [
            _call("look_up_order", name, 0, order=1042),
            _call("look_up_order", name, 1, order=1043),
        ]
        return AIMessage("Let me look at your orders.", tool_calls=calls, id=name)
    if isinstance(last, HumanMessage):
        found = [m.content for m in messages if isinstance(m, ToolMessage) and "item" in m.content]
        items = " and a ".join(json.loads(str(content))["item"] for content in found)
        return AIMessage(f"You had ordered a {items}.", id=name)
    if isinstance(last, ToolMessage) and last.name == "look_up_order":
        return AIMessage("", tool_calls=[_call("refund", name, 0, order=1042, amount=38)], id=name)
    return AIMessage(f"That is settled: {last.content}.", id=name)


def _call(name: str, message: str, number: int, **arguments: int) -> dict[str, Any]:
    return {"name": name, "args": arguments, "id": f"{message}-{number}", "type": "tool_call"}


def build() -> CompiledStateGraph:
    """The agent: a model and its tools, in a loop, with memory."""
    model = ScriptedModel()
    rules = SystemMessage("You work at the support desk of a tea shop.")

    def think(state: MessagesState) -> dict[str, list[AnyMessage]]:
        return {"messages": [model.invoke([rules, *state["messages"]])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([look_up_order, refund]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile(checkpointer=InMemorySaver())


# What is put in, one run after the other, in one conversation. The first run stops at the refund and
# waits for a person; the second carries that person's answer; the third needs the memory of both.
TURNS: tuple[Any, ...] = (
    {"messages": [HumanMessage("Two parcels came, the teapot is broken!", id="human-1")]},
    Command(resume="yes"),
    {"messages": [HumanMessage("What had I ordered again?", id="human-2")]},
)
MODES = ["updates", "messages"]


def talk(agent: CompiledStateGraph, thread: str) -> Iterator[tuple[str, Any]]:
    """Hold the conversation, and give every streamed chunk with its mode."""
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    for turn in TURNS:
        yield from agent.stream(turn, config, stream_mode=MODES)


async def talk_async(agent: CompiledStateGraph, thread: str) -> AsyncIterator[tuple[str, Any]]:
    """The same conversation, held asynchronously."""
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    for turn in TURNS:
        async for chunk in agent.astream(turn, config, stream_mode=MODES):
            yield chunk


def main() -> None:
    """Print the conversation as it happens."""
    agent = build()
    for mode, chunk in talk(agent, "printed"):
        if mode == "messages":
            message, metadata = chunk
            if metadata["langgraph_node"] == "think":
                print(message.text, end="", flush=True)
        elif "__interrupt__" in chunk:
            print(f"\n  [waiting: {chunk['__interrupt__'][0].value['question']} -> yes]")
        else:
            for node, update in chunk.items():
                print(f"\n  [{node}: {len(update['messages'])} messages]")
    state = agent.get_state({"configurable": {"thread_id": "printed"}})
    print(f"\n{len(state.values['messages'])} messages in memory")


if __name__ == "__main__":
    main()
