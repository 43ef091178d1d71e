"""One process per engine, and what can be asked of it. `worker` is the other end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

__all__ = ["Worker", "WorkerError", "start"]

# A worker's surroundings must not trace, nor choose an engine behind its back.
_UNWANTED: Final = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_")


class WorkerError(Exception):
    """A worker couldn't do what it was asked."""


class Worker:
    """One engine's process, and the two pipes to it.

    Args:
        engine: An engine's name, ``langgraph`` for stock, or ``floor``.
        unsupported: What becomes of runs the engine doesn't cover: ``raise`` or ``fallback``.
    """

    def __init__(self, engine: str, unsupported: str = "raise") -> None:
        self.engine = engine
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_UNWANTED)}
        environment |= {"PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-m", "langgraph_engine.bench.worker", engine, unsupported],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises:
            WorkerError: The request failed, or the process ended.
        """
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


def start(engines: Sequence[str], stack: ExitStack, unsupported: str = "raise") -> list[Worker]:
    """Start a worker for each engine; the stack ends them."""
    workers = []
    for engine in engines:
        worker = Worker(engine, unsupported)
        stack.callback(worker.close)
        workers.append(worker)
    return workers
