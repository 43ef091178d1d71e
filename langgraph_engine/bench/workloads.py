"""Every workload by its name."""

from __future__ import annotations

from typing import Final

from langgraph_engine.bench.langgraph_graphs import LANGGRAPHS_OWN
from langgraph_engine.bench.own_graphs import OWN

__all__ = ["BY_NAME", "IS_LANGGRAPHS", "chosen"]

BY_NAME: Final = {workload.name: workload for workload in (*OWN, *LANGGRAPHS_OWN)}
"""Every workload, in the order they are timed and printed."""
IS_LANGGRAPHS: Final = frozenset(workload.name for workload in LANGGRAPHS_OWN)
"""Names of those that come from LangGraph's source distribution."""


def chosen(quick: bool, with_langgraphs: bool) -> list[str]:
    """Names of the workloads that a profile has."""
    return [
        name
        for name, workload in BY_NAME.items()
        if (workload.quick if quick else workload.usual)
        and (with_langgraphs or name not in IS_LANGGRAPHS)
    ]
