"""Histories from savers that sort the wrong way round, don't know `before`, or give more than the limit."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypedDict

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from parity.steps import Env, History, Invoke, Later, Step


class Count(TypedDict):
    number: int


class PlainSaver(InMemorySaver):
    """Takes the thread's word for how to list it."""

    def list(self, config: Any, **options: Any) -> Iterator[CheckpointTuple]:
        how = config["configurable"]["thread_id"]
        if how == "never minds before":
            options["before"] = None
        if how == "never minds limit":
            options["limit"] = None
        limit = options.pop("limit", None)
        found = list(super().list(config, limit=None, **options))
        if how == "oldest first":
            found.reverse()
        yield from found[:limit]

    async def alist(self, config: Any, **options: Any) -> AsyncIterator[CheckpointTuple]:
        for found in self.list(config, **options):
            yield found


def build(env: Env) -> Any:
    env.saver = PlainSaver()
    graph = StateGraph(Count)
    graph.add_node("add", env.node(lambda state: {"number": state["number"] + 1}))
    graph.add_edge(START, "add")
    graph.add_conditional_edges(
        "add", lambda state: "add" if state["number"] < 30 else "__end__", ["add", "__end__"]
    )
    return graph.compile(checkpointer=env.saver)


def middle(seen: Any) -> Any:
    return seen.last[15].config


def steps(env: Env) -> list[Step]:
    todo: list[Step] = []
    for how in ("as asked", "oldest first", "never minds before", "never minds limit"):
        todo += [
            Invoke({"number": 0}, thread=how),
            History(thread=how),
            History(thread=how, before=Later(middle), options={"limit": 12}),
            History(thread=how, options={"limit": 20}),
            History(thread=how, options={"limit": 3}),
        ]
    return todo
