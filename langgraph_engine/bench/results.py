"""Print, store and judge what was measured."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langgraph_engine.bench.measure import Case, Profile, Timing
from langgraph_engine.bench.workloads import BY_NAME, SIZES
from langgraph_engine.versions import installed_version

__all__ = ["STOCK", "Line", "document", "header", "judge", "lines", "rows", "sizes"]

STOCK: Final = "langgraph"
_FORMAT: Final = 1
_NAME, _CELL = 22, 22
_DISTRIBUTIONS: Final = (
    "langgraph",
    "langgraph-checkpoint",
    "langchain-core",
    "langgraph-engine",
    "langgraph-engine-python",
    "langgraph-engine-rust",
    "langgraph-engine-cffi",
)


@dataclass(frozen=True)
class Line:
    """One engine on one case, summed up.

    ``times_stock`` says how many times faster than stock: the median, over all turns, of stock's
    time in that turn by the engine's in the same turn; 0 where stock was not measured.
    """

    case: Case
    engine: str
    median_us: float
    fastest_us: float
    spread_us: float
    times_stock: float
    build_seconds: float
    error: str = ""


def lines(timings: Sequence[Timing]) -> list[Line]:
    """Sum up timings, one line for each."""
    stock = {t.case: t.seconds for t in timings if t.engine == STOCK}
    return [_line(timing, stock.get(timing.case, ())) for timing in timings]


def _line(timing: Timing, stock: Sequence[float]) -> Line:
    if timing.error or not timing.seconds:
        return Line(timing.case, timing.engine, 0, 0, 0, 0, timing.build_seconds, timing.error)
    us = [seconds * 1e6 for seconds in timing.seconds]
    quartiles = statistics.quantiles(us, n=4) if len(us) > 1 else [us[0]] * 3
    pairs = zip(stock, timing.seconds, strict=False)
    return Line(
        case=timing.case,
        engine=timing.engine,
        median_us=statistics.median(us),
        fastest_us=min(us),
        spread_us=quartiles[2] - quartiles[0],
        times_stock=statistics.median(s / e for s, e in pairs) if stock else 0.0,
        build_seconds=timing.build_seconds,
    )


def header(engines: Sequence[str]) -> str:
    """First line of the table."""
    names = "".join(f"{_title(engine):>{_CELL}}" for engine in engines)
    return f"{'us per unit':<{_NAME}}{'unit':<11}{names}"


def _title(engine: str) -> str:
    return "stock" if engine == STOCK else engine


def rows(timings: Sequence[Timing]) -> list[str]:
    """Lines of the table for one case, or for a group of cases."""
    by_case: dict[Case, list[Line]] = {}
    for line in lines(timings):
        by_case.setdefault(line.case, []).append(line)
    return [*(_row(of_case) for of_case in by_case.values()), *size_rows(timings)]


def _row(of_case: Sequence[Line]) -> str:
    case = of_case[0].case
    name = f"{case.workload} ({case.mode})"
    text = f"{name:<{_NAME}}{BY_NAME[case.workload].unit:<11}"
    text += "".join(f"{_cell(line):>{_CELL}}" for line in of_case)
    errors = [f"\n    {line.engine}: {line.error}" for line in of_case if line.error]
    return text + "".join(errors)


def _cell(line: Line) -> str:
    if line.error:
        return "failed"
    if line.engine == STOCK or not line.times_stock:
        return f"{line.median_us:.1f}"
    return f"{line.median_us:.1f} ({line.times_stock:.1f}x)"


def document(timings: Sequence[Timing], profile: Profile) -> dict[str, Any]:
    """Everything as plain data, for JSON, with what it was measured on."""
    return {
        "format": _FORMAT,
        "profile": profile.name,
        "rounds": profile.rounds,
        "clock": profile.clock,
        "machine": _machine(),
        "versions": _versions(),
        "results": [
            {
                "workload": line.case.workload,
                "mode": line.case.mode,
                "unit": BY_NAME[line.case.workload].unit,
                "engine": line.engine,
                "median_us": round(line.median_us, 3),
                "fastest_us": round(line.fastest_us, 3),
                "spread_us": round(line.spread_us, 3),
                "times_stock": round(line.times_stock, 3),
                "build_seconds": round(line.build_seconds, 4),
                "error": line.error,
            }
            for line in lines(timings)
        ],
        "step_by_size": [
            {"engine": engine, "mode": mode, "ratios": {k: round(v, 3) for k, v in ratios.items()}}
            for (engine, mode), ratios in sizes(timings).items()
        ],
    }


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {name: installed_version(name) for name in _DISTRIBUTIONS}
    return {"python": platform.python_version(), **{n: v for n, v in found.items() if v}}


_AT_LEAST: Final = {
    ("rust", "chain"): 10.0,
    ("rust", "loop"): 10.0,
    ("rust", "invoke"): 5.0,
    ("cffi", "chain"): 5.0,
    ("cffi", "loop"): 5.0,
    ("python", "chain"): 5.0,
    ("python", "loop"): 5.0,
}
"""How many times faster than stock an engine must be, synchronously and asynchronously."""

_SIZES_WITHIN: Final = 1.2
"""A step may cost this many times as much in one size of graph as in another."""


def sizes(timings: Sequence[Timing]) -> dict[tuple[str, str], dict[str, float]]:
    """What a step costs in each size of graph, next to what it costs in the smallest.

    Returns:
        By engine and mode: workload name to the median, over all turns, of its time in that turn by
        the smallest graph's in the same turn.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    smallest: dict[tuple[str, str], Timing] = {}
    for timing in timings:
        if BY_NAME[timing.case.workload].group == SIZES and timing.seconds:
            key = (timing.engine, timing.case.mode)
            first = smallest.setdefault(key, timing)
            pairs = zip(timing.seconds, first.seconds, strict=True)
            ratio = statistics.median(here / there for here, there in pairs)
            found.setdefault(key, {})[timing.case.workload] = ratio
    return found


def size_rows(timings: Sequence[Timing]) -> list[str]:
    """Lines of the table that compare the sizes."""
    return [
        f"    a step on {_title(engine)} ({mode}), in graphs of different sizes: {_listed(ratios)}"
        for (engine, mode), ratios in sizes(timings).items()
    ]


def _listed(ratios: dict[str, float]) -> str:
    return ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())


def judge(timings: Sequence[Timing]) -> list[str]:
    """Targets that were missed, a sentence each; what wasn't measured isn't judged."""
    summed = lines(timings)
    missed = [f"{_who(line)}: {line.error}" for line in summed if line.error]
    for line in summed:
        target = _AT_LEAST.get((line.engine, line.case.workload))
        if target and line.times_stock and line.times_stock < target:
            missed.append(f"{_who(line)}: {line.times_stock:.1f}x stock, {target:.0f}x asked for")
    for (engine, mode), ratios in sizes(timings).items():
        uneven = max(ratios.values()) > _SIZES_WITHIN * min(ratios.values())
        if engine != STOCK and uneven:
            missed.append(f"{engine} ({mode}): a step's cost depends on size: {_listed(ratios)}")
    return missed


def _who(line: Line) -> str:
    return f"{line.engine} on {line.case.workload} ({line.case.mode})"
