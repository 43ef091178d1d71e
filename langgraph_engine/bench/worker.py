"""The process that one engine gets: builds a workload, and times it when asked.

Requests come as JSON lines on standard input, and each gets one JSON line back::

    {"do": "build", "workload": "chain", "asynchronous": false}   {"ok": true, "build_seconds": 0.1}
    {"do": "time", "runs": 20, "clock": "wall"}                   {"ok": true, "seconds": 0.4}
    {"do": "drop"}                                                {"ok": true}

A request that fails is answered by ``{"ok": false, "error": "..."}``, and the next one is served.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["main"]

_CONFIG = {"recursion_limit": 1_000}
_CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class _Server:
    """The one built workload of this process, and the event loop it keeps."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._graph: Any = None
        self._input: dict[str, Any] = {}
        self._asynchronous = False
        self._loop = asyncio.new_event_loop()

    def build(self, workload: str, asynchronous: bool) -> dict[str, Any]:
        """Build a workload, run it once, and check its answer and who gave it."""
        from langgraph_engine.bench.workloads import BY_NAME

        chosen = BY_NAME[workload]
        started = time.perf_counter()
        self._graph = chosen.build(asynchronous)
        seconds = time.perf_counter() - started
        self._input, self._asynchronous = chosen.input, asynchronous
        before = _native_runs()
        answer = self._run_once()
        if answer != chosen.answer:
            msg = f"{workload} gave a wrong answer: {str(answer)[:200]}"
            raise AssertionError(msg)
        if self._engine != "langgraph" and _native_runs() == before:
            msg = f"{workload} wasn't run by {self._engine}"
            raise AssertionError(msg)
        return {"build_seconds": seconds}

    def time(self, runs: int, clock: str) -> dict[str, Any]:
        """Time ``runs`` runs in a row."""
        now = _CLOCKS[clock]
        gc.collect()
        if self._asynchronous:
            seconds = self._loop.run_until_complete(self._time_async(runs, now))
        else:
            invoke, value = self._graph.invoke, self._input
            started = now()
            for _ in range(runs):
                invoke(value, _CONFIG)
            seconds = now() - started
        return {"seconds": seconds}

    def drop(self) -> dict[str, Any]:
        """Forget the workload, so that a big graph doesn't weigh on the next one's collections."""
        self._graph = None
        gc.collect()
        return {}

    def _run_once(self) -> Any:
        if self._asynchronous:
            return self._loop.run_until_complete(self._graph.ainvoke(self._input, _CONFIG))
        return self._graph.invoke(self._input, _CONFIG)

    async def _time_async(self, runs: int, now: Callable[[], float]) -> float:
        invoke, value = self._graph.ainvoke, self._input
        started = now()
        for _ in range(runs):
            await invoke(value, _CONFIG)
        return now() - started


def _native_runs() -> int:
    import langgraph_engine

    native = langgraph_engine.stats()["native"]
    return sum(runs for methods in native.values() for runs in methods.values())


def main(engine: str) -> None:
    """Serve requests until standard input ends."""
    # The answers get a file of their own: whatever a library prints must not end up among them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if engine != "langgraph":
        import langgraph_engine

        # A run handed back would time stock LangGraph under the engine's name.
        langgraph_engine.install(engine, unsupported="raise")
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
    main(sys.argv[1])
