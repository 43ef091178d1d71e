"""What our own workloads are made of: states, nodes and routers, each in both modes.

Nodes do next to nothing, so that what is left is the engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Final

from langgraph.graph import END
from langgraph.types import Send
from typing_extensions import TypedDict

__all__ = [
    "ITERATIONS",
    "Collected",
    "Counter",
    "Item",
    "Sent",
    "Total",
    "add_one",
    "add_one_async",
    "again",
    "again_async",
    "count_task",
    "count_task_async",
    "find_one",
    "find_one_async",
    "keep_item",
    "keep_item_async",
    "scatter",
    "scatter_async",
    "send_tasks",
    "send_tasks_async",
    "step_item",
    "step_item_async",
]

ITERATIONS: Final = 100
"""Steps of the chain and the loop, and width of the wide superstep and the fan-out."""


class Counter(TypedDict):
    """A number that every node adds one to."""

    count: int


class Collected(TypedDict):
    """What parallel nodes found, added up by a reducer."""

    found: Annotated[list[int], operator.add]


class Total(TypedDict):
    """A number that tasks add to; a list would be copied at every write, by Python and not the engine."""

    tasks: int
    total: Annotated[int, operator.add]


class Sent(TypedDict):
    """What one of many tasks is sent."""

    item: int


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


def count_task(state: Sent) -> dict[str, int]:
    """Report what was sent."""
    return {"total": state["item"]}


async def count_task_async(state: Sent) -> dict[str, int]:
    """Report what was sent."""
    return {"total": state["item"]}


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


def send_tasks(state: Total) -> list[Send]:
    """Send as many tasks as are asked for."""
    return [Send("count", {"item": 1}) for _ in range(state["tasks"])]


async def send_tasks_async(state: Total) -> list[Send]:
    """Send as many tasks as are asked for."""
    return [Send("count", {"item": 1}) for _ in range(state["tasks"])]
