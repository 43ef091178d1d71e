"""Time workloads on several engines in turn: A B C, A B C, ..., so that all see the same machine.

Each engine has a process of its own that stays idle while another is asked. The number of runs per
turn is chosen per engine, after warming up, so that a turn takes about the same time on each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from langgraph_engine.bench.workloads import BY_NAME

__all__ = ["FULL", "QUICK", "Case", "Profile", "Timing", "measure"]

_MOST_RUNS_A_TURN: Final = 2_000
# A worker's surroundings must not trace, nor choose an engine behind its back.
_UNWANTED: Final = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_")


@dataclass(frozen=True)
class Profile:
    """How long to measure.

    Attributes:
        rounds: Turns of every engine per case.
        turn: Seconds one turn should take.
        warm_up: Seconds each engine runs a case before its first turn.
        clock: ``wall``, or ``cpu`` for the time of the worker's own threads, on a machine that is
            busy with other things.
    """

    name: str
    rounds: int
    turn: float
    warm_up: float
    clock: str = "wall"


FULL: Final = Profile("full", rounds=15, turn=0.15, warm_up=0.5)
QUICK: Final = Profile("quick", rounds=5, turn=0.04, warm_up=0.08)


@dataclass(frozen=True)
class Case:
    """One workload, synchronous or asynchronous."""

    workload: str
    asynchronous: bool

    @property
    def mode(self) -> str:
        """``sync`` or ``async``."""
        return "async" if self.asynchronous else "sync"


@dataclass(frozen=True)
class Timing:
    """One engine on one case: seconds per unit, a number a turn, or why there are none."""

    case: Case
    engine: str
    seconds: tuple[float, ...]
    build_seconds: float = 0.0
    error: str = ""


class WorkerError(Exception):
    """A worker couldn't do what it was asked."""


class _Worker:
    """One engine's process, and the two pipes to it."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_UNWANTED)}
        environment |= {"PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-m", "langgraph_engine.bench.worker", engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Send one request and wait for its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise WorkerError("the worker was started without pipes")
        try:
            stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            msg = f"the process of {self.engine} ended, with exit code {self._process.wait()}"
            raise WorkerError(msg)
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise WorkerError(answer["error"])
        return answer

    def seconds_per_run(self, runs: int, clock: str = "wall") -> float:
        """Time some runs in a row."""
        return float(self.ask("time", runs=runs, clock=clock)["seconds"]) / runs

    def close(self) -> None:
        """End the process: it stops when its input does."""
        with suppress(BrokenPipeError):
            self._process.communicate()


@contextmanager
def _workers(engines: Sequence[str]) -> Iterator[list[_Worker]]:
    with ExitStack() as stack:
        workers = []
        for engine in engines:
            worker = _Worker(engine)
            stack.callback(worker.close)
            workers.append(worker)
        yield workers


def measure(
    cases: Sequence[Case],
    engines: Sequence[str],
    profile: Profile,
    report: Callable[[list[Timing]], None],
) -> list[Timing]:
    """Time every case on every engine.

    Args:
        cases: What to run.
        engines: Names of engines; ``langgraph`` is stock.
        profile: How long.
        report: Called with a case's timings as soon as they are there.
    """
    timings: list[Timing] = []
    with _workers(engines) as workers:
        for case in cases:
            of_case = _measure_case(case, workers, profile)
            report(of_case)
            timings += of_case
    return timings


def _measure_case(case: Case, workers: Sequence[_Worker], profile: Profile) -> list[Timing]:
    seconds: dict[str, list[float]] = {worker.engine: [] for worker in workers}
    build: dict[str, float] = {}
    runs: dict[str, int] = {}
    errors: dict[str, str] = {}
    units = BY_NAME[case.workload].units

    def attempt(worker: _Worker, what: Callable[[_Worker], None]) -> None:
        if worker.engine not in errors:
            try:
                what(worker)
            except WorkerError as error:
                errors[worker.engine] = str(error)

    def prepare(worker: _Worker) -> None:
        answer = worker.ask("build", workload=case.workload, asynchronous=case.asynchronous)
        build[worker.engine] = float(answer["build_seconds"])
        first = worker.seconds_per_run(1)
        warm = worker.seconds_per_run(_fitting(profile.warm_up, first))
        runs[worker.engine] = _fitting(profile.turn, warm)

    def turn(worker: _Worker) -> None:
        per_run = worker.seconds_per_run(runs[worker.engine], profile.clock)
        seconds[worker.engine].append(per_run / units)

    def drop(worker: _Worker) -> None:
        worker.ask("drop")

    for what in (prepare, *[turn] * profile.rounds, drop):
        for worker in workers:
            attempt(worker, what)
    return [
        Timing(
            case,
            worker.engine,
            () if worker.engine in errors else tuple(seconds[worker.engine]),
            build.get(worker.engine, 0.0),
            errors.get(worker.engine, ""),
        )
        for worker in workers
    ]


def _fitting(budget: float, per_run: float) -> int:
    """Runs that fit in ``budget`` seconds, at least one."""
    return max(1, min(_MOST_RUNS_A_TURN, int(budget / max(per_run, 1e-9))))
