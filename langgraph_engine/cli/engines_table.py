"""``langgraph-engine engines``: the table of engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_engine import registry
from langgraph_engine.errors import EngineNotFoundError
from langgraph_engine.installation import AUTO, requested_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph_engine.cli.arguments import Arguments

__all__ = ["command", "table"]


def command(arguments: Arguments) -> int:
    """Print the table, what ``auto`` stands for, and how to add what is missing."""
    del arguments
    infos = registry.catalog()
    print(table(infos))
    print()
    print(f"auto is {_auto()}; LANGGRAPH_ENGINE asks for {_requested()}")
    print(_way_out(infos))
    return 0


def table(infos: Sequence[registry.EngineInfo]) -> str:
    """The engines as aligned columns."""
    rows = [("engine", "distribution", "version", "status")]
    rows += [(info.name, info.distribution, info.version or "-", info.status) for info in infos]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _auto() -> str:
    try:
        return registry.best()
    except EngineNotFoundError:
        return "none of them"


def _requested() -> str:
    name = requested_engine()
    return "auto, as it is not set" if name == AUTO else name


def _way_out(infos: Sequence[registry.EngineInfo]) -> str:
    missing = [info.name for info in infos if info.status == "not installed"]
    if not missing:
        return "Choose one with: LANGGRAPH_ENGINE=<engine> python app.py"
    return f"Add one with: pip install 'langgraph-engine[{missing[0]}]'"
