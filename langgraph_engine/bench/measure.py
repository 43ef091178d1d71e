"""Time workloads on several engines in turn: A B C, A B C, ..., so that all see the same machine.

Each engine has a process of its own that stays idle while another is asked. The number of runs per
turn is chosen per engine, after warming up, so that a turn takes about the same time on each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
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


class _Slot:
    """One case on one engine: what is asked of its worker, and what came of it."""

    def __init__(self, case: Case, worker: _Worker, profile: Profile) -> None:
        self._case = case
        self._worker = worker
        self._profile = profile
        self._runs = 1
        self._seconds: list[float] = []
        self._build_seconds = 0.0
        self._error = ""

    def do(self, step: Callable[[_Slot], None]) -> None:
        """Do one step, unless an earlier one failed."""
        if not self._error:
            try:
                step(self)
            except WorkerError as error:
                self._error = str(error)

    def prepare(self) -> None:
        """Build, warm up, and find out how many runs make a turn."""
        case = self._case
        answer = self._worker.ask("build", workload=case.workload, asynchronous=case.asynchronous)
        self._build_seconds = float(answer["build_seconds"])
        first = self._worker.seconds_per_run(1)
        warm = self._worker.seconds_per_run(_fitting(self._profile.warm_up, first))
        self._runs = _fitting(self._profile.turn, warm)

    def turn(self) -> None:
        """Time one turn."""
        per_run = self._worker.seconds_per_run(self._runs, self._profile.clock)
        self._seconds.append(per_run / BY_NAME[self._case.workload].units)

    def drop(self) -> None:
        """Let the worker forget the case."""
        self._worker.ask("drop")

    def timing(self) -> Timing:
        """What came of it."""
        seconds = () if self._error else tuple(self._seconds)
        engine = self._worker.engine
        return Timing(self._case, engine, seconds, self._build_seconds, self._error)


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
        report: Called with the timings of a case, or of a group of them, as soon as they are there.
    """
    timings: list[Timing] = []
    with ExitStack() as stack:
        shared = _start(engines, stack)
        for together in _grouped(cases):
            with ExitStack() as of_group:
                slots = [
                    _Slot(case, worker, profile)
                    for case in together
                    # Cases that take turns are all in memory at once: each in processes of its own,
                    # where the others can't weigh on it.
                    for worker in (_start(engines, of_group) if len(together) > 1 else shared)
                ]
                for step in (_Slot.prepare, *[_Slot.turn] * profile.rounds, _Slot.drop):
                    for slot in slots:
                        slot.do(step)
            found = [slot.timing() for slot in slots]
            report(found)
            timings += found
    return timings


def _start(engines: Sequence[str], stack: ExitStack) -> list[_Worker]:
    workers = []
    for engine in engines:
        worker = _Worker(engine)
        stack.callback(worker.close)
        workers.append(worker)
    return workers


def _grouped(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that are measured together: those of one group and one mode."""
    groups: dict[object, list[Case]] = {}
    for case in cases:
        group = BY_NAME[case.workload].group
        groups.setdefault((group, case.mode) if group else case, []).append(case)
    return list(groups.values())


def _fitting(budget: float, per_run: float) -> int:
    """Runs that fit in ``budget`` seconds, at least one."""
    return max(1, min(_MOST_RUNS_A_TURN, int(budget / max(per_run, 1e-9))))
