"""Run the unpacked suite in a pytest process of its own, and notice when it stops moving."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.upstream import report

PLUGIN = Path(__file__).parent / "plugin"
# Whatever the caller's environment says about tracing, tokens or engines, a run must not depend on it.
OTHERS = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_", "PYTEST_", "PYTHON", "UPSTREAM_")


@dataclass(frozen=True)
class Settings:
    """What every pytest process of one run has in common.

    ``order_seed`` shuffles the tests, None leaves them in order. ``services`` are the variables that tell the suite which servers there are.
    """

    suite: Path
    engine: str
    unsupported: str
    timeout: int
    stall: int
    hash_seed: int
    order_seed: int | None
    services: Mapping[str, str]


def run(
    settings: Settings, tests: Sequence[str], *, options: Sequence[str] = (), workers: int
) -> dict[str, report.Result]:
    """Run the named tests and give back a result for each one that was at least started.

    Args:
        settings: What is tested, and how.
        tests: Files, folders or test ids, relative to the suite.
        options: More arguments for pytest.
        workers: Processes that share the tests; 0 runs them in pytest's own process.
    """
    with tempfile.TemporaryDirectory() as scratch:
        lines = Path(scratch) / "report.jsonl"
        command = [sys.executable, "-m", "pytest", *_arguments(settings, workers), *options, *tests]
        process = subprocess.Popen(
            command,
            cwd=settings.suite,
            env=_environment(settings, lines),
            start_new_session=True,
        )
        try:
            code = _watch(process, lines, settings.stall)
        finally:
            _stop(process)
        # 1 is "some tests failed", and 5 "no tests were collected", as when all files skip themselves.
        if code not in (0, 1, 5, None):
            msg = f"pytest itself failed, with exit code {code}: its own words are above"
            raise SystemExit(msg)
        return report.read(lines)


def _arguments(settings: Settings, workers: int) -> list[str]:
    arguments = ["-p", "suite_on_engine", "-p", "no:cacheprovider", "-q", "--tb=short"]
    # The suite's own options print full traces and timings of no use here.
    arguments += ["-o", "addopts=--strict-markers --strict-config", "--disable-warnings"]
    arguments += ["--no-summary", f"--timeout={settings.timeout}", "--color=no"]
    if workers:
        arguments += ["-n", str(workers), "--dist", "worksteal"]
    return arguments


def _environment(settings: Settings, lines: Path) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OTHERS)}
    environment |= {
        **settings.services,
        "PYTHONPATH": str(PLUGIN),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Stock LangGraph's order of some writes follows the order of sets of strings.
        "PYTHONHASHSEED": str(settings.hash_seed),
        "UPSTREAM_ENGINE": settings.engine,
        "UPSTREAM_UNSUPPORTED": settings.unsupported,
        "UPSTREAM_REPORT": str(lines),
    }
    if settings.order_seed is not None:
        environment["UPSTREAM_ORDER_SEED"] = str(settings.order_seed)
    if settings.engine != "langgraph":
        environment["LANGGRAPH_ENGINE"] = settings.engine
        environment["LANGGRAPH_ENGINE_UNSUPPORTED"] = settings.unsupported
    return environment


def _watch(process: subprocess.Popen[bytes], lines: Path, stall: int) -> int | None:
    """Wait for pytest to end; None if it had to be given up because no test started or ended."""
    size, since = -1, time.monotonic()
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=2)
        now = lines.stat().st_size if lines.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > stall:
            print(f"\nno test started or ended for {stall} s: giving up", flush=True)
            return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process and its workers: the group is theirs alone."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def retry(
    settings: Settings,
    results: dict[str, report.Result],
    doubted: Iterable[str],
    options: Sequence[str] = (),
) -> dict[str, report.Result]:
    """Run the files of some tests once more, in order; put in those that now pass.

    Whole files, because a test that fails for what an earlier one left behind passes when alone.
    """
    doubted = list(doubted)
    files = dict.fromkeys(test.split("::", 1)[0] for test in doubted)
    again = run(replace(settings, order_seed=None), list(files), options=options, workers=0)
    passed = {test: again[test] for test in doubted if test in again and _has_passed(again[test])}
    for result in passed.values():
        result.retried = True
    return results | passed


def _has_passed(result: report.Result) -> bool:
    return result.outcome == report.PASSED
