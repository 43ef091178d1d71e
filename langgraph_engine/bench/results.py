"""Print, store and judge what was measured."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langgraph_engine.bench.measure import Case, Profile, Timing
from langgraph_engine.bench.workloads import BY_NAME
from langgraph_engine.versions import installed_version

__all__ = ["STOCK", "Line", "document", "header", "judge", "lines", "row"]

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
    names = ("stock" if engine == STOCK else engine for engine in engines)
    return f"{'us per unit':<{_NAME}}{'unit':<11}" + "".join(f"{n:>{_CELL}}" for n in names)


def row(of_case: Sequence[Line]) -> str:
    """One case's line of the table."""
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


def document(summed: Iterable[Line], profile: Profile) -> dict[str, Any]:
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
            for line in summed
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
    ("python", "chain"): 5.0,
    ("python", "loop"): 5.0,
}
"""How many times faster than stock an engine must be, synchronously and asynchronously."""

_SIZES_WITHIN: Final = 1.2
"""The dearest of the ``size-`` workloads may cost this many times the cheapest, per step."""


def judge(summed: Sequence[Line]) -> list[str]:
    """Targets that were missed, a sentence each; what wasn't measured isn't judged."""
    missed = [f"{_who(line)}: {line.error}" for line in summed if line.error]
    for line in summed:
        target = _AT_LEAST.get((line.engine, line.case.workload))
        if target and line.times_stock and line.times_stock < target:
            missed.append(
                f"{_who(line)}: {line.times_stock:.1f}x stock, {target:.0f}x is asked for"
            )
    sizes: dict[tuple[str, str], list[Line]] = {}
    for line in summed:
        sized = line.case.workload.startswith("size-") and not line.error
        if sized and line.engine != STOCK:
            sizes.setdefault((line.engine, line.case.mode), []).append(line)
    for (engine, mode), of_engine in sizes.items():
        costs = [line.median_us for line in of_engine]
        if max(costs) > _SIZES_WITHIN * min(costs):
            costs_text = ", ".join(f"{x.case.workload} {x.median_us:.1f} us" for x in of_engine)
            missed.append(f"{engine} ({mode}): a step costs more in a bigger graph: {costs_text}")
    return missed


def _who(line: Line) -> str:
    return f"{line.engine} on {line.case.workload} ({line.case.mode})"
