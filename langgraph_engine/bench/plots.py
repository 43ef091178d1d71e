"""Draw what was measured, as SVG."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from langgraph_engine.bench.document import Document
from langgraph_engine.bench.measure import STOCK, Memory, Timing
from langgraph_engine.bench.own_graphs import SENDS, SIZES
from langgraph_engine.bench.results import lines, per_size, title
from langgraph_engine.bench.worker import FLOOR
from langgraph_engine.bench.workloads import BY_NAME

__all__ = ["Plot", "draw", "shares", "supersteps"]

_COLORS: Final = {
    STOCK: "#888888",
    "python": "#3776ab",
    "cffi": "#e69f00",
    "rust": "#b7410e",
    FLOOR: "#222222",
}
_STYLE: Final = {
    # The same drawing gives the same file.
    "svg.hashsalt": "langgraph-engine",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}

Plot = tuple[str, str]
"""Name of a file, and what it shows."""


def draw(measured: Document, folder: Path) -> list[Plot]:
    """Draw what there is data for.

    Returns:
        The files, in the order in which a page shows them.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Plot] = []

    def save(name: str, caption: str, figure: Any) -> None:
        # Without a date the page only changes when a number does.
        figure.savefig(folder / name, metadata={"Date": None})
        plt.close(figure)
        drawn.append((name, caption))

    with mpl.rc_context(_STYLE):
        if bars := supersteps(measured.timings):
            figure = _bars(plt, bars)
            save("supersteps.svg", "Time per superstep, synchronous", figure)
        for group, name, caption in (
            (SIZES, "nodes.svg", "Time of a superstep in graphs of 10 to 10,000 nodes"),
            (SENDS, "tasks.svg", "Time of a task in a superstep of 1 to 10,000 tasks"),
        ):
            curves = per_size(measured.timings, group)
            if any(len(costs) > 1 for costs in curves.values()):
                save(name, caption, _curves(plt, curves, group))
        if parts := shares(measured.timings):
            save("shares.svg", "The nodes' share of a run and the engine's", _stack(plt, parts))
        if measured.memories:
            figure = _memory(plt, measured.memories)
            save("memory.svg", "What a run needs of memory, by workload", figure)
    return drawn


def supersteps(timings: Sequence[Timing]) -> dict[str, dict[str, float]]:
    """Median time per superstep: workload to engine to microseconds, in synchronous mode."""
    found: dict[str, dict[str, float]] = {}
    for line in lines(timings):
        workload = BY_NAME[line.case.workload]
        of_interest = workload.unit == "superstep" and not workload.group
        if of_interest and line.case.mode == "sync" and not line.error and line.engine != FLOOR:
            found.setdefault(workload.name, {})[line.engine] = line.median_us
    return found


def shares(timings: Sequence[Timing]) -> dict[str, dict[str, tuple[float, float]]]:
    """Where time goes in LangGraph's benchmarks: workload to engine to (floor, engine's own), in milliseconds."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for line in lines(timings):
        own = BY_NAME[line.case.workload].unit != "run"
        if own or line.case.mode != "sync" or line.error or line.engine == FLOOR:
            continue
        floor = min(line.floor_us, line.median_us)
        parts = (floor / 1e3, (line.median_us - floor) / 1e3)
        found.setdefault(line.case.workload, {})[line.engine] = parts
    return found


def _bars(plt: Any, bars: dict[str, dict[str, float]]) -> Any:
    figure, axes = plt.subplots(figsize=(7, 3))
    engines = list(dict.fromkeys(engine for of in bars.values() for engine in of))
    width = 0.8 / len(engines)
    for number, engine in enumerate(engines):
        heights = [of.get(engine, 0.0) for of in bars.values()]
        places = [at + (number - (len(engines) - 1) / 2) * width for at in range(len(bars))]
        drawn = axes.bar(places, heights, width, label=title(engine), color=_COLORS.get(engine))
        axes.bar_label(drawn, fmt="%.0f", fontsize=7)
    axes.set_xticks(range(len(bars)), list(bars))
    axes.set_ylabel("microseconds per superstep")
    axes.legend(frameon=False)
    return figure


def _curves(plt: Any, curves: dict[tuple[str, str], dict[int, float]], group: str) -> Any:
    figure, panels = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    for axes, mode in zip(panels, ("sync", "async"), strict=True):
        for (engine, of_mode), costs in curves.items():
            if of_mode == mode and engine != FLOOR:
                color = _COLORS.get(engine)
                axes.loglog(costs.keys(), costs.values(), "o-", label=title(engine), color=color)
        axes.set_title(mode)
        axes.set_xlabel(group)
    panels[0].set_ylabel("microseconds")
    panels[0].legend(frameon=False)
    return figure


def _stack(plt: Any, parts: dict[str, dict[str, tuple[float, float]]]) -> Any:
    figure, axes = plt.subplots(figsize=(8, 0.32 * sum(map(len, parts.values())) + 1))
    names, nodes, own = [], [], []
    for workload, of_engine in parts.items():
        # Per cent of stock's time, or a workload of a second would hide one of a millisecond.
        whole = sum(of_engine[STOCK]) if STOCK in of_engine else max(map(sum, of_engine.values()))
        for engine, (floor, rest) in of_engine.items():
            names.append(f"{workload}, {title(engine)}")
            nodes.append(100 * floor / whole)
            own.append(100 * rest / whole)
    axes.barh(names, nodes, color=_COLORS[FLOOR], label="floor: the nodes' work in a plain loop")
    axes.barh(names, own, left=nodes, color=_COLORS["rust"], label="the engine's own")
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel("per cent of stock's time")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def _memory(plt: Any, memories: Sequence[Memory]) -> Any:
    figure, axes = plt.subplots(figsize=(8, 4))
    workloads = list(dict.fromkeys(m.case.workload for m in memories))
    for engine in dict.fromkeys(m.engine for m in memories):
        needed = [
            statistics.mean(
                m.of_run_kib / 1024
                for m in memories
                if m.engine == engine and m.case.workload == workload
            )
            if any(m.engine == engine and m.case.workload == workload for m in memories)
            else 0.0
            for workload in workloads
        ]
        axes.plot(workloads, needed, "o", label=title(engine), color=_COLORS.get(engine))
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylabel("MiB")
    axes.tick_params(axis="x", rotation=90, labelsize=7)
    axes.legend(frameon=False)
    return figure
