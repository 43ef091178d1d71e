"""An asynchronous node that takes longer than its timeout, retried once, then given up."""

import asyncio
from typing import Any, TypedDict

from langgraph.errors import NodeTimeoutError
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy
from parity.steps import Env, Invoke, Step

modes = ("async",)
raises = ("NodeTimeoutError",)


class Work(TypedDict, total=False):
    stuck: int
    done: bool


def build(env: Env) -> Any:
    tries: list[int] = []

    async def work(state: Work) -> Work:
        tries.append(1)
        env.note("try", len(tries))
        if len(tries) <= state["stuck"]:
            await asyncio.Event().wait()
        tries.clear()
        return {"done": True}

    retry = RetryPolicy(
        initial_interval=0.001, jitter=False, max_attempts=2, retry_on=NodeTimeoutError
    )
    graph = StateGraph(Work)
    graph.add_node("work", work, timeout=0.05, retry_policy=retry)
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [Invoke({"stuck": 1}), Invoke({"stuck": 2})]
