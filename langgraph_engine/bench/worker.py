"""The process that one engine gets: builds a workload, and times it when asked.

Requests come as JSON lines on standard input, and each gets one JSON line back::

    {"do": "build", "workload": "chain", "asynchronous": false}    {"ok": true, "build_seconds": 0.1, ...}
    {"do": "time", "runs": 20, "clock": "wall"}                    {"ok": true, "seconds": 0.4}
    {"do": "memory", "workload": "chain", "asynchronous": false}   {"ok": true, "peak_kib": 90112, ...}
    {"do": "drop"}                                                 {"ok": true}

A request that fails is answered by ``{"ok": false, "error": "..."}``, and the next one is served. Instead of an
engine's name the command line may have ``floor``: then the workload's loop written by hand is run.
A user's own graph is a ``workload`` too: the JSON object that `user_graph.Target` describes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from langgraph_engine.bench.canonical import canonical, digest
from langgraph_engine.bench.workload import Program

if TYPE_CHECKING:
    from langgraph_engine.bench.user_graph import NodeClock

__all__ = ["FLOOR", "main"]

FLOOR: Final = "floor"
"""The name under which the loop written by hand is timed."""
_STOCK: Final = "langgraph"
_CLOCKS: Final = {"wall": time.perf_counter, "cpu": time.process_time}


class _Server:
    """The one built workload of this process, and the event loop it keeps."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._program: Program | None = None
        self._run: Callable[[], Any] = lambda: None
        self._asynchronous = False
        self._loop = asyncio.new_event_loop()

    def build(self, workload: str, asynchronous: bool) -> dict[str, Any]:
        """Build a workload, run it once, and check its answer and who gave it."""
        seconds, expected = self._build(workload, asynchronous)
        before = _native_runs()
        answer = self._run_once()
        found = digest(answer)
        if expected is not None and found != digest(expected):
            msg = f"{workload} gave a wrong answer: {str(answer)[:200]}"
            raise AssertionError(msg)
        if self._engine not in {_STOCK, FLOOR} and _native_runs() == before:
            msg = f"{workload} wasn't run by {self._engine}"
            raise AssertionError(msg)
        return {"build_seconds": seconds, "answer": found}

    def time(self, runs: int, clock: str) -> dict[str, Any]:
        """Time ``runs`` runs in a row."""
        now = _CLOCKS[clock]
        gc.collect()
        if self._asynchronous:
            seconds = self._loop.run_until_complete(self._time_async(runs, now))
        else:
            run = self._run
            started = now()
            for _ in range(runs):
                run()
            seconds = now() - started
        self._clean_up()
        return {"seconds": seconds}

    def memory(self, workload: str, asynchronous: bool) -> dict[str, Any]:
        """Build a workload and run it once, as the first thing of a fresh process.

        Returns:
            ``before_kib``: peak of the resident memory before the run, in KiB; ``peak_kib``: after it.
        """
        self._build(workload, asynchronous)
        gc.collect()
        before = _peak_kib()
        self._run_once()
        return {"before_kib": before, "peak_kib": _peak_kib()}

    def answer(self, workload: str, asynchronous: bool) -> dict[str, Any]:
        """Run a user's graph once: its answer as plain data, and why runs were handed back, if any were."""
        self._build(workload, asynchronous)
        answer = canonical(self._run_once())
        return {"answer": answer, "handed_back": sorted(_counted()["handed_back"])}

    def nodes(self, workload: str, asynchronous: bool) -> dict[str, Any]:
        """How much of a user's graph's time passes inside its nodes: 0 to 1, or None if that can't be told."""
        from langgraph_engine.bench.user_graph import NodeClock, Target

        target = Target.parse(workload)
        graph = target.load()
        clock = NodeClock()
        if not clock.watch(graph):
            return {"share": None}
        self._use(target.program(graph, asynchronous), asynchronous)
        first = self._watched(clock, 1)[1]
        inside, whole = self._watched(clock, max(1, min(20, int(0.3 / first))))
        return {"share": inside / whole}

    def _watched(self, clock: NodeClock, runs: int) -> tuple[float, float]:
        """Seconds inside the nodes, and of the runs as a whole."""
        before, started = clock.seconds, time.perf_counter()
        for _ in range(runs):
            self._run_once()
        return clock.seconds - before, time.perf_counter() - started

    def drop(self) -> dict[str, Any]:
        """Forget the workload, so that a big graph doesn't weigh on the next one's collections."""
        self._program, self._run = None, lambda: None
        gc.collect()
        return {}

    def _build(self, workload: str, asynchronous: bool) -> tuple[float, Any]:
        """Build a workload; the seconds that took, and the answer it must give, if that is known."""
        started = time.perf_counter()
        expected = None
        if workload.startswith("{"):
            from langgraph_engine.bench.user_graph import Target

            target = Target.parse(workload)
            program = target.program(target.load(), asynchronous)
        else:
            from langgraph_engine.bench.workloads import BY_NAME

            chosen = BY_NAME[workload]
            program, expected = chosen.build(asynchronous), chosen.answer
        seconds = time.perf_counter() - started
        self._use(program, asynchronous)
        return seconds, expected

    def _use(self, program: Program, asynchronous: bool) -> None:
        run = program.floor if self._engine == FLOOR else program.run
        if run is None:
            raise AssertionError("this workload has no floor")
        self._program, self._run, self._asynchronous = program, run, asynchronous

    def _run_once(self) -> Any:
        answer = self._run()
        if asyncio.iscoroutine(answer):
            answer = self._loop.run_until_complete(answer)
        self._clean_up()
        return answer

    def _clean_up(self) -> None:
        if self._program is not None:
            cleaning = self._program.clean_up()
            if asyncio.iscoroutine(cleaning):
                self._loop.run_until_complete(cleaning)

    async def _time_async(self, runs: int, now: Callable[[], float]) -> float:
        run = self._run
        started = now()
        for _ in range(runs):
            answer = run()
            if asyncio.iscoroutine(answer):  # A floor may have nothing to wait for.
                await answer
        return now() - started


def _counted() -> dict[str, Any]:
    import langgraph_engine

    return langgraph_engine.stats()


def _native_runs() -> int:
    native = _counted()["native"]
    return sum(runs for methods in native.values() for runs in methods.values())


def _peak_kib() -> int:
    """Most resident memory of this process so far, in KiB; 0 where that can't be known."""
    status = Path("/proc/self/status")
    # On Linux ru_maxrss starts with what the parent had when it started this process.
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1])
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def main(engine: str, unsupported: str = "raise") -> None:
    """Serve requests until standard input ends.

    Args:
        engine: An engine's name, ``langgraph`` for stock, or ``floor``.
        unsupported: ``raise``, as a run handed back would time stock LangGraph under the engine's name;
            ``fallback`` to find out what is handed back.
    """
    # The answers get a file of their own: whatever a library prints must not end up among them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # LangGraph's benchmarks pass a durability to graphs without a saver, and are warned every time.
    warnings.filterwarnings("ignore", message="`durability` has no effect")
    if engine not in {_STOCK, FLOOR}:
        import langgraph_engine

        langgraph_engine.install(engine, unsupported=unsupported)
    server = _Server(engine)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": True, **getattr(server, request.pop("do"))(**request)}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported in the table
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
