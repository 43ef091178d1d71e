"""Several supersteps of several updates at once: by task, by node, and refused half-way."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, StateUpdate
from parity.steps import BulkUpdate, Env, History, Invoke, Later, Seen, State, Step

raises = (
    "ValueError",
    "ValueError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "InvalidUpdateError",
    "ZeroDivisionError",
)


class Work(TypedDict, total=False):
    one: str
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    graph = StateGraph(Work)
    graph.add_node("begin", env.node(lambda state: {"log": ["begin"]}))
    graph.add_node("write", env.node(lambda job: {"log": [f"write {job}"]}))
    graph.add_node("go", env.node(lambda state: Command(goto="write")), destinations=("write",))
    graph.add_node("share", env.node(lambda state: {"log": [1 / len(state["one"])]}))
    graph.add_edge(START, "begin")
    graph.add_conditional_edges(
        "begin", lambda state: [Send("write", n) for n in (1, 2)], ["write"]
    )
    graph.add_edge("begin", "go")
    graph.add_conditional_edges(
        "share", lambda state: END if 1 // len(state["one"]) else "go", [END, "go"]
    )
    return graph.compile(checkpointer=env.saver, interrupt_after=["begin"])


def by_task(seen: Seen) -> Any:
    first, second, third = seen.last.tasks
    return [
        [
            StateUpdate({"log": ["second"]}, second.name, second.id),
            StateUpdate({"log": ["first"]}, first.name, first.id),
            StateUpdate({"log": ["no task's"]}, "write"),
            StateUpdate(Command(goto="write", update={"one": "1"}), third.name),
        ],
        [StateUpdate({"one": "2", "log": ["again"]}, "begin")],
    ]


def steps(env: Env) -> list[Step]:
    return [
        BulkUpdate([]),
        BulkUpdate([[StateUpdate({}, "begin")], []]),
        Invoke({"log": []}),
        State(),
        BulkUpdate(Later(by_task)),
        State(),
        History(),
        BulkUpdate([[StateUpdate({"log": ["kept"]}, "begin")], [StateUpdate({}, "nobody")]]),
        State(),
        BulkUpdate([[StateUpdate({"log": ["x"]}, "begin"), StateUpdate({"log": ["y"]}, None)]]),
        BulkUpdate([[StateUpdate({"log": ["x"]}, "begin"), StateUpdate({"log": ["y"]}, "no")]]),
        BulkUpdate([[StateUpdate({"one": "a"}, "begin"), StateUpdate({"one": "b"}, "write")]]),
        BulkUpdate([[StateUpdate({"log": ["x"]}, "begin"), StateUpdate(None, "__input__")]]),
        BulkUpdate([[StateUpdate({"one": ""}, "begin")], [StateUpdate({"log": []}, "share")]]),
        History(),
        BulkUpdate(
            [
                [StateUpdate({"log": ["new"], "one": "3"}, "__start__")],
                [StateUpdate({"log": ["in bulk"]}, "begin")],
                [StateUpdate(None, END)],
            ],
            thread="new",
        ),
        Invoke(None, thread="new"),
        History(thread="new"),
        History(),
    ]
