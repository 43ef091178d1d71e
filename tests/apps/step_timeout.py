"""`step_timeout`: a superstep that takes too long ends the run; what was done is kept."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, Invoke, State, Step

modes = ("async",)
watches = ("quiet",)
raises = ("TimeoutError",)


class Log(TypedDict, total=False):
    stuck: bool
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    async def perhaps_stuck(state: Log) -> Log:
        env.note("began")
        if state["stuck"]:
            try:
                await asyncio.Event().wait()
            finally:
                env.note("ended")
        return {"log": ["free"]}

    async def quick(state: Log) -> Log:
        return {"log": ["quick"]}

    graph = StateGraph(Log)
    graph.add_node("first", quick)
    graph.add_node("perhaps_stuck", perhaps_stuck)
    graph.add_node("quick", quick)
    graph.add_edge(START, "first")
    graph.add_edge("first", "perhaps_stuck")
    graph.add_edge("first", "quick")
    compiled = graph.compile(checkpointer=env.saver)
    compiled.step_timeout = 0.2
    return compiled


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"stuck": False}, thread="1"),
        Invoke({"stuck": True}, thread="2"),
        State(thread="2"),
        Invoke(None, thread="1"),
    ]
