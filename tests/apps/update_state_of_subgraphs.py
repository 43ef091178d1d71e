"""Updates to graphs in graphs, by namespace: one that waits, one that remembers, and one nobody knows."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, StateUpdate, interrupt
from parity.steps import BulkUpdate, Env, History, Invoke, Later, Seen, State, Step, Update

raises = ("ValueError", "ValueError")


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def ask(state: Log) -> Log:
        return {"log": [f"deep {interrupt('how deep?')}"]}

    deep = StateGraph(Log)
    deep.add_sequence(
        [
            ("prepare", env.node(lambda state: {"log": ["prepare"]})),
            ("ask", env.node(ask)),
            ("tidy", env.node(lambda state: {"log": ["tidy"]})),
        ]
    )
    deep.add_edge(START, "prepare")
    keeping = StateGraph(Log)
    keeping.add_node("keep", env.node(lambda state: {"log": [f"kept {len(state['log'])}"]}))
    keeping.add_edge(START, "keep")
    top = StateGraph(Log)
    top.add_node("keeping", keeping.compile(checkpointer=True))
    top.add_node("deep", deep.compile())
    top.add_edge(START, "keeping")
    top.add_edge("keeping", "deep")
    top.add_edge("deep", END)
    return top.compile(checkpointer=env.saver)


def inner(seen: Seen) -> Any:
    state = next(result for result in reversed(seen.results) if hasattr(result, "tasks"))
    found = state.tasks[0].state
    return found if isinstance(found, dict) else found.config


def namespace(name: str) -> Any:
    return {"configurable": {"checkpoint_ns": name}}


def steps(env: Env) -> list[Step]:
    skipping = [
        [StateUpdate({"log": ["for ask"]}, "ask")],
        [StateUpdate({"log": ["more"]}, "tidy")],
    ]
    return [
        Invoke({}),
        State(),
        Update({"log": ["from outside"]}, at=Later(inner)),
        State(subgraphs=True),
        BulkUpdate(skipping, at=Later(inner)),
        State(subgraphs=True),
        Update({"log": ["remember me"]}, config=namespace("keeping")),
        State(config=namespace("keeping")),
        Update({"log": ["?"]}, config=namespace("nobody")),
        Update({"log": ["?"]}, config=namespace("deep|deeper")),
        Invoke(None),
        State(subgraphs=True),
        Invoke({"log": ["second turn"]}),
        State(),
        Update({"log": ["for ask"]}, as_node="ask", at=Later(inner)),
        Invoke(Command(resume="unasked")),
        History(),
        History(config=namespace("keeping")),
    ]
