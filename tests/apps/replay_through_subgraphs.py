"""Time travel where subgraphs asked: replay from before, from inside, and forks that answer otherwise."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, Later, Seen, State, Step, Stream, Update


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def note(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name, list(state["log"]))
            return {"log": [name]}

        return env.node(node)

    inner = StateGraph(Log)
    inner.add_node("before", note("before"))
    inner.add_node("ask", env.node(lambda state: {"log": [interrupt("?")]}))
    inner.add_node("after", note("after"))
    inner.add_edge(START, "before")
    inner.add_edge("before", "ask")
    inner.add_edge("ask", "after")
    outer = StateGraph(Log)
    outer.add_node("first", note("first"))
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "first")
    outer.add_edge("first", "inner")
    return outer.compile(checkpointer=env.saver)


def from_snapshot(next_node: str) -> Later:
    def config(seen: Seen) -> Any:
        history = next(result for result in seen.results if isinstance(result, list))
        return next(found.config for found in history if found.next == (next_node,))

    return Later(config)


def inside(seen: Seen) -> Any:
    state = next(result for result in seen.results if hasattr(result, "tasks") and result.tasks)
    return state.tasks[0].state.config


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": []}),
        State(subgraphs=True),
        Invoke(Command(resume="yes")),
        History(),
        Stream(None, at=from_snapshot("first"), mode="updates", subgraphs=True),
        Invoke(Command(resume="no")),
        Stream(None, at=from_snapshot("inner"), mode="values"),
        Update({"log": ["forked"]}, at=Later(inside)),
        Stream(None, at=Later(inside), mode="updates", subgraphs=True),
        State(subgraphs=True),
    ]
