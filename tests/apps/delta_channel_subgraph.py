"""Delta channels in a graph and in its subgraph, an own kind of one, and a router that looks ahead."""

from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, State, Step, Stream


def in_place(state: list[str], writes: list[list[str]]) -> list[str]:
    """A reducer that changes what it is given, as some do."""
    for write in writes:
        state.extend(write)
    return state


class Loud(DeltaChannel):  # type: ignore[type-arg]
    """A delta channel of the program's own."""


class Inner(TypedDict, total=False):
    lines: Annotated[list[str], DeltaChannel(in_place, snapshot_frequency=2)]
    own: Annotated[list[str], Loud(in_place, list, snapshot_frequency=2)]


class Outer(Inner, total=False):
    turns: int


def build(env: Env) -> Any:
    def inner_ask(state: Inner) -> Inner:
        return {"lines": ["asked"], "own": [interrupt("more?")]}

    def inner_end(state: Inner) -> Inner:
        return {"lines": ["inner end"]}

    inner = StateGraph(Inner)
    inner.add_node("ask", env.node(inner_ask))
    inner.add_node("end", env.node(inner_end))
    inner.add_edge(START, "ask")
    inner.add_edge("ask", "end")
    inner.add_edge("end", END)

    def begin(state: Outer) -> Outer:
        return {"lines": ["begin"], "turns": state.get("turns", 0) + 1}

    def after(state: Outer) -> str:
        env.note("after", [list(state["lines"]), state["turns"]])
        return "inner" if state["turns"] < 3 else END

    outer = StateGraph(Outer)
    outer.add_node("begin", env.node(begin))
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "begin")
    outer.add_conditional_edges("begin", after, ["inner", END])
    outer.add_edge("inner", END)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"lines": ["one"]}),
        State(subgraphs=True),
        Stream(Command(resume="yes"), mode="updates", subgraphs=True),
        State(),
        Invoke({"lines": ["two"]}),
        Invoke(Command(resume="no")),
        Invoke({"lines": ["three"]}),
        State(),
    ]
