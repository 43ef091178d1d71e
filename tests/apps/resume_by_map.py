"""Several interrupts are answered one by one, by their ids, all at once, and with an id nobody has."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Env, Invoke, Later, Seen, State, Step

raises = ("RuntimeError",)


class Survey(TypedDict, total=False):
    people: list[str]
    answers: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def ask(name: str) -> Survey:
        age = interrupt(f"{name}'s age?")
        town = interrupt(f"{name}'s town?")
        return {"answers": [f"{name} {age} {town}"]}

    graph = StateGraph(Survey)
    graph.add_node("ask", env.node(ask))
    graph.add_conditional_edges(
        START, lambda state: [Send("ask", name) for name in state["people"]], ["ask"]
    )
    return graph.compile(checkpointer=env.saver)


def answering(*values: str) -> Later:
    def answer(seen: Seen) -> Any:
        state = [result for result in seen.results if hasattr(result, "interrupts")][-1]
        asked = sorted(state.interrupts, key=lambda interrupted: interrupted.value)
        return Command(resume=dict(zip((one.id for one in asked), values, strict=False)))

    return Later(answer)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"people": ["Ada", "Bob"]}, config=one_at_a_time),
        State(),
        Invoke(Command(resume="36"), config=one_at_a_time),
        Invoke(answering("36"), config=one_at_a_time),
        State(),
        Invoke(answering("London", "40"), config=one_at_a_time),
        State(),
        Invoke(Command(resume={"f" * 32: "nobody"}), config=one_at_a_time),
        Invoke(answering("Paris"), config=one_at_a_time),
        State(),
    ]
