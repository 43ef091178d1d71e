"""One superstep's writes, committed by stock LangGraph's ``apply_writes`` and by each engine, in turn.

    python tests/native/commit_against_stock.py --quick

For every kind of channel an engine keeps itself, and graphs of 1 to 10,000 channels, all of them written by one task
or by a task each. Each commit is the second superstep of a run of its own, which is not timed; all of a turn follow
one another, then the next engine's turn comes. A ratio is the median, over the rounds, of stock's time by the engine's
in the same round. What a commit leaves is compared with what stock's leaves before anything is timed.

``core`` is the core alone, without Python: what Criterion measured when `cargo bench` last ran. It is the one column
that wasn't measured in turn, so its ratio is that of the fastest times, stock's and the core's.
"""

from __future__ import annotations

import argparse
import gc
import json
import operator
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from langgraph.channels import (
    AnyValue,
    BinaryOperatorAggregate,
    EphemeralValue,
    LastValue,
    NamedBarrierValue,
    Topic,
    UntrackedValue,
)
from langgraph.channels.last_value import LastValueAfterFinish
from langgraph.channels.named_barrier_value import NamedBarrierValueAfterFinish
from langgraph.types import Send

from langgraph_engine import registry, upstream
from langgraph_engine.compiled import channel_spec
from langgraph_engine.protocol import PULL, GraphSpec, NodeSpec, TaskWrites

KINDS: Final[Mapping[str, Callable[[], Any]]] = {
    "last_value": lambda: LastValue(object),
    "last_value_after_finish": lambda: LastValueAfterFinish(object),
    "any_value": lambda: AnyValue(object),
    "ephemeral_value": lambda: EphemeralValue(object),
    "untracked_value": lambda: UntrackedValue(object),
    "topic": lambda: Topic(object),
    "binary_operator": lambda: BinaryOperatorAggregate(int, operator.add),
    "named_barrier": lambda: NamedBarrierValue(str, {"a", "b"}),
    "named_barrier_after_finish": lambda: NamedBarrierValueAfterFinish(str, {"a", "b"}),
    "tasks": lambda: Topic(Send),
}
SIZES: Final = (1, 10, 100, 1_000, 10_000)
JUDGED: Final = 1_000
TARGETS: Final = {"core": 30.0, "rust": 30.0, "cffi": 10.0}
"""How many times faster than stock a commit of `JUDGED` channels by one task has to be."""
STOCK: Final = "langgraph"
ENGINES: Final = ("rust", "cffi", "python")
GO: Final = "go"
CHECKPOINT_ID: Final = "1ef4f797-8335-6428-8001-8a1503f9b875"
ROUNDS, QUICK_ROUNDS = 9, 3
CLOCKS: Final = {"wall": time.perf_counter, "cpu": time.thread_time}
WRITES_A_TURN: Final = 2_000
"""So many writes are timed at once: a commit of one is far too short."""


@dataclass(frozen=True)
class Case:
    """Channels of one kind, all written, by one task or by a task each."""

    kind: str
    size: int
    each: bool

    @property
    def criterion(self) -> str:
        """Where Criterion keeps what it measured of the same commit."""
        return f"commit by {'a task each' if self.each else 'one task'}/{self.kind}/{self.size}"


class Superstep:
    """A graph, and what its first and second supersteps write.

    As in `backends/rust_core/benches/superstep`: the nodes' trigger is written, too, so that another superstep
    follows; with the kinds that wait for the end it isn't, and they finish.
    """

    def __init__(self, case: Case) -> None:
        packets = case.kind == "tasks"
        names = [upstream.TASKS] if packets else [f"c{index}" for index in range(case.size)]
        self.channels = {GO: EphemeralValue(object)} | {name: KINDS[case.kind]() for name in names}
        self.nodes = [f"n{index:05}" for index in range(case.size if case.each else 1)]
        self.trigger_to_nodes = {GO: self.nodes}
        self.spec = GraphSpec(
            channels=tuple(channel_spec(name, it) for name, it in self.channels.items()),
            nodes=tuple(NodeSpec(name, (GO,), GO) for name in self.nodes),
            trigger_to_nodes=self.trigger_to_nodes,
            missing=upstream.MISSING,
            send_type=Send,
        )
        written = names * case.size if packets else names
        self.first = [(GO, 0), *((name, _value(case.kind, "a")) for name in written)]
        second = [(name, _value(case.kind, "b")) for name in written]
        self.second = [[write] for write in second] if case.each else [second]
        if not case.kind.endswith("_after_finish"):
            self.second[-1].append((GO, 0))


def _value(kind: str, name: str) -> Any:
    if kind.startswith("named_barrier"):
        return name
    return Send("n00000", 1) if kind == "tasks" else 1


class Stock:
    """LangGraph's channels and its ``apply_writes``."""

    name = STOCK

    def __init__(self, superstep: Superstep) -> None:
        self._superstep = superstep
        self._tasks = [
            upstream.PregelTaskWrites((PULL, name), name, writes, (GO,))
            for name, writes in zip(superstep.nodes, superstep.second, strict=True)
        ]

    def prepare(self) -> Callable[[], set[str]]:
        """A run that has its first superstep behind it: gives its second commit."""
        superstep, tasks = self._superstep, self._tasks
        checkpoint: Any = upstream.empty_checkpoint()
        channels: Any = upstream.channels_from_checkpoint(superstep.channels, checkpoint)[0]
        given = [upstream.PregelTaskWrites((), "__input__", superstep.first, ())]
        apply_writes, nodes = upstream.apply_writes, superstep.trigger_to_nodes
        apply_writes(checkpoint, channels, given, _next_version, nodes)
        return lambda: apply_writes(checkpoint, channels, tasks, _next_version, nodes)

    def left(self) -> Any:
        """What the second commit says and leaves."""
        superstep = self._superstep
        checkpoint: Any = upstream.empty_checkpoint()
        channels: Any = upstream.channels_from_checkpoint(superstep.channels, checkpoint)[0]
        given = [upstream.PregelTaskWrites((), "__input__", superstep.first, ())]
        nodes = superstep.trigger_to_nodes
        upstream.apply_writes(checkpoint, channels, given, _next_version, nodes)
        updated = upstream.apply_writes(checkpoint, channels, self._tasks, _next_version, nodes)
        return updated, _kept(upstream.create_checkpoint(checkpoint, channels, 1))


def _next_version(highest: int | None, _: None) -> int:
    return 1 if highest is None else highest + 1


class Engine:
    """An engine's run and its ``commit``."""

    def __init__(self, name: str, superstep: Superstep) -> None:
        self.name = name
        self._superstep = superstep
        self._program = registry.load(name).compile(superstep.spec)
        run, updated = self._started()
        # What a plan gives is what the facade hands back: the same objects.
        planned = {task.name: task for task in run.plan(1, CHECKPOINT_ID, "", updated).tasks}
        tasks = [planned[name] for name in superstep.nodes]
        self._tasks = [
            TaskWrites(task.path, task.name, writes, task.triggers)
            for task, writes in zip(tasks, superstep.second, strict=True)
        ]

    def _started(self) -> tuple[Any, set[str]]:
        run = self._program.restore(None)
        given = [TaskWrites((), "__input__", self._superstep.first, ())]
        return run, run.commit(given, None).updated

    def prepare(self) -> Callable[[], Any]:
        """A run that has its first superstep behind it: gives its second commit."""
        run, tasks = self._started()[0], self._tasks
        return lambda: run.commit(tasks, None)

    def left(self) -> Any:
        """What the second commit says and leaves."""
        run = self._started()[0]
        updated = run.commit(self._tasks, None).updated
        return updated, _kept(run.checkpoint(CHECKPOINT_ID, "now", None))


def _kept(checkpoint: Any) -> Any:
    return {key: checkpoint[key] for key in ("channel_values", "channel_versions", "versions_seen")}


@dataclass(frozen=True)
class Result:
    """What came of one case.

    Attributes:
        microseconds: The median of a commit; the fastest of the core's.
        fastest: The fastest of stock's commits, in microseconds.
        times_stock: How many times stock's speed.
    """

    case: Case
    microseconds: Mapping[str, float]
    fastest: float
    times_stock: Mapping[str, float]


def measured(case: Case, engines: Sequence[str], rounds: int, clock: Callable[[], float]) -> Result:
    """Check one case and time it."""
    superstep = Superstep(case)
    stock = Stock(superstep)
    contestants: list[Any] = [stock, *(Engine(name, superstep) for name in engines)]
    expected = stock.left()
    for contestant in contestants:
        assert contestant.left() == expected, f"{contestant.name} differs from stock: {case}"
    times: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    commits = max(1, WRITES_A_TURN // case.size)
    for round_number in range(rounds + 1):
        for contestant in contestants:
            seconds = _turn([contestant.prepare() for _ in range(commits)], clock)
            if round_number:  # the first warms up
                times[contestant.name].append(seconds / commits)
    ratios = {
        name: statistics.median(s / e for s, e in zip(times[STOCK], times[name], strict=True))
        for name in engines
    }
    medians = {name: statistics.median(found) * 1e6 for name, found in times.items()}
    return Result(case, medians, min(times[STOCK]) * 1e6, ratios)


def _turn(commits: Sequence[Callable[[], Any]], clock: Callable[[], float]) -> float:
    """Seconds it takes; the garbage collector is off meanwhile, as in `timeit`."""
    gc.disable()
    try:
        start = clock()
        for commit in commits:
            commit()
        return clock() - start
    finally:
        gc.enable()


def core_microseconds(folder: Path, case: Case) -> float | None:
    """The fastest commit that Criterion measured; None if it measured none."""
    file = folder / case.criterion / "new" / "sample.json"
    if not file.is_file():
        return None
    sample = json.loads(file.read_text(encoding="utf-8"))
    times = zip(sample["times"], sample["iters"], strict=True)
    return float(min(nanoseconds / commits for nanoseconds, commits in times)) / 1e3


def with_core(result: Result, folder: Path) -> Result:
    """The result, and the core's time if there is one."""
    core = core_microseconds(folder, result.case)
    if core is None:
        return result
    return replace(
        result,
        microseconds={**result.microseconds, "core": core},
        times_stock={**result.times_stock, "core": result.fastest / core},
    )


def row(result: Result, columns: Sequence[str]) -> str:
    """A line of the table."""
    case = result.case
    cells = [f"{result.microseconds[STOCK]:12.1f}"]
    for name in columns:
        found = result.microseconds.get(name)
        cell = "-" if found is None else f"{found:.1f} ({result.times_stock[name]:.1f}x)"
        cells.append(f"{cell:>20}")
    return f"{case.kind:<28}{case.size:>6}{'each' if case.each else 'one':>6}{''.join(cells)}"


def missed(results: Sequence[Result]) -> list[str]:
    """A sentence for each target missed."""
    return [
        f"{result.case.kind}: {name} is {result.times_stock[name]:.1f}x stock; the target is {target:.0f}x"
        for result in results
        if result.case.size == JUDGED and not result.case.each
        for name, target in TARGETS.items()
        if result.times_stock.get(name, target) < target
    ]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _criterion_folder() -> Path:
    backends = Path(__file__).parents[2] / "backends"
    return Path(os.environ.get("CARGO_TARGET_DIR", backends / "target")) / "criterion"


def main() -> int:
    """Run the command; 1 if ``--judge`` found a target missed."""
    parser = argparse.ArgumentParser(description="Time a commit on stock and on the engines.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--kinds", type=_names, default=[*KINDS], help="a,b; default: all")
    parser.add_argument("--sizes", type=_names, default=[*map(str, SIZES)], help="1,10")
    parser.add_argument("--engines", type=_names, help="a,b; default: those installed")
    parser.add_argument("--clock", choices=[*CLOCKS], default="wall", help="cpu: on a busy machine")
    parser.add_argument("--criterion", type=Path, default=_criterion_folder(), metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store the result")
    parser.add_argument("--judge", action="store_true", help="fail if a target is missed")
    args = parser.parse_args()
    installed = {engine.name for engine in registry.available()}
    engines = args.engines or [name for name in ENGINES if name in installed]
    columns = ["core", *engines]
    gc.freeze()
    heading = "".join(f"{name:>20}" for name in columns)
    print(f"{'us per commit':<28}{'size':>6}{'tasks':>6}{STOCK:>12}{heading}", flush=True)
    results = []
    for each in (False, True):
        for kind in args.kinds:
            for size in map(int, args.sizes):
                case = Case(kind, size, each)
                rounds = QUICK_ROUNDS if args.quick else ROUNDS
                result = measured(case, engines, rounds, CLOCKS[args.clock])
                results.append(with_core(result, args.criterion))
                print(row(results[-1], columns), flush=True)
    if args.json:
        args.json.write_text(json.dumps([*map(asdict, results)], indent=1) + "\n", encoding="utf-8")
        print(f"stored in {args.json}")
    failures = missed(results) if args.judge else []
    for sentence in failures:
        print(f"MISSED: {sentence}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
