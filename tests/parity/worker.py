"""Runs apps: `python -m parity.worker ENGINES OUT [--only=APP]...`.

Appends one line of JSON to OUT for each run, and goes on where an earlier worker stopped: the run
named in `OUT`'s `.started` file is the one a worker died in.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
from pathlib import Path
from typing import Any

from parity.corpus import STOCK, app_names, keys_of
from parity.record import record


class Engines:
    """Switches engines on and off in this process; needs no langgraph_engine for stock alone."""

    def __init__(self, names: str) -> None:
        self._turns = names.split(">")
        self._package: Any = None
        if set(self._turns) != {STOCK}:
            self._package = importlib.import_module("langgraph_engine")
            # Engines load it when they are first needed; `stillness` has to find it before that.
            importlib.import_module("langgraph_engine.upstream")
        self._active = STOCK
        self.take_turn(0)

    def take_turn(self, at: int) -> None:
        """Makes the engine whose turn it is the one that runs."""
        name = self._turns[at % len(self._turns)]
        if name == self._active:
            return
        self._package.uninstall()
        if name != STOCK:
            self._package.install(name, unsupported="fallback")
        self._active = name

    def stats(self) -> dict[str, Any]:
        """What was counted up to now: runs by engine, and runs handed back by reason."""
        if self._package is None:
            return {"native": {}, "handed_back": {}}
        counted = self._package.stats()
        native = {name: sum(runs.values()) for name, runs in counted["native"].items()}
        return {"native": native, "handed_back": counted["handed_back"]}


def main() -> None:
    """Runs what hasn't been run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", help="one, or two with > between them")
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", action="append", help="an app to run; all if not given")
    parser.add_argument("--run-limit", type=float, default=20.0, help="seconds for one run")
    given = parser.parse_args()
    out: Path = given.out
    out.touch()
    done = {tuple(json.loads(line)["key"]) for line in out.read_text().splitlines()}
    engines = Engines(given.engines)
    for key in [key for name in given.only or app_names() for key in keys_of(name)]:
        if key in done:
            continue
        name, mode, watch = key
        out.with_suffix(".started").write_text(json.dumps(key))
        faulthandler.dump_traceback_later(given.run_limit, exit=True)
        before = engines.stats()
        app = importlib.import_module(f"apps.{name}")
        trace = record(app, mode, watch, engines.take_turn)
        faulthandler.cancel_dump_traceback_later()
        line = {"key": key, "trace": trace, "before": before, "after": engines.stats()}
        with out.open("a") as lines:
            lines.write(json.dumps(line) + "\n")
    out.with_suffix(".started").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
