"""Resuming that is asked to be strict: an answer that fits no pending interrupt is refused, and nothing is changed."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Env, Invoke, Later, Seen, State, Step

raises = (
    "UnknownInterruptError",  # Several wait, and it isn't said which is meant.
    "UnknownInterruptError",  # No answer at all.
    "UnknownInterruptError",  # An id nobody has.
    "UnknownInterruptError",  # Already answered.
    "UnknownInterruptError",  # An id nobody has, to a subgraph.
)
raises_before = {"1.2.20": ("RuntimeError",)}

STRICT = {"configurable": {"__pregel_strict_resume": True}, "max_concurrency": 1}


class Survey(TypedDict, total=False):
    people: list[str]
    answers: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def ask(name: str) -> Survey:
        return {"answers": [f"{name} {interrupt(f'how old is {name}?')}"]}

    inner = StateGraph(Survey)
    inner.add_node("sure", env.node(lambda state: {"answers": [interrupt("sure?")]}))
    inner.add_edge(START, "sure")
    outer = StateGraph(Survey)
    outer.add_node("ask", env.node(ask))
    outer.add_node("inner", inner.compile())
    outer.add_conditional_edges(
        START, lambda state: [Send("ask", name) for name in state["people"]], ["ask"]
    )
    outer.add_edge("ask", "inner")
    return outer.compile(checkpointer=env.saver)


def answering(*values: str) -> Later:
    """Answers by id, of the state that was seen last."""

    def answer(seen: Seen) -> Any:
        state = [result for result in seen.results if hasattr(result, "interrupts")][-1]
        asked = sorted(state.interrupts, key=lambda interrupted: interrupted.value)
        return Command(resume=dict(zip((one.id for one in asked), values, strict=False)))

    return Later(answer)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"people": ["Ada", "Bob"]}, config=STRICT),
        State(),
        Invoke(Command(resume="36"), config=STRICT),
        Invoke(Command(resume={}), config=STRICT),
        Invoke(Command(resume={"f" * 32: "nobody"}), config=STRICT),
        State(),
        Invoke(answering("36"), config=STRICT),
        Invoke(answering("37"), config=STRICT),
        State(),
        Invoke(answering("40"), config=STRICT),
        State(),
        Invoke(Command(resume={"f" * 32: "nobody"}), config=STRICT),
        Invoke(answering("yes"), config=STRICT),
        State(),
    ]
