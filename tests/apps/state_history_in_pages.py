"""A long history: whole, limited, from an older checkpoint on, filtered, and of a thread nobody used."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, History, Invoke, Later, Step

STEPS = 40


class Count(TypedDict):
    number: int


def build(env: Env) -> Any:
    graph = StateGraph(Count)
    graph.add_node("add", env.node(lambda state: {"number": state["number"] + 1}))
    graph.add_edge(START, "add")
    graph.add_conditional_edges(
        "add", lambda state: "add" if state["number"] % STEPS else "__end__", ["add", "__end__"]
    )
    return graph.compile(checkpointer=env.saver)


def snapshot(index: int) -> Later:
    return Later(lambda seen: seen.results[2][index].config)


def steps(env: Env) -> list[Step]:
    limits: list[Step] = [History(options={"limit": limit}) for limit in (0, 1, 7, 8, 9, 24, 1000)]
    return [
        Invoke({"number": 0}),
        Invoke({"number": STEPS - 2}),
        History(),
        *limits,
        History(before=snapshot(5)),
        History(before=snapshot(20), options={"limit": 12}),
        History(before=snapshot(-1)),
        History(options={"filter": {"source": "input"}}),
        History(options={"filter": {"source": "loop"}, "limit": 10}),
        History(options={"filter": {"step": 3}}),
        History(options={"filter": {"step": 999}}),
        History(at=snapshot(4)),
        History(thread="empty"),
        History(thread=None, config={"configurable": {"thread_id": 5}}),
    ]
