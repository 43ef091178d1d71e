"""Threads saved by older versions: channels named after edges, branches and nodes, packets kept apart."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from parity.steps import Do, Env, History, Invoke, State, Step, Update


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def version(number: int) -> str:
    return f"{number:032}.0000000000000000"


OLD: dict[str, dict[str, Any]] = {
    "start": {"v": 1, "channel_values": {"start:first": START}},
    "branch": {"v": 2, "channel_values": {"branch:first:choose:second": "first"}},
    "node": {"v": 2, "channel_values": {"first": "first"}},
    "packets": {"v": 3, "channel_values": {}, "pending_sends": [Send("second", {"log": ["sent"]})]},
}
"""What older versions kept of a thread whose next node is yet to run."""


def build(env: Env) -> Any:
    def line(name: str) -> Any:
        return env.node(lambda state: {"log": [f"{name} after {state['log'][-1]}"]})

    def choose(state: Log) -> str:
        return "second" if len(state["log"]) < 4 else END

    graph = StateGraph(Log)
    for name in ("first", "second", "third"):
        graph.add_node(name, line(name))
    graph.add_edge(START, "first")
    graph.add_conditional_edges("first", choose, ["second", END])
    graph.add_edge("first", "third")
    return graph.compile(checkpointer=env.saver)


def put(env: Env, name: str) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        old = OLD[name]
        values = {"log": ["old"], **old["channel_values"]}
        versions = {START: version(1), **dict.fromkeys(values, version(2))}
        checkpoint: Any = {
            **old,
            "id": "1ef00000-0000-6000-8000-000000000001",
            "ts": "2024-01-01T00:00:00+00:00",
            "channel_values": values,
            "channel_versions": versions,
            "versions_seen": {"__input__": {}, START: {START: version(1)}},
        }
        where: Any = {"configurable": {"thread_id": name, "checkpoint_ns": ""}}
        env.saver.put(where, checkpoint, {"source": "loop", "step": 0, "parents": {}}, versions)

    return go


def steps(env: Env) -> list[Step]:
    todo: list[Step] = []
    for name in OLD:
        todo += [Do(function=put(env, name)), State(thread=name), Invoke(None, thread=name)]
        todo += [History(thread=name)]
    return [
        *todo,
        Update({"log": ["more"]}, as_node="first", thread="start"),
        State(thread="start"),
    ]
