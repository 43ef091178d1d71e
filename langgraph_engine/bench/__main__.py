"""The command: ``python -m langgraph_engine.bench``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from langgraph_engine.bench import measure, results
from langgraph_engine.bench.workloads import BY_NAME

_PREFERRED = ("python", "cffi", "rust")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; 1 if something failed or ``--judge`` found a target missed."""
    args = _parser().parse_args(argv)
    profile = measure.QUICK if args.quick else measure.FULL
    profile = replace(profile, clock=args.clock)
    engines = [results.STOCK, *(args.engines or _installed())]
    names = args.only or [w.name for w in BY_NAME.values() if w.quick or not args.quick]
    cases = [measure.Case(name, mode == "async") for name in names for mode in args.modes]
    _say(results.header(engines))
    timings = measure.measure(
        cases, engines, profile, lambda found: _say("\n".join(results.rows(found)))
    )
    if args.json:
        text = json.dumps(results.document(timings, profile), indent=1)
        args.json.write_text(text + "\n", encoding="utf-8")
        _say(f"stored in {args.json}")
    if args.judge:
        missed = results.judge(timings)
        for sentence in missed:
            _say(f"MISSED: {sentence}")
        return 1 if missed else 0
    return 1 if any(timing.error for timing in timings) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m langgraph_engine.bench",
        description="Time LangGraph programs on stock LangGraph and on engines, side by side.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument(
        "--engines",
        type=_names,
        help="engines to compare with stock, separated by commas; default: those installed",
    )
    parser.add_argument("--only", type=_workloads, help=f"some of: {','.join(BY_NAME)}")
    parser.add_argument("--modes", type=_names, default=["sync", "async"], help="sync,async")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: on a busy machine"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store the result")
    parser.add_argument("--judge", action="store_true", help="fail if a target is missed")
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _workloads(text: str) -> list[str]:
    names = _names(text)
    for name in names:
        if name not in BY_NAME:
            msg = f"there is no workload {name!r}; there are {', '.join(BY_NAME)}"
            raise argparse.ArgumentTypeError(msg)
    return names


def _installed() -> list[str]:
    from langgraph_engine.registry import available

    found = {engine.name for engine in available()}
    return [name for name in _PREFERRED if name in found]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
