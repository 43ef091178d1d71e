"""Updates that are no node's: an end to what is planned, a new input, a copy with or without changes."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, StateUpdate, interrupt
from parity.steps import BulkUpdate, Env, History, Invoke, Later, Seen, State, Step, Stream, Update

raises = (
    "InvalidUpdateError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "EmptyInputError",
)


class Work(TypedDict, total=False):
    topic: str
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def spread(state: Work) -> list[Send]:
        return [Send("write", {"part": part}) for part in (1, 2)]

    def ask(state: Work) -> Work:
        return {"log": [f"{interrupt('well?')} for {state['topic']}"]}

    graph = StateGraph(Work)
    graph.add_node("begin", env.node(lambda state: {"log": [f"begin {state['topic']}"]}))
    graph.add_node("write", env.node(lambda job: {"log": [f"write {job['part']}"]}))
    graph.add_node("ask", env.node(ask))
    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", spread, ["write"])
    graph.add_edge("begin", "ask")
    graph.add_edge("write", END)
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=env.saver)


def where(index: int, snapshot: int) -> Later:
    return Later(lambda seen: seen.results[index][snapshot].config)


def first_task(seen: Seen) -> Any:
    return [[StateUpdate({"log": ["by id"]}, "write", seen.last.tasks[1].id)]]


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    changes = [({"log": ["one"]}, "write"), ({"log": ["two"]}, "write"), ({"log": ["3"]}, "ask")]
    return [
        Update(None, as_node=END),
        State(),
        Invoke({"topic": "cats"}, config=one_at_a_time),
        History(),
        State(),
        BulkUpdate(Later(first_task), at=where(3, 0)),
        Update(None, as_node=END),
        State(),
        Update({"topic": "dogs", "log": ["asked"]}, as_node="__input__"),
        Update({"nothing": "known"}, as_node="__input__"),
        Update(None, as_node="__input__"),
        Invoke(None, config=one_at_a_time),
        History(),
        Update(None, as_node="__copy__"),
        State(),
        Update(None, as_node="__copy__", at=where(12, 1)),
        Update(changes, as_node="__copy__", at=where(12, 0)),
        State(),
        History(),
        Update([7], as_node="__copy__", at=where(12, 0)),
        Update(None, as_node="__copy__", thread="nobody's"),
        BulkUpdate([[StateUpdate(None, "__copy__"), StateUpdate(None, "__copy__")]]),
        BulkUpdate([[StateUpdate(None, END), StateUpdate(None, END)]]),
        Stream(None, mode="values", config=one_at_a_time),
        Invoke(Command(resume="yes"), config=one_at_a_time),
        Update({"topic": "new"}, as_node="__input__", thread="3"),
        Invoke(None, thread="3", config=one_at_a_time),
        Update(None, as_node=END, thread="3", at=None),
        Invoke(None, thread="4"),
        History(thread="3"),
    ]
