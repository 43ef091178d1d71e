"""Time workloads on several engines in turn: A B C, A B C, ..., so that all see the same machine.

Each engine has a process of its own that stays idle while another is asked, and so has the floor. The
number of runs per turn is chosen per engine, after warming up, so that a turn takes about the same time on
each. Memory is measured apart from time, in a fresh process for each case and engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from langgraph_engine.bench.processes import Worker, WorkerError, start
from langgraph_engine.bench.workload import Mode
from langgraph_engine.bench.workloads import BY_NAME

__all__ = ["FULL", "QUICK", "STOCK", "Case", "Memory", "Profile", "Timing", "measure", "memory"]

STOCK: Final = "langgraph"
_MOST_RUNS_A_TURN: Final = 2_000


@dataclass(frozen=True)
class Profile:
    """How long to measure.

    Attributes:
        rounds: Turns of every engine per case.
        turn: Seconds one turn should take.
        warm_up: Seconds each engine runs a case before its first turn.
        budget: Seconds that a case may take in all turns of all engines; there are fewer rounds then.
        fewest: Rounds there are at least, whatever they take.
        memory: In which modes memory is measured as well.
        clock: ``wall``, or ``cpu`` for the time of the worker's own threads, on a machine that is
            busy with other things.
    """

    name: str
    rounds: int
    turn: float
    warm_up: float
    budget: float
    fewest: int = 3
    memory: tuple[Mode, ...] = ()
    clock: str = "wall"


FULL: Final = Profile("full", 11, 0.1, 0.3, budget=10, fewest=5, memory=("sync", "async"))
QUICK: Final = Profile("quick", 3, 0.02, 0.03, budget=1)


@dataclass(frozen=True)
class Case:
    """One workload, synchronous or asynchronous."""

    workload: str
    asynchronous: bool

    @property
    def mode(self) -> Mode:
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


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of one engine on one case, in KiB: before the one run, and after it."""

    case: Case
    engine: str
    before_kib: int
    peak_kib: int

    @property
    def of_run_kib(self) -> int:
        """What the run needed beyond what importing and building had needed."""
        return self.peak_kib - self.before_kib


class _Slot:
    """One case on one engine: what is asked of its worker, and what came of it."""

    def __init__(self, case: Case, worker: Worker, profile: Profile) -> None:
        self.case = case
        self.engine = worker.engine
        self.answer = ""
        self.turn_seconds = 0.0
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
        case = self.case
        answer = self._worker.ask("build", workload=case.workload, asynchronous=case.asynchronous)
        self._build_seconds = float(answer["build_seconds"])
        self.answer = answer["answer"]
        per_run = self._worker.seconds_per_run(1)
        if fitting := int(self._profile.warm_up / max(per_run, 1e-9)):
            per_run = self._worker.seconds_per_run(min(fitting, _MOST_RUNS_A_TURN))
        self._runs = max(1, min(_MOST_RUNS_A_TURN, int(self._profile.turn / max(per_run, 1e-9))))
        self.turn_seconds = per_run * self._runs

    def compare(self, stock: str) -> None:
        """Refuse an answer that isn't stock's."""
        if stock and self.answer != stock:
            raise WorkerError("gave another answer than stock")

    def turn(self) -> None:
        """Time one turn."""
        per_run = self._worker.seconds_per_run(self._runs, self._profile.clock)
        workload = BY_NAME.get(self.case.workload)
        self._seconds.append(per_run / (workload.units if workload else 1))

    def drop(self) -> None:
        """Let the worker forget the case."""
        self._worker.ask("drop")

    def timing(self) -> Timing:
        """What came of it."""
        seconds = () if self._error else tuple(self._seconds)
        return Timing(self.case, self.engine, seconds, self._build_seconds, self._error)


def measure(
    cases: Sequence[Case],
    engines: Sequence[str],
    profile: Profile,
    report: Callable[[list[Timing]], None],
    advance: Callable[[float], None] = lambda _: None,
) -> list[Timing]:
    """Time every case on every engine.

    Args:
        cases: What to run; a workload's name, or a user's graph as `user_graph.Target` writes it.
        engines: Names of engines; ``langgraph`` is stock, ``floor`` the loop written by hand.
        profile: How long.
        report: Called with the timings of a case, or of a group of them, as soon as they are there.
        advance: Called after every step with the part of the case or group that is done, 0 to 1.
    """
    timings: list[Timing] = []
    with ExitStack() as stack:
        shared = start(engines, stack)
        for together in _grouped(cases):
            with ExitStack() as of_group:
                slots = [
                    _Slot(case, worker, profile)
                    for case in together
                    # Cases that take turns are all in memory at once: each in processes of its own,
                    # where the others can't weigh on it.
                    for worker in (start(engines, of_group) if len(together) > 1 else shared)
                ]
                _take_turns(slots, profile, advance)
            found = [slot.timing() for slot in slots]
            report(found)
            timings += found
    return timings


def _take_turns(slots: Sequence[_Slot], profile: Profile, advance: Callable[[float], None]) -> None:
    for slot in slots:
        slot.do(_Slot.prepare)
    stock = {slot.case: slot.answer for slot in slots if slot.engine == STOCK}
    for slot in slots:
        if slot.case.workload in BY_NAME:
            slot.do(lambda slot: slot.compare(stock.get(slot.case, "")))
    a_round = sum(slot.turn_seconds for slot in slots)
    affordable = profile.budget / max(a_round, 1e-9)
    rounds = int(min(profile.rounds, max(affordable, profile.fewest)))
    for done in range(rounds):
        for slot in slots:
            slot.do(_Slot.turn)
        advance((done + 1) / rounds)
    for slot in slots:
        slot.do(_Slot.drop)


def _grouped(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that are measured together: those of one group and one mode."""
    groups: dict[object, list[Case]] = {}
    for case in cases:
        workload = BY_NAME.get(case.workload)
        group = workload.group if workload else ""
        key = (group, case.mode) if group else case
        groups.setdefault(key, []).append(case)
    return list(groups.values())


def memory(case: Case, engines: Sequence[str]) -> list[Memory]:
    """Peak memory of one run on each engine, each in a process that does nothing else.

    An engine that fails here has failed when it was timed, and is left out.
    """
    found = []
    for engine in engines:
        with ExitStack() as stack:
            (worker,) = start([engine], stack)
            try:
                answer = worker.ask(
                    "memory", workload=case.workload, asynchronous=case.asynchronous
                )
            except WorkerError:
                continue
            found.append(Memory(case, engine, answer["before_kib"], answer["peak_kib"]))
    return found
