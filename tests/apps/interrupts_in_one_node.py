"""Two interrupts in one node, answered one after the other; a loop that asks until the answer will do."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, State, Step, Stream


class Form(TypedDict, total=False):
    name: str
    age: int


def build(env: Env) -> Any:
    def ask(state: Form) -> Form:
        env.note("starts")
        name = interrupt("name?")
        answer: Any = interrupt(f"age of {name}?")
        while not isinstance(answer, int):
            answer = interrupt(f"{answer!r} is no number; age of {name}?")
        return {"name": name, "age": answer}

    graph = StateGraph(Form)
    graph.add_node("ask", env.node(ask))
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({}),
        Invoke(Command(resume="Ann")),
        Stream(Command(resume="old"), mode=["updates", "values", "debug"]),
        State(),
        Invoke(Command(resume=42)),
        State(),
    ]
