"""Our own workloads as loops written by hand: the same nodes and routers in the same order, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from langgraph.graph import END

from langgraph_engine.bench.own_nodes import (
    ITERATIONS,
    Collected,
    Counter,
    Item,
    add_one,
    add_one_async,
    again,
    again_async,
    count_task,
    count_task_async,
    find_one,
    find_one_async,
    keep_item,
    keep_item_async,
    scatter,
    scatter_async,
    send_tasks,
    send_tasks_async,
    step_item,
    step_item_async,
)

__all__ = [
    "chain_floor",
    "fan_out_floor",
    "fan_out_floor_async",
    "loop_floor",
    "loop_floor_async",
    "loop_floor_in_thread",
    "sends_floor",
    "wide_floor",
    "wide_floor_async",
]


def chain_floor(length: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A chain of so many nodes, in both modes."""

    def run() -> Any:
        state: Counter = {"count": 0}
        for _ in range(length):
            state = add_one(state)
        return state

    async def arun() -> Any:
        state: Counter = {"count": 0}
        for _ in range(length):
            state = await add_one_async(state)
        return state

    return run, arun


def loop_floor() -> Any:
    """The loop."""
    state: Counter = {"count": 0}
    while True:
        state = add_one(state)
        if again(state) == END:
            return state


async def loop_floor_async() -> Any:
    """The loop, asynchronously."""
    state: Counter = {"count": 0}
    while True:
        state = await add_one_async(state)
        if await again_async(state) == END:
            return state


async def loop_floor_in_thread() -> Any:
    """The loop of plain functions, for an event loop that mustn't wait for them."""
    return await asyncio.to_thread(loop_floor)


def wide_floor() -> Any:
    """The wide superstep."""
    state: Collected = {"found": []}
    written = [find_one(state) for _ in range(ITERATIONS)]
    return {"found": [one for write in written for one in write["found"]]}


async def wide_floor_async() -> Any:
    """The wide superstep, asynchronously."""
    state: Collected = {"found": []}
    written = [await find_one_async(state) for _ in range(ITERATIONS)]
    return {"found": [one for write in written for one in write["found"]]}


def fan_out_floor() -> Any:
    """The fan-out to a subgraph."""
    found: list[int] = []
    for send in scatter({"found": []}):
        item = cast("Item", send.arg | step_item(send.arg))
        found += keep_item(item)["found"]
    return {"found": found}


async def fan_out_floor_async() -> Any:
    """The fan-out to a subgraph, asynchronously."""
    found: list[int] = []
    for send in await scatter_async({"found": []}):
        item = cast("Item", send.arg | await step_item_async(send.arg))
        found += (await keep_item_async(item))["found"]
    return {"found": found}


def sends_floor(tasks: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A fan-out of so many tasks, in both modes."""

    def run() -> Any:
        total = 0
        for send in send_tasks({"tasks": tasks, "total": 0}):
            total += count_task(send.arg)["total"]
        return {"tasks": tasks, "total": total}

    async def arun() -> Any:
        total = 0
        for send in await send_tasks_async({"tasks": tasks, "total": 0}):
            total += (await count_task_async(send.arg))["total"]
        return {"tasks": tasks, "total": total}

    return run, arun
