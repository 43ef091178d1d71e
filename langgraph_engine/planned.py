"""What becomes of an engine's plan before its tasks are run: their inputs, and what was left out of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from langgraph_engine.managed_values import with_managed
from langgraph_engine.protocol import PUSH, Task
from langgraph_engine.task_config import note_input_error

if TYPE_CHECKING:
    from langgraph_engine import upstream
    from langgraph_engine.node_plan import NodePlan

__all__ = ["task_input", "warn_ignored"]

logger = logging.getLogger("langgraph")


def task_input(
    task: Task,
    plan: NodePlan,
    coerced: dict[Any, Any],
    managed: Mapping[str, Any],
    scratchpad: upstream.PregelScratchpad | None,
) -> Any:
    """A task's input: what the engine read, with managed values, coerced to the node's schema.

    Nodes that read the same channels the same way get copies of one input.

    Args:
        task: The engine's task.
        plan: The plan of its node.
        coerced: The inputs of this superstep so far; the task's own is added.
        managed: The graph's managed values.
        scratchpad: The task's; only needed by a node that reads managed values.
    """
    value = task.input
    if task.path[0] == PUSH:
        return value.arg
    try:
        if plan.input_key in coerced:
            return copy(coerced[plan.input_key])
        if plan.managed:
            value = with_managed(value, managed, scratchpad, plan.node.channels)
        if plan.node.mapper is not None:
            value = plan.node.mapper(value)
    except Exception as error:
        note_input_error(error, task.name, task.path)
        raise
    coerced[plan.input_key] = value
    return value


def warn_ignored(ignored: Iterable[tuple[str, Any]]) -> None:
    """Log the packets no task could be made for."""
    for reason, packet in ignored:
        if reason == "packet_type":
            logger.warning(f"Ignoring invalid packet type {type(packet)} in pending sends")
        else:
            logger.warning(f"Ignoring unknown node name {packet.node} in pending sends")
