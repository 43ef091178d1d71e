"""Our own workloads: plain LangGraph, each with the answer it must give and its floor.

The asynchronous variant of a workload
has asynchronous nodes and routers, as a program written for ``ainvoke`` has; ``loop-plain`` and ``loop-streamed`` have plain ones all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from langgraph_engine.bench.own_floors import (
    chain_floor,
    fan_out_floor,
    fan_out_floor_async,
    loop_floor,
    loop_floor_async,
    loop_floor_in_thread,
    sends_floor,
    wide_floor,
    wide_floor_async,
)
from langgraph_engine.bench.own_nodes import (
    ITERATIONS,
    Collected,
    Counter,
    Item,
    Total,
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
from langgraph_engine.bench.workload import BOTH, Program, Threads, Workload

__all__ = ["AT_ONCE", "IN_THREADS", "OWN", "SENDS", "SIZES"]

SIZES: Final = "nodes"
"""Group of the workloads that run the same ten steps in graphs of different sizes."""
SENDS: Final = "tasks"
"""Group of the workloads that fan out to different numbers of tasks in one superstep."""
AT_ONCE: Final = "at once"
"""Group of the workloads with different numbers of runs at once in one event loop."""
IN_THREADS: Final = "threads"
"""Group of the workloads with different numbers of threads that run at once."""
_CONFIG: Final = {"recursion_limit": 1_000}


# --- graphs


def _chain_graph(length: int, nodes: int, asynchronous: bool) -> Any:
    """A chain of ``length`` nodes in a graph of ``nodes``; the others are never reached."""
    node = add_one_async if asynchronous else add_one
    graph = StateGraph(Counter)
    for i in range(nodes):
        graph.add_node(f"n{i}", node)
    for i in range(1, nodes):
        graph.add_edge(f"n{i - 1}", END if i == length else f"n{i}")
    graph.add_edge(START, "n0")
    return graph.compile()


def _loop_graph(asynchronous: bool, saver: Any = None) -> Any:
    graph = StateGraph(Counter)
    graph.add_node("step", add_one_async if asynchronous else add_one)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", again_async if asynchronous else again, ["step", END])
    return graph.compile(checkpointer=saver)


def _wide_graph(asynchronous: bool) -> Any:
    graph = StateGraph(Collected)
    for i in range(ITERATIONS):
        graph.add_node(f"n{i}", find_one_async if asynchronous else find_one)
        graph.add_edge(START, f"n{i}")
    return graph.compile()


def _fan_out_graph(asynchronous: bool) -> Any:
    child = StateGraph(Item)
    child.add_node("step", step_item_async if asynchronous else step_item)
    child.add_node("keep", keep_item_async if asynchronous else keep_item)
    child.add_edge(START, "step")
    child.add_edge("step", "keep")
    graph = StateGraph(Collected)
    graph.add_node("child", child.compile())
    graph.add_conditional_edges(START, scatter_async if asynchronous else scatter, ["child"])
    return graph.compile()


def _sends_graph(asynchronous: bool) -> Any:
    graph = StateGraph(Total)
    graph.add_node("count", count_task_async if asynchronous else count_task)
    sender = send_tasks_async if asynchronous else send_tasks
    graph.add_conditional_edges(START, sender, ["count"])
    return graph.compile()


# --- programs


def _program(graph: Any, value: Any, asynchronous: bool, floors: Any) -> Program:
    """A program that calls ``invoke`` or ``ainvoke`` once a run."""

    def run() -> Any:
        return graph.invoke(value, _CONFIG)

    def arun() -> Any:
        return graph.ainvoke(value, _CONFIG)

    return Program(arun if asynchronous else run, floors[asynchronous])


def _chain(length: int, nodes: int) -> Callable[[bool], Program]:
    def build(asynchronous: bool) -> Program:
        graph = _chain_graph(length, nodes, asynchronous)
        return _program(graph, {"count": 0}, asynchronous, chain_floor(length))

    return build


def _loop(asynchronous: bool) -> Program:
    floors = (loop_floor, loop_floor_async)
    return _program(_loop_graph(asynchronous), {"count": 0}, asynchronous, floors)


def _loop_plain(_: bool) -> Program:
    graph = _loop_graph(asynchronous=False)
    floors = (loop_floor, loop_floor_in_thread)
    return _program(graph, {"count": 0}, asynchronous=True, floors=floors)


def _loop_saved(asynchronous: bool) -> Program:
    threads = Threads(InMemorySaver())
    graph = _loop_graph(asynchronous, threads.saver)

    def run() -> Any:
        return graph.invoke({"count": 0}, threads.config(_CONFIG))

    def arun() -> Any:
        return graph.ainvoke({"count": 0}, threads.config(_CONFIG))

    if asynchronous:
        return Program(arun, loop_floor_async, threads.delete)
    return Program(run, loop_floor, threads.delete)


def _loop_streamed(asynchronous: bool) -> Program:
    threads = Threads(InMemorySaver())
    graph = _loop_graph(asynchronous=False, saver=threads.saver)

    def run() -> Any:
        for chunk in graph.stream({"count": 0}, threads.config(_CONFIG), stream_mode="updates"):
            last = chunk
        return last["step"]

    async def arun() -> Any:
        config = threads.config(_CONFIG)
        async for chunk in graph.astream({"count": 0}, config, stream_mode="updates"):
            last = chunk
        return last["step"]

    if asynchronous:
        return Program(arun, loop_floor_in_thread, threads.delete)
    return Program(run, loop_floor, threads.delete)


def _wide(asynchronous: bool) -> Program:
    floors = (wide_floor, wide_floor_async)
    return _program(_wide_graph(asynchronous), {"found": []}, asynchronous, floors)


def _fan_out(asynchronous: bool) -> Program:
    floors = (fan_out_floor, fan_out_floor_async)
    return _program(_fan_out_graph(asynchronous), {"found": []}, asynchronous, floors)


def _sends(tasks: int) -> Callable[[bool], Program]:
    def build(asynchronous: bool) -> Program:
        value = {"tasks": tasks, "total": 0}
        return _program(_sends_graph(asynchronous), value, asynchronous, sends_floor(tasks))

    return build


def _at_once(runs: int) -> Callable[[bool], Program]:
    """So many runs of a chain of ten at once in one event loop."""

    def build(asynchronous: bool) -> Program:
        graph = _chain_graph(10, 10, asynchronous)
        floor = chain_floor(10)[1]

        async def gathered(one: Callable[[], Any]) -> Any:
            return await asyncio.gather(*(one() for _ in range(runs)))

        return Program(
            lambda: gathered(lambda: graph.ainvoke({"count": 0}, _CONFIG)),
            lambda: gathered(floor),
        )

    return build


def _threads(count: int) -> Callable[[bool], Program]:
    """So many threads, each with a run of the loop, at the same time."""

    def build(asynchronous: bool) -> Program:
        graph = _loop_graph(asynchronous)
        pool = ThreadPoolExecutor(count)

        def in_threads(one: Callable[[], Any]) -> Any:
            waiting = [pool.submit(one) for _ in range(count)]
            return [future.result() for future in waiting]

        return Program(
            lambda: in_threads(lambda: graph.invoke({"count": 0}, _CONFIG)),
            lambda: in_threads(loop_floor),
        )

    return build


# --- the list


def _sized(nodes: int) -> Workload:
    return Workload(
        name=f"nodes-{nodes}",
        unit="superstep",
        units=10,
        build=_chain(10, nodes),
        answer={"count": 10},
        quick=nodes == 1_000,
        group=SIZES,
        size=nodes,
    )


def _sent(tasks: int) -> Workload:
    return Workload(
        name=f"sends-{tasks}",
        unit="task",
        units=tasks,
        build=_sends(tasks),
        answer={"tasks": tasks, "total": tasks},
        quick=tasks == 100,
        group=SENDS,
        size=tasks,
    )


def _run_at_once(runs: int) -> Workload:
    return Workload(
        name=f"at-once-{runs}",
        unit="superstep",
        units=10 * runs,
        build=_at_once(runs),
        answer=[{"count": 10}] * runs,
        modes=("async",),
        quick=runs == 100,
        group=AT_ONCE,
        size=runs,
    )


def _run_in_threads(count: int) -> Workload:
    return Workload(
        name=f"threads-{count}",
        unit="superstep",
        units=ITERATIONS * count,
        build=_threads(count),
        answer=[{"count": ITERATIONS}] * count,
        modes=("sync",),
        quick=count == 8,
        group=IN_THREADS,
        size=count,
    )


_COUNTED: Final = {"count": ITERATIONS}
_FOUND: Final = {"found": [1] * ITERATIONS}
_ITEMS: Final = {"found": [i + 1 for i in range(ITERATIONS)]}

OWN: Final = (
    Workload("invoke", "invoke", 1, _chain(1, 1), {"count": 1}),
    Workload("chain", "superstep", ITERATIONS, _chain(ITERATIONS, ITERATIONS), _COUNTED),
    Workload("loop", "superstep", ITERATIONS, _loop, _COUNTED),
    Workload("loop-plain", "superstep", ITERATIONS, _loop_plain, _COUNTED, ("async",)),
    Workload("loop-saved", "superstep", ITERATIONS, _loop_saved, _COUNTED),
    Workload("loop-streamed", "superstep", ITERATIONS, _loop_streamed, _COUNTED),
    Workload("wide", "task", ITERATIONS, _wide, _FOUND),
    Workload("fan-out", "task", ITERATIONS, _fan_out, _ITEMS, BOTH),
    *(_sized(nodes) for nodes in (10, 100, 1_000, 10_000)),
    *(_sent(tasks) for tasks in (1, 100, 1_000, 10_000)),
    *(_run_at_once(runs) for runs in (1, 100)),
    *(_run_in_threads(count) for count in (1, 8)),
)
"""Our own workloads, in the order they are timed and printed."""
