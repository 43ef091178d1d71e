"""The page docs/benchmarks.md: tables and plots of one run, with machine, versions and command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from langgraph_engine.bench.document import Document
from langgraph_engine.bench.measure import STOCK, Case, Memory
from langgraph_engine.bench.plots import Plot
from langgraph_engine.bench.results import Line, duration, judge, lines, title
from langgraph_engine.bench.worker import FLOOR
from langgraph_engine.bench.workloads import BY_NAME, IS_LANGGRAPHS

__all__ = ["written"]

_ABOUT = """\
# Benchmarks

What LangGraph's own time is on stock LangGraph and on each engine, measured in one run. This page is generated;
the command below writes it anew.

    nox -s bench -- --docs

Stock, the engines and the floor take turns, each in a process of its own, so a ratio holds on a noisy machine;
[decision 0004](decisions/0004-benchmarks-take-turns.md) says why. A cell is the median over the turns, with the
median distance from it, and how many times faster than stock: the median of the ratios within a turn, and so is
every other ratio, also between workloads of different size. Before a case is
timed its answer is compared with stock's, and it is made sure that the engine gave it.

The **floor** is the same work in a loop written by hand: the same nodes, routers and reducers, the same states, and no
LangGraph around them. No engine can be faster.

What a run stores, `bench.json`, is a pyperf suite: `python -m pyperf stats bench.json` reads it, and `python -m pyperf
compare_to` compares two runs. `nox -s bench -- --load bench.json --docs` writes this page from it; `-- --help` lists the rest.

## A graph of your own

    langgraph-engine bench app:graph --input question.json
    langgraph-engine bench app:graph --input - --mode both --engine rust,python --json out.json < question.json

It runs the graph on stock and on the engine and compares the results; if they differ it says where, and exits with 1.
Then both are timed in turns: for `--seconds`, or `--runs` times where a run takes long or costs money. At the end it says
what share of stock's time passes inside the nodes. No engine can shorten that: where nodes take 90% of the time, a run can't become
more than 1.1 times as fast. What a node waits for counts as its own, and so does a graph that it calls by itself.
"""

_OWN = """\
## Our workloads

Nodes add one to a number, or less, so that what is left is the engine. `loop-plain` has plain functions
in an asynchronous run, which LangGraph hands to threads; `loop-saved` has an `InMemorySaver` and the default durability;
`loop-streamed` has that, plain functions, and a stream of updates, as servers do; `sends-N` sends N tasks to one plain node; `nodes-N` runs ten supersteps in a graph of N nodes; `at-once-N` has N
runs at a time in one event loop, `threads-N` in as many threads.
"""

_LANGGRAPHS = """\
## LangGraph's own benchmarks

The graphs and inputs of the folder `bench` in LangGraph's source distribution, which is downloaded and not stored here; run as
its runner does, a stream with durability `exit`, on asyncio's event loop. *Beyond the floor* says how many times less
than stock an engine takes for what isn't the nodes' work.
"""

_MEMORY = """\
## Memory

One run as the first thing of a fresh process: what its peak of resident memory rose by, of what it was, in MiB.
"""


def written(measured: Document, drawn: Sequence[Plot], page: Path) -> str:
    """The page, in Markdown.

    Args:
        measured: What was measured.
        drawn: The plots, in a folder that is named like the page.
        page: Where the page will be.
    """
    summed = lines(measured.timings)
    plots = {name: f"![{caption}]({page.stem}/{name})" for name, caption in drawn}
    own = [line for line in summed if line.case.workload not in IS_LANGGRAPHS]
    theirs = [line for line in summed if line.case.workload in IS_LANGGRAPHS]
    parts = [_ABOUT, *_setting(measured)]
    parts += [_OWN, *_shown(plots, "supersteps.svg"), _table(own)]
    parts += _shown(plots, "nodes.svg", "tasks.svg")
    if theirs:
        parts += [_LANGGRAPHS, *_shown(plots, "shares.svg"), _table(theirs, beyond=True)]
    if measured.memories:
        parts += [_MEMORY, *_shown(plots, "memory.svg"), _memory(measured.memories)]
    parts += ["## Targets\n", _targets(measured)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _shown(plots: dict[str, str], *names: str) -> list[str]:
    return [plots[name] for name in names if name in plots]


def _setting(measured: Document) -> Iterator[str]:
    yield "## Machine and versions\n"
    facts = {**measured.machine, **measured.versions}
    profile = measured.profile
    facts["clock"] = "wall" if profile.clock == "wall" else "time of the process's own threads"
    facts["command"] = f"`{measured.command}`"
    facts["turns"] = f"{profile.rounds} of {profile.turn} s, {profile.fewest} where runs are long"
    yield "\n".join(
        ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in facts.items())]
    )


def _table(summed: Sequence[Line], beyond: bool = False) -> str:
    """Lines as a table: a row for each case, a column for each engine."""
    engines = list(dict.fromkeys(line.engine for line in summed))
    by_case: dict[Case, dict[str, Line]] = {}
    for line in summed:
        by_case.setdefault(line.case, {})[line.engine] = line
    rows = [
        "| workload | mode | per |" + "".join(f" {title(engine)} |" for engine in engines),
        "| --- | --- | --- |" + " ---: |" * len(engines),
    ]
    for case, of_case in by_case.items():
        unit = BY_NAME[case.workload].unit
        cells = (_cell(of_case.get(engine), beyond) for engine in engines)
        rows.append(f"| {case.workload} | {case.mode} | {unit} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _cell(line: Line | None, beyond: bool) -> str:
    if line is None:
        return ""
    if line.error:
        return f"failed: {line.error}"
    text = f"{duration(line.median_us)} ± {duration(line.spread_us)}"
    if line.engine in {STOCK, FLOOR} or not line.times_stock:
        return text
    text += f"<br>**{line.times_stock:.1f}x**"
    if beyond and line.less_above_floor:
        text += f"<br>beyond the floor {line.less_above_floor:.1f}x"
    return text


def _memory(memories: Sequence[Memory]) -> str:
    engines = list(dict.fromkeys(m.engine for m in memories))
    by_case: dict[Case, dict[str, Memory]] = {}
    for found in memories:
        by_case.setdefault(found.case, {})[found.engine] = found
    rows = [
        "| workload | mode |" + "".join(f" {title(engine)} |" for engine in engines),
        "| --- | --- |" + " ---: |" * len(engines),
    ]
    for case, of_case in by_case.items():
        cells = (
            f"{of_case[e].of_run_kib / 1024:.1f} of {of_case[e].peak_kib / 1024:.0f}"
            if e in of_case
            else ""
            for e in engines
        )
        rows.append(f"| {case.workload} | {case.mode} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _targets(measured: Document) -> str:
    missed = judge(measured.timings, measured.memories)
    if not missed:
        return "`nox -s bench -- --judge` found every target of `langgraph_engine/bench/results.py` met."
    listed = "".join(f"\n* {sentence}" for sentence in missed)
    return f"Of the targets in `langgraph_engine/bench/results.py` these were missed in this run:\n{listed}"
