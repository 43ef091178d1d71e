"""A stream is cancelled from outside: by the scope of a task group, by a timeout; then it goes on."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import anyio
from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Invoke, State, Step

modes = ("async",)
watches = ("quiet",)


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    env.stuck = True  # type: ignore[attr-defined]

    async def done(state: Log) -> Log:
        return {"log": ["done"]}

    async def wait(state: Log) -> Log:
        if env.stuck:  # type: ignore[attr-defined]
            env.waiting.set()  # type: ignore[attr-defined]
            try:
                await asyncio.Event().wait()
            finally:
                env.note("ended")
        return {"log": ["waited"]}

    graph = StateGraph(Log)
    graph.add_node("done", done)
    graph.add_node("wait", wait)
    graph.add_edge(START, "done")
    graph.add_edge("done", "wait")
    return graph.compile(checkpointer=env.saver)


def by_scope(env: Env) -> Any:
    async def go(graph: Any, config: dict[str, Any]) -> Any:
        env.waiting = asyncio.Event()  # type: ignore[attr-defined]

        async def consume() -> None:
            async for chunk in graph.astream({"log": []}, config, durability="sync"):
                env.note("chunk", chunk)

        async with anyio.create_task_group() as group:
            group.start_soon(consume)
            await env.waiting.wait()  # type: ignore[attr-defined]
            group.cancel_scope.cancel()
        return group.cancel_scope.cancelled_caught

    return go


async def by_timeout(graph: Any, config: dict[str, Any]) -> Any:
    try:
        await asyncio.wait_for(graph.ainvoke({"log": []}, config, durability="sync"), 0.1)
    except asyncio.TimeoutError:
        return "timed out"


def go_on(env: Env) -> Any:
    async def go(graph: Any, config: dict[str, Any]) -> None:
        env.stuck = False  # type: ignore[attr-defined]

    return go


def steps(env: Env) -> list[Step]:
    return [
        Do(function=by_scope(env), thread="1"),
        Do(function=by_timeout, thread="2"),
        State(thread="2"),
        Do(function=go_on(env)),
        Invoke(None, thread="1"),
        Invoke(None, thread="2"),
    ]
