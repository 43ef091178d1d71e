"""A node's idle timeout: writing, or a heartbeat, starts it over; silence ends the node."""

import asyncio
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send, TimeoutPolicy
from parity.steps import Env, Invoke, Step, Stream

modes = ("async",)
raises = ("NodeTimeoutError", "NodeTimeoutError")


class Work(TypedDict, total=False):
    silent: bool
    done: bool


def build(env: Env) -> Any:
    async def work(state: Work, runtime: Runtime) -> Work:
        for beat in range(3):
            if not state["silent"]:
                runtime.heartbeat()
                runtime.stream_writer(beat)
            await asyncio.sleep(0)
        if state["silent"]:
            await asyncio.Event().wait()
        return {"done": True}

    patience = TimeoutPolicy(idle_timeout=0.1, refresh_on="heartbeat")
    graph = StateGraph(Work)
    graph.add_node("work", work, timeout=patience)
    graph.add_node("sent", work)
    graph.add_edge(START, "work")
    graph.add_conditional_edges(
        "work", lambda state: [Send("sent", {"silent": state["silent"]}, timeout=patience)]
    )
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"silent": False}, mode=["custom", "updates"], thread="1"),
        Invoke({"silent": True}, thread="2"),
        Stream({"silent": True}, mode="tasks", thread="3"),
    ]
