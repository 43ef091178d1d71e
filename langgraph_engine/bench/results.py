"""Sum up, print and judge what was measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from langgraph_engine.bench.measure import STOCK, Case, Memory, Timing
from langgraph_engine.bench.own_graphs import AT_ONCE, IN_THREADS, SENDS, SIZES
from langgraph_engine.bench.worker import FLOOR
from langgraph_engine.bench.workloads import BY_NAME

__all__ = [
    "Line",
    "duration",
    "growth",
    "header",
    "judge",
    "lines",
    "memory_rows",
    "per_size",
    "rows",
    "title",
]

# --- what is asked for

_TIMES_STOCK: Final = """
    workload                              rust   cffi   python
    invoke                                  10      6        5
    chain                                   20      7        6
    loop/sync                               20      7        6
    loop/async                              30     10        8
    loop-saved                               5      4        3
    wide                                    10      6        5
    sequential_1000                         40     12       10
    fanout_to_subgraph_100x                 12      6        4
    fanout_to_subgraph_100x_checkpoint      12      6        4
"""
"""How many times faster than stock an engine must be, in both modes unless one is named."""

_ABOVE_FLOOR: Final = """
    workload                              rust
    react_agent_100x                        10
    wide_state_25x300                        8
    wide_dict_25x300                         8
    pydantic_state_25x300                    8
"""
"""How many times less than stock an engine must take beyond the floor: where nodes take most of the time."""

_SCALING: Final = {
    # group: from this size, to that size, at most this many times the time per unit
    SIZES: (10, 10_000, 1.10),
    SENDS: (100, 10_000, 1.15),
}
"""How much more a superstep, or a task, may cost where there are many."""

_NO_WORSE_THAN_STOCK: Final = {AT_ONCE: (1, 100), IN_THREADS: (1, 8)}
"""Groups in which an engine's ratio of the larger to the smaller may not be above stock's."""
_NOISE: Final = 1.05
"""What two ratios may differ by and still count as equal."""

_MEMORY_SLACK_KIB: Final = 1_024
"""What a run may need beyond stock's: the allocator takes memory from the system in pieces of this order."""


def _table(text: str) -> dict[tuple[str, str], float]:
    """A table of targets as (engine, workload or workload/mode) to the number."""
    (_, *engines), *rows = (line.split() for line in text.strip().splitlines())
    return {
        (engine, name): float(asked)
        for name, *numbers in rows
        for engine, asked in zip(engines, numbers, strict=True)
    }


def _asked(table: Mapping[tuple[str, str], float], engine: str, case: Case) -> float:
    """The target of an engine on a case; 0 if there is none."""
    both = table.get((engine, case.workload), 0.0)
    return table.get((engine, f"{case.workload}/{case.mode}"), both)


# --- summing up


@dataclass(frozen=True)
class Line:
    """One engine on one case, summed up.

    Attributes:
        median_us: Median over the turns, in microseconds per unit.
        fastest_us: The quickest turn.
        spread_us: Median of the turns' distances from the median.
        times_stock: How many times faster than stock: the median, over all turns, of stock's
            time in that turn by the engine's in the same turn; 0 where stock was not measured.
        floor_us: Median of the floor; 0 where it was not measured.
        less_above_floor: How many times less than stock it takes beyond the floor, by turn as well; 0 where that isn't known.
    """

    case: Case
    engine: str
    median_us: float = 0.0
    fastest_us: float = 0.0
    spread_us: float = 0.0
    times_stock: float = 0.0
    floor_us: float = 0.0
    less_above_floor: float = 0.0
    build_seconds: float = 0.0
    error: str = ""


def lines(timings: Sequence[Timing]) -> list[Line]:
    """Sum up timings, one line for each."""
    stock = {t.case: t.seconds for t in timings if t.engine == STOCK}
    floor = {t.case: t.seconds for t in timings if t.engine == FLOOR}
    return [_line(t, stock.get(t.case, ()), floor.get(t.case, ())) for t in timings]


def _line(timing: Timing, stock: Sequence[float], floor: Sequence[float]) -> Line:
    if timing.error or not timing.seconds:
        error = timing.error or "was not timed"
        return Line(timing.case, timing.engine, build_seconds=timing.build_seconds, error=error)
    us = [seconds * 1e6 for seconds in timing.seconds]
    median = statistics.median(us)
    pairs = zip(stock, timing.seconds, strict=False)
    return Line(
        case=timing.case,
        engine=timing.engine,
        median_us=median,
        fastest_us=min(us),
        spread_us=statistics.median(abs(one - median) for one in us),
        times_stock=statistics.median(s / e for s, e in pairs) if stock else 0.0,
        floor_us=statistics.median(floor) * 1e6 if floor else 0.0,
        less_above_floor=_less_above(floor, stock, timing.seconds) if stock and floor else 0.0,
        build_seconds=timing.build_seconds,
    )


def _less_above(floor: Sequence[float], stock: Sequence[float], seconds: Sequence[float]) -> float:
    """How many times less than stock an engine takes beyond the floor: the median over the turns; 0 if it isn't beyond."""
    turns = zip(floor, stock, seconds, strict=False)
    ratios = [
        (of_stock - least) / (own - least) if own > least else math.inf
        for least, of_stock, own in turns
    ]
    ratio = statistics.median(ratios)
    return 0.0 if math.isinf(ratio) else ratio


def growth(
    timings: Sequence[Timing], group: str, small: int | None = None
) -> dict[tuple[str, str], dict[int, float]]:
    """How many times what a unit costs in the workload of one size it costs in the others of its group.

    Args:
        timings: What was measured; groups are measured turn by turn.
        group: The group.
        small: That size; the smallest that was timed, if it is None.

    Returns:
        By engine and mode: the size to the median, over all turns, of the ratio within the turn.
    """
    seconds: dict[tuple[str, str], dict[int, Sequence[float]]] = {}
    for timing in timings:
        workload = BY_NAME.get(timing.case.workload)
        if workload and workload.group == group and timing.seconds and not timing.error:
            of_engine = seconds.setdefault((timing.engine, timing.case.mode), {})
            of_engine[workload.size] = timing.seconds
    found = {}
    for key, of_engine in seconds.items():
        basis = of_engine.get(min(of_engine) if small is None else small)
        if basis is not None:
            found[key] = {
                size: statistics.median(
                    one / other for one, other in zip(turns, basis, strict=False)
                )
                for size, turns in of_engine.items()
            }
    return found


def per_size(timings: Sequence[Timing], group: str) -> dict[tuple[str, str], dict[int, float]]:
    """What a unit costs in each size of a group's workloads.

    Returns:
        By engine and mode: the size to the median, in microseconds.
    """
    found: dict[tuple[str, str], dict[int, float]] = {}
    for line in lines(timings):
        workload = BY_NAME.get(line.case.workload)
        if workload and workload.group == group and not line.error:
            of_engine = found.setdefault((line.engine, line.case.mode), {})
            of_engine[workload.size] = line.median_us
    return found


# --- printing

_NAME, _MODE, _UNIT, _CELL = 36, 7, 10, 20


def title(engine: str) -> str:
    """An engine's name as tables have it."""
    return "stock" if engine == STOCK else engine


def duration(us: float) -> str:
    """A time in the unit that suits it.

    Example:
        >>> duration(12.34), duration(43_210.0)
        ('12.3 us', '43.2 ms')
    """
    if us < 10_000:
        return f"{us:.2f} us" if us < 1 else f"{us:.1f} us"
    return f"{us / 1e3:.1f} ms"


def header(engines: Sequence[str]) -> str:
    """First line of the table."""
    names = "".join(f"{title(engine):>{_CELL}}" for engine in engines)
    return f"{'workload':<{_NAME}}{'mode':<{_MODE}}{'per':<{_UNIT}}{names}"


def rows(timings: Sequence[Timing]) -> list[str]:
    """Lines of the table for one case, or for a group of cases."""
    by_case: dict[Case, list[Line]] = {}
    for line in lines(timings):
        by_case.setdefault(line.case, []).append(line)
    return [*(_row(of_case) for of_case in by_case.values()), *_group_rows(timings)]


def _row(of_case: Sequence[Line]) -> str:
    case = of_case[0].case
    workload = BY_NAME.get(case.workload)
    name, unit = (workload.name, workload.unit) if workload else ("graph", "run")
    text = f"{name:<{_NAME}}{case.mode:<{_MODE}}{unit:<{_UNIT}}"
    text += "".join(f"{_cell(line):>{_CELL}}" for line in of_case)
    errors = [f"\n    {line.engine}: {line.error}" for line in of_case if line.error]
    return text + "".join(errors)


def _cell(line: Line) -> str:
    if line.error:
        return "failed"
    if line.engine in {STOCK, FLOOR} or not line.times_stock:
        return duration(line.median_us)
    return f"{duration(line.median_us)} ({line.times_stock:.1f}x)"


def _group_rows(timings: Sequence[Timing]) -> Iterator[str]:
    """Lines of the table that compare the sizes of a group."""
    for group in (SIZES, SENDS, AT_ONCE, IN_THREADS):
        for (engine, mode), ratios in growth(timings, group).items():
            if engine != FLOOR and len(ratios) > 1:
                listed = ", ".join(f"{size}: {ratio:.2f}" for size, ratio in ratios.items())
                yield f"    {title(engine)} ({mode}), time by number of {group}: {listed}"


def memory_rows(found: Sequence[Memory]) -> list[str]:
    """Lines of the memory table for one case: what the run needed, and the process's peak, in MiB."""
    if not found:
        return []
    case = found[0].case
    text = f"{case.workload:<{_NAME}}{case.mode:<{_MODE}}{'run':<{_UNIT}}"
    cells = (f"{m.of_run_kib / 1024:.1f} of {m.peak_kib / 1024:.0f} MiB" for m in found)
    return [text + "".join(f"{cell:>{_CELL}}" for cell in cells)]


# --- judging


def judge(timings: Sequence[Timing], memories: Sequence[Memory] = ()) -> list[str]:
    """Targets that were missed, a sentence each; what wasn't measured isn't judged."""
    summed = lines(timings)
    missed = [f"{_who(line)}: {line.error}" for line in summed if line.error]
    missed += [sentence for line in summed for sentence in _slow(line)]
    missed += [sentence for group in _SCALING for sentence in _steep(timings, group)]
    missed += [s for group in _NO_WORSE_THAN_STOCK for s in _steeper_than_stock(timings, group)]
    return missed + list(_hungry(memories))


def _slow(line: Line) -> Iterator[str]:
    times, less = _table(_TIMES_STOCK), _table(_ABOVE_FLOOR)
    asked = _asked(times, line.engine, line.case)
    if line.times_stock and line.times_stock < asked:
        yield f"{_who(line)}: {line.times_stock:.1f}x stock, {asked:.0f}x asked for"
    asked = _asked(less, line.engine, line.case)
    if line.less_above_floor and line.less_above_floor < asked:
        yield (
            f"{_who(line)}: {line.less_above_floor:.1f}x less than stock beyond the floor, "
            f"{asked:.0f}x asked for"
        )


def _steep(timings: Sequence[Timing], group: str) -> Iterator[str]:
    small, large, most = _SCALING[group]
    for (engine, mode), ratios in growth(timings, group, small).items():
        if engine not in {STOCK, FLOOR} and large in ratios:
            ratio = ratios[large]
            if ratio > most:
                yield (
                    f"{engine} ({mode}): with {large} {group} a unit costs {ratio:.2f} times what it "
                    f"costs with {small}, {most:.2f} at most is asked for"
                )


def _steeper_than_stock(timings: Sequence[Timing], group: str) -> Iterator[str]:
    small, large = _NO_WORSE_THAN_STOCK[group]
    found = growth(timings, group, small)
    ratios = {key: of_key[large] for key, of_key in found.items() if large in of_key}
    for (engine, mode), ratio in ratios.items():
        stock = ratios.get((STOCK, mode))
        if stock and engine not in {STOCK, FLOOR} and ratio > stock * _NOISE:
            yield (
                f"{engine} ({mode}): with {large} {group} a unit costs {ratio:.2f} times what it "
                f"costs with {small}, and {stock:.2f} times on stock"
            )


def _hungry(memories: Sequence[Memory]) -> Iterator[str]:
    stock = {m.case: m for m in memories if m.engine == STOCK}
    for found in memories:
        asked = stock.get(found.case)
        if asked and found.of_run_kib > asked.of_run_kib + _MEMORY_SLACK_KIB:
            yield (
                f"{found.engine} on {found.case.workload} ({found.case.mode}): a run needs "
                f"{found.of_run_kib} KiB, and {asked.of_run_kib} KiB on stock"
            )


def _who(line: Line) -> str:
    return f"{line.engine} on {line.case.workload} ({line.case.mode})"
