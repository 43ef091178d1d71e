"""The programs that are timed: plain LangGraph, each with the answer it must give.

Nodes do next to nothing, so that what is left is the engine. The asynchronous variant of a workload
has asynchronous nodes and routers, as a program written for ``ainvoke`` has.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

__all__ = ["BY_NAME", "SIZES", "Workload"]


class Counter(TypedDict):
    """A number that every node adds one to."""

    count: int


class Collected(TypedDict):
    """What parallel nodes found, added up by a reducer."""

    found: Annotated[list[int], operator.add]


class Item(TypedDict):
    """One piece of a map-reduce: what a subgraph gets and gives."""

    item: int
    found: Annotated[list[int], operator.add]


def add_one(state: Counter) -> Counter:
    """Add one."""
    return {"count": state["count"] + 1}


async def add_one_async(state: Counter) -> Counter:
    """Add one."""
    return {"count": state["count"] + 1}


def find_one(state: Collected) -> Collected:  # noqa: ARG001 - a node is given the state
    """Find a one."""
    return {"found": [1]}


async def find_one_async(state: Collected) -> Collected:  # noqa: ARG001 - a node is given the state
    """Find a one."""
    return {"found": [1]}


def step_item(state: Item) -> dict[str, int]:
    """Add one to the item."""
    return {"item": state["item"] + 1}


async def step_item_async(state: Item) -> dict[str, int]:
    """Add one to the item."""
    return {"item": state["item"] + 1}


def keep_item(state: Item) -> dict[str, list[int]]:
    """Report the item."""
    return {"found": [state["item"]]}


async def keep_item_async(state: Item) -> dict[str, list[int]]:
    """Report the item."""
    return {"found": [state["item"]]}


SIZES: Final = "sizes"
"""Group of the workloads that run the same ten steps in graphs of different sizes."""
ITERATIONS: Final = 100
"""Steps of the chain and the loop, and width of the wide superstep and the fan-out."""


def again(state: Counter) -> str:
    """Go round until the last iteration."""
    return "step" if state["count"] < ITERATIONS else END


async def again_async(state: Counter) -> str:
    """Go round until the last iteration."""
    return "step" if state["count"] < ITERATIONS else END


def scatter(state: Collected) -> list[Send]:  # noqa: ARG001 - a node is given the state
    """Send one item to each of the subgraph's tasks."""
    return [Send("child", {"item": i, "found": []}) for i in range(ITERATIONS)]


async def scatter_async(state: Collected) -> list[Send]:  # noqa: ARG001 - a node is given the state
    """Send one item to each of the subgraph's tasks."""
    return [Send("child", {"item": i, "found": []}) for i in range(ITERATIONS)]


@dataclass(frozen=True)
class Workload:
    """One program and how its time is reported.

    Attributes:
        name: What ``--only`` selects.
        unit: What the time is divided by: ``superstep``, ``task`` or ``invoke``.
        units: How many of them one run has.
        build: Makes the compiled graph; told whether its nodes are asynchronous.
        input: What the graph is run on.
        answer: What it must return.
        quick: Whether the quick profile has it.
        group: Workloads of one group are compared with each other, so they take turns as well.
    """

    name: str
    unit: str
    units: int
    build: Callable[[bool], Any]
    input: dict[str, Any]
    answer: dict[str, Any]
    quick: bool = True
    group: str = ""


def _chain(length: int, nodes: int) -> Callable[[bool], Any]:
    """A chain of ``length`` nodes in a graph of ``nodes``; the others are never reached."""

    def build(asynchronous: bool) -> Any:
        node = add_one_async if asynchronous else add_one
        graph = StateGraph(Counter)
        for i in range(nodes):
            graph.add_node(f"n{i}", node)
        for i in range(1, nodes):
            graph.add_edge(f"n{i - 1}", END if i == length else f"n{i}")
        graph.add_edge(START, "n0")
        return graph.compile()

    return build


def _loop(asynchronous: bool) -> Any:
    graph = StateGraph(Counter)
    graph.add_node("step", add_one_async if asynchronous else add_one)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", again_async if asynchronous else again, ["step", END])
    return graph.compile()


def _wide(asynchronous: bool) -> Any:
    graph = StateGraph(Collected)
    for i in range(ITERATIONS):
        graph.add_node(f"n{i}", find_one_async if asynchronous else find_one)
        graph.add_edge(START, f"n{i}")
    return graph.compile()


def _fan_out(asynchronous: bool) -> Any:
    child = StateGraph(Item)
    child.add_node("step", step_item_async if asynchronous else step_item)
    child.add_node("keep", keep_item_async if asynchronous else keep_item)
    child.add_edge(START, "step")
    child.add_edge("step", "keep")
    graph = StateGraph(Collected)
    graph.add_node("child", child.compile())
    graph.add_conditional_edges(START, scatter_async if asynchronous else scatter, ["child"])
    return graph.compile()


def _size(nodes: int) -> Workload:
    return Workload(
        name=f"size-{nodes}",
        unit="superstep",
        units=10,
        build=_chain(10, nodes),
        input={"count": 0},
        answer={"count": 10},
        quick=nodes in {10, 1_000},
        group=SIZES,
    )


_ALL: Final = (
    Workload(
        name="chain",
        unit="superstep",
        units=ITERATIONS,
        build=_chain(ITERATIONS, ITERATIONS),
        input={"count": 0},
        answer={"count": ITERATIONS},
    ),
    Workload(
        name="loop",
        unit="superstep",
        units=ITERATIONS,
        build=_loop,
        input={"count": 0},
        answer={"count": ITERATIONS},
    ),
    Workload(
        name="wide",
        unit="task",
        units=ITERATIONS,
        build=_wide,
        input={"found": []},
        answer={"found": [1] * ITERATIONS},
    ),
    Workload(
        name="fan-out",
        unit="task",
        units=ITERATIONS,
        build=_fan_out,
        input={"found": []},
        answer={"found": [i + 1 for i in range(ITERATIONS)]},
    ),
    Workload(
        name="invoke",
        unit="invoke",
        units=1,
        build=_chain(1, 1),
        input={"count": 0},
        answer={"count": 1},
    ),
    _size(10),
    _size(100),
    _size(1_000),
    _size(10_000),
)

BY_NAME: Final = {workload.name: workload for workload in _ALL}
"""Every workload by its name, in the order they are timed and printed."""
