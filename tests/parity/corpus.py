"""Finds the apps, and has a process of its own run them all on one engine.

One process for each engine keeps what an engine installs away from stock's runs, starts every engine from
the same `PYTHONHASHSEED`, and turns a crash of a native engine, or a run that never ends, into one failing
test instead of no result at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
APPS = TESTS / "apps"

STOCK = "langgraph"

# Seconds one run of one app may take before its process is given up.
RUN_LIMIT = 20

Key = tuple[str, str, str]
"""An app's name, its mode and its watch."""


def app_names() -> list[str]:
    """The modules of `tests/apps`."""
    return sorted(path.stem for path in APPS.glob("*.py") if path.stem != "__init__")


def engine_names() -> list[str]:
    """The engines that can be loaded here, without stock itself."""
    try:
        from langgraph_engine import registry
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != "langgraph_engine":
            raise
        return []
    return sorted(engine.name for engine in registry.available() if engine.name != STOCK)


def record_corpus(engine: str, out: Path) -> dict[Key, dict[str, Any]]:
    """Runs every app on an engine and returns what the runs left, by app, mode and watch.

    A record is `{"trace": ...}`, or `{"crash": ...}` with the last words of the process that died of it.

    Args:
        engine: A name from `engine_names`, or `STOCK`.
        out: The file in which the worker collects its records, one line each.
    """
    out.touch()
    while True:
        done = _spawn("parity.worker", engine, str(out), "--run-limit", str(RUN_LIMIT))
        records = _read(out)
        if done.returncode == 0:
            return records
        last_words = (done.stderr or done.stdout)[-6000:]
        started = out.with_suffix(".started")
        if not started.exists():
            raise RuntimeError(f"the worker for {engine} died before its first run:\n{last_words}")
        record = {"key": json.loads(started.read_text()), "crash": last_words}
        started.unlink()
        with out.open("a") as lines:
            lines.write(json.dumps(record) + "\n")


def run_resume_across(engine: str) -> dict[str, Any]:
    """The results of `resume_across` for an engine, in a process of its own."""
    done = _spawn("parity.resume_across", engine)
    if done.returncode != 0:
        raise RuntimeError(
            f"parity.resume_across {engine} ended with {done.returncode}:\n{done.stderr[-6000:]}"
        )
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def _read(out: Path) -> dict[Key, dict[str, Any]]:
    records: dict[Key, dict[str, Any]] = {}
    for line in out.read_text().splitlines():
        record = json.loads(line)
        app, mode, watch = record["key"]
        records[app, mode, watch] = record
    return records


def _spawn(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LANGGRAPH_", "LANGSMITH_", "LANGCHAIN_"))
    }
    # Stock's order of some writes follows the order of a set.
    environment["PYTHONHASHSEED"] = "0"
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(TESTS), str(TESTS.parent), *filter(None, [environment.get("PYTHONPATH")])]
    )
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
