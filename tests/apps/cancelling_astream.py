"""The task that reads an `astream` is cancelled while a node waits: the node is cancelled too."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, Invoke, State, Step

modes = ("async",)
raises = ("CancelledError", "TimeoutError")
BEGUN = [asyncio.Event()]


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    BEGUN[0] = asyncio.Event()
    slow = [True, False, True]

    async def quick(state: Log) -> Log:
        return {"log": ["quick"]}

    async def endless(state: Log) -> Log:
        BEGUN[0].set()
        try:
            if slow.pop(0):
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            env.note("endless was cancelled")
            raise
        finally:
            env.note("endless is over")
        return {"log": ["endless"]}

    graph = StateGraph(Log)
    graph.add_sequence([quick, endless])
    graph.add_edge(START, "quick")
    graph.add_edge("endless", END)
    return graph.compile(checkpointer=env.saver)


def cancel_after_first_chunk(env: Env) -> Any:
    async def go(graph: Any, config: dict[str, Any]) -> None:
        got_one = asyncio.Event()

        async def read() -> None:
            async for chunk in graph.astream({"log": []}, config, durability="sync"):
                env.note("chunk", chunk)
                got_one.set()

        reader = asyncio.create_task(read())
        await got_one.wait()
        await BEGUN[0].wait()
        reader.cancel()
        await reader

    return go


async def give_up(graph: Any, config: dict[str, Any]) -> Any:
    return await asyncio.wait_for(
        graph.ainvoke({"log": []}, config, durability="sync"), timeout=0.05
    )


def steps(env: Env) -> list[Step]:
    return [
        Do(function=cancel_after_first_chunk(env)),
        State(),
        Invoke(None),
        Do(function=give_up, thread="2"),
        State(thread="2"),
    ]
