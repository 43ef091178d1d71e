"""Finds the apps, and has a process of its own run them on one engine.

One process for each engine keeps what an engine installs away from stock's runs, starts every
engine from the same `PYTHONHASHSEED`, and turns a crash of a native engine, or a run that never
ends, into one failing test instead of no result at all.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
APPS = TESTS / "apps"

STOCK = "langgraph"

MODES = ("sync", "async")
WATCHES = ("quiet", "watched")

RUN_LIMIT = 20
"""Seconds one run of one app may take before its process is given up."""

Key = tuple[str, str, str]
"""An app's name, its mode and its watch."""


def app_names() -> list[str]:
    """The modules of `tests/apps`."""
    return sorted(path.stem for path in APPS.glob("*.py") if path.stem != "__init__")


def keys_of(app: str) -> list[Key]:
    """The runs an app asks for, read from its source: nothing of it is imported."""
    modes = said_by(app, "modes", MODES)
    return [(app, mode, watch) for mode in modes for watch in said_by(app, "watches", WATCHES)]


def said_by(app: str, name: str, otherwise: Any) -> Any:
    """The value an app's module gives to a name, if it is written there as a literal."""
    for node in ast.parse((APPS / f"{app}.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return otherwise


def engine_names() -> list[str]:
    """The engines that can be loaded here, without stock itself."""
    try:
        from langgraph_engine import registry
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != "langgraph_engine":
            raise
        return []
    return sorted(engine.name for engine in registry.available() if engine.name != STOCK)


def record_corpus(engines: str, out: Path, only: tuple[str, ...] = ()) -> dict[Key, dict[str, Any]]:
    """Runs apps and returns what the runs left, by app, mode and watch.

    A record is `{"trace": ...}`, or `{"crash": ...}` with the last words of the process it killed.

    Args:
        engines: A name from `engine_names`, or `STOCK`; two names with `>` between them take
            turns, step by step, the first one first.
        out: The file in which the worker collects its records, one line each.
        only: The apps to run; all of them if empty.
    """
    out.touch()
    while True:
        done = _spawn(engines, str(out), *(f"--only={app}" for app in only))
        if done.returncode == 0:
            return _read(out)
        last_words = (done.stderr or done.stdout)[-6000:]
        started = out.with_suffix(".started")
        if not started.exists():
            raise RuntimeError(f"the worker of {engines} died before its first run:\n{last_words}")
        record = {"key": json.loads(started.read_text()), "crash": last_words}
        started.unlink()
        with out.open("a") as lines:
            lines.write(json.dumps(record) + "\n")


def _read(out: Path) -> dict[Key, dict[str, Any]]:
    records: dict[Key, dict[str, Any]] = {}
    for line in out.read_text().splitlines():
        record = json.loads(line)
        app, mode, watch = record["key"]
        records[app, mode, watch] = record
    return records


def _spawn(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LANGGRAPH_", "LANGSMITH_", "LANGCHAIN_"))
    }
    # Stock's order of some writes follows the order of a set.
    environment["PYTHONHASHSEED"] = "0"
    paths = [str(TESTS), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return subprocess.run(
        [sys.executable, "-m", "parity.worker", *arguments, f"--run-limit={RUN_LIMIT}"],
        env=environment,
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
