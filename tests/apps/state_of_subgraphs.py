"""The state of graphs in graphs: nested in the parent's, by namespace, by checkpoint, and their history."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, Later, Seen, State, Step

raises_before = {"1.2.21": ("ValueError", "ValueError")}


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def mark(name: str) -> Any:
        return env.node(lambda state: {"log": [name]})

    def ask(state: Log) -> Log:
        return {"log": [f"deep {interrupt('how deep?')}"]}

    deep = StateGraph(Log)
    deep.add_sequence([("prepare", mark("prepare")), ("ask", env.node(ask))])
    deep.add_edge(START, "prepare")
    middle = StateGraph(Log)
    middle.add_sequence([("before", mark("before")), ("deep", deep.compile())])
    middle.add_edge(START, "before")
    keeping = StateGraph(Log)
    keeping.add_node("keep", mark("keep"))
    keeping.add_edge(START, "keep")
    top = StateGraph(Log)
    top.add_node("keeping", keeping.compile(checkpointer=True))
    top.add_node("middle", middle.compile())
    top.add_edge(START, "keeping")
    top.add_edge("keeping", "middle")
    top.add_edge("middle", END)
    return top.compile(checkpointer=env.saver)


def task_state(*path: int) -> Later:
    """The config, or the snapshot's config, of a task of the step before."""

    def find(seen: Seen) -> Any:
        state = seen.last
        for index in path:
            state = state.tasks[index].state
        return state if isinstance(state, dict) else state.config

    return Later(find)


def first_of_history(seen: Seen) -> Any:
    return seen.last[-1].config


def namespace(name: str) -> Any:
    return {"configurable": {"checkpoint_ns": name}}


def steps(env: Env) -> list[Step]:
    return [
        Invoke({}),
        State(),
        State(at=task_state(0)),
        State(subgraphs=True),
        State(at=task_state(0, 0)),
        State(subgraphs=True),
        History(at=task_state(0)),
        State(subgraphs=True),
        History(at=task_state(0, 0)),
        State(at=Later(first_of_history)),
        State(config=namespace("keeping")),
        History(config=namespace("keeping")),
        State(config=namespace("nobody")),
        History(config=namespace("nobody")),
        Invoke(Command(resume="very")),
        State(subgraphs=True),
        History(config=namespace("keeping")),
        Invoke({}, thread="2"),
        State(subgraphs=True, thread="2"),
    ]
