"""A run is cancelled while nodes of a subgraph wait; it is taken up again where it was."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Invoke, State, Step

modes = ("async",)
watches = ("quiet",)


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    tries: list[int] = []

    async def wait(state: Log) -> Log:
        tries.append(1)
        if len(tries) == 1:
            env.waiting.set()  # type: ignore[attr-defined]
            try:
                await asyncio.Event().wait()
            finally:
                env.note("cancelled")
        return {"log": ["waited"]}

    async def done(state: Log) -> Log:
        env.note("done")
        return {"log": ["done"]}

    inner = StateGraph(Log)
    inner.add_node("done", done)
    inner.add_node("wait", wait)
    inner.add_edge(START, "done")
    inner.add_edge("done", "wait")
    outer = StateGraph(Log)
    outer.add_node("inner", inner.compile())
    outer.add_node("beside", done)
    outer.add_edge(START, "inner")
    outer.add_edge(START, "beside")
    return outer.compile(checkpointer=env.saver)


def cancel(env: Env) -> Any:
    async def go(graph: Any, config: dict[str, Any]) -> Any:
        env.waiting = asyncio.Event()  # type: ignore[attr-defined]
        run = asyncio.create_task(graph.ainvoke({"log": []}, config, durability="sync"))
        await env.waiting.wait()  # type: ignore[attr-defined]
        run.cancel()
        try:
            await run
        except asyncio.CancelledError:
            return "cancelled"

    return go


def steps(env: Env) -> list[Step]:
    return [Do(function=cancel(env)), Invoke(None), State()]
