"""Has an engine apply writes, and says what stock LangGraph says when it doesn't take them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_engine.protocol import (
    CommitRejected,
    Committed,
    Plan,
    PlanningRun,
    Run,
    TaskPath,
    TaskWrites,
    Version,
)
from langgraph_engine.refusals import refusal

__all__ = ["commit", "commit_and_plan", "warn_unknown"]

logger = logging.getLogger("langgraph")


def commit(
    run: Run, channels: Mapping[str, Any], writes: Sequence[TaskWrites], version: Version | None
) -> set[str]:
    """Apply writes; say which channels changed.

    Args:
        run: The engine's run.
        channels: The graph's channel prototypes.
        writes: One entry per task.
        version: The version for channels that change, as in ``Run.commit``.

    Raises:
        InvalidUpdateError: A channel refused its writes; the run is as it was.
    """
    try:
        committed = run.commit(writes, version)
    except CommitRejected as verdict:
        raise refusal(verdict, channels) from None
    return _updated(committed)


def commit_and_plan(
    run: PlanningRun,
    channels: Mapping[str, Any],
    writes: Sequence[TaskWrites],
    version: Version | None,
    superstep: tuple[int, str, str],
) -> tuple[set[str], Plan | None]:
    """``commit``, and the next superstep's plan if the engine gave it.

    Args:
        run: The engine's run.
        channels: The graph's channel prototypes.
        writes: One entry per task.
        version: The version for channels that change, as in ``Run.commit``.
        superstep: The next one's number, checkpoint id and namespace, as in ``Run.plan``.

    Raises:
        InvalidUpdateError: A channel refused its writes; the run is as it was.
    """
    try:
        committed, plan = run.commit_and_plan(writes, version, *superstep)
    except CommitRejected as verdict:
        raise refusal(verdict, channels) from None
    return _updated(committed), plan


def _updated(committed: Committed) -> set[str]:
    updated, unknown = committed
    for name, path, channel in unknown:
        warn_unknown(name, path, channel)
    return updated


def warn_unknown(name: str, path: TaskPath, channel: str) -> None:
    """Log a write to a channel the graph doesn't have."""
    logger.warning(f"Task {name} with path {path} wrote to unknown channel {channel}, ignoring it.")
