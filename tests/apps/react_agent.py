"""The prebuilt ReAct agent with tools: plain, reading the state, returning a `Command`, and failing."""

import warnings
from typing import Annotated, Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.prebuilt import InjectedState, create_react_agent
from langgraph.types import Command
from parity.chat_model import ScriptedModel, call
from parity.steps import Env, History, Invoke, Step, Stream


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@tool
def count_messages(state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Count the messages so far."""
    return f"{len(state['messages'])} messages"


@tool
def note_down(text: str, tool_call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Note something down."""
    return Command(
        update={"messages": [ToolMessage(f"noted {text}", tool_call_id=tool_call_id, id="note")]}
    )


def build(env: Env) -> Any:
    model = ScriptedModel(
        script=[
            ("let me see", [call("multiply", 1, a=6, b=7)]),
            ("two at once", [call("count_messages", 2)]),
            ("", [call("note_down", 3, text="42"), call("no_such_tool", 4)]),
            "The answer is 42.",
            ("", [call("multiply", 5, a="six", b=7)]),
            "Six what?",
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return create_react_agent(
            model, [multiply, count_messages, note_down], prompt="Be brief.", checkpointer=env.saver
        )


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"messages": [("user", "what is 6 times 7?")]}, config=one_at_a_time),
        Stream(
            {"messages": [("user", "and now?")]}, mode=["updates", "values"], config=one_at_a_time
        ),
        History(),
    ]
