"""Runs all apps on one engine: `python -m parity.worker ENGINE OUT [--only APP]`.

Appends one line of JSON to OUT for each run, and goes on where an earlier worker stopped: the run named in
`OUT.started` is the one a worker died in.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
from pathlib import Path
from typing import Any

from parity.corpus import STOCK, app_names
from parity.record import MODES, WATCHES, record


def main() -> None:
    """Runs what hasn't been run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", action="append", help="an app to run; all if not given")
    parser.add_argument("--run-limit", type=float, default=20.0, help="seconds for one run")
    given = parser.parse_args()
    install(given.engine)
    out: Path = given.out
    out.touch()
    done = {tuple(json.loads(line)["key"]) for line in out.read_text().splitlines()}
    for name in given.only or app_names():
        app = importlib.import_module(f"apps.{name}")
        for mode in getattr(app, "modes", MODES):
            for watch in getattr(app, "watches", WATCHES):
                key = (name, mode, watch)
                if key in done:
                    continue
                out.with_suffix(".started").write_text(json.dumps(key))
                faulthandler.dump_traceback_later(given.run_limit, exit=True)
                before = stats()
                trace = record(app, mode, watch)
                faulthandler.cancel_dump_traceback_later()
                line = {"key": key, "trace": trace, **about(app), "stats": [before, stats()]}
                with out.open("a") as lines:
                    lines.write(json.dumps(line) + "\n")
    out.with_suffix(".started").unlink(missing_ok=True)


def install(engine: str) -> None:
    """Switches an engine on for the rest of this process; stock needs nothing."""
    if engine != STOCK:
        import langgraph_engine

        langgraph_engine.install(engine, unsupported="fallback")


def stats() -> dict[str, Any]:
    """What the engine counted up to now."""
    try:
        import langgraph_engine
    except ModuleNotFoundError:
        return {}
    return dict(langgraph_engine.stats())


def about(app: Any) -> dict[str, Any]:
    """What an app says of itself."""
    return {
        "raises": list(getattr(app, "raises", ())),
        "may_hand_back": getattr(app, "handed_back", None),
    }


if __name__ == "__main__":
    main()
