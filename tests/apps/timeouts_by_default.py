"""A timeout for all the nodes of a graph: their own come first, handlers and subgraphs as nodes have it too."""

import asyncio
from datetime import timedelta
from typing import Any, TypedDict

from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.types import TimeoutPolicy
from parity.steps import Env, History, Invoke, Step, Stream

modes = ("async",)
raises = ("NodeTimeoutError", "NodeTimeoutError", "NodeTimeoutError")


class Work(TypedDict, total=False):
    stuck: str
    done: str


def build(env: Env) -> Any:
    def work(name: str) -> Any:
        async def node(state: Work) -> Work:
            env.note(name, state)
            try:
                if state["stuck"].startswith(name):
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                env.note(f"{name} is cancelled")
                raise
            return {"done": name}

        return node

    async def handle(state: Work, error: NodeError) -> Work:
        env.note("handler", error.error)
        if state["stuck"] == "handled, stuck again":
            await asyncio.Event().wait()
        return {"done": f"handled {error.node}"}

    inner = StateGraph(Work)
    inner.add_node("deep", work("deep"))
    inner.add_edge(START, "deep")
    outer = StateGraph(Work)
    outer.set_node_defaults(timeout=timedelta(seconds=0.2))
    outer.add_node("plain", work("plain"))
    outer.add_node("own", work("own"), timeout=TimeoutPolicy(run_timeout=0.1))
    outer.add_node("handled", work("handled"), error_handler=handle)
    outer.add_node("inner", inner.compile())
    names = ["plain", "own", "handled", "inner"]
    for before, after in zip([START, *names], names, strict=False):
        outer.add_edge(before, after)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"stuck": "nobody"}),
        Stream({"stuck": "plain"}, mode=["updates", "tasks"], thread="2"),
        Invoke({"stuck": "own"}, thread="3"),
        Stream({"stuck": "handled"}, mode=["updates", "values"], thread="4"),
        Stream({"stuck": "deep"}, mode="updates", subgraphs=True, thread="5"),
        History(thread="5"),
    ]
