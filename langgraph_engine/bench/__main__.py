"""The command: ``python -m langgraph_engine.bench``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from langgraph_engine.bench import document, measure, results
from langgraph_engine.bench.langgraph_graphs import FOLDER_VARIABLE
from langgraph_engine.bench.worker import FLOOR
from langgraph_engine.bench.workloads import BY_NAME, chosen

_PREFERRED = ("python", "cffi", "rust")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; 1 if something failed or ``--judge`` found a target missed."""
    parser = _parser()
    args = parser.parse_args(argv)
    needed = ["pyperf", *(["matplotlib"] if args.plots or args.docs else [])]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        # Before anything is measured, not after.
        parser.error(f"{missing[0]} is not installed; pip install 'langgraph-engine[bench]'")
    try:
        measured = document.load(args.load) if args.load else _measured(args)
    except document.NotAResultError as error:
        parser.error(str(error))
    if args.json:
        document.store(measured, args.json)
        _say(f"stored in {args.json}")
    if args.plots or args.docs:
        from langgraph_engine.bench import page, plots

        folder = args.plots or args.docs.with_suffix("")
        drawn = plots.draw(measured, folder)
        _say(f"plots in {folder}")
        if args.docs:
            args.docs.write_text(page.written(measured, drawn, args.docs), encoding="utf-8")
            _say(f"written: {args.docs}")
    if args.judge:
        missed = results.judge(measured.timings, measured.memories)
        for sentence in missed:
            _say(f"MISSED: {sentence}")
        return 1 if missed else 0
    return 1 if any(timing.error for timing in measured.timings) else 0


def _measured(args: argparse.Namespace) -> document.Document:
    """Measure what is asked for, and print it on the way."""
    profile = measure.QUICK if args.quick else measure.FULL
    remembered = profile.memory if args.memory is None else tuple(args.memory)
    profile = replace(profile, clock=args.clock, memory=remembered)
    if args.langgraph:
        os.environ[FOLDER_VARIABLE] = str(args.langgraph.resolve())
    else:
        _say("without LangGraph's own benchmark graphs: --langgraph says where they are")
    names = args.only or chosen(args.quick, with_langgraphs=args.langgraph is not None)
    engines = [measure.STOCK, *(args.engines or _installed())]
    cases = [
        measure.Case(name, mode == "async")
        for name in names
        for mode in args.modes
        if mode in BY_NAME[name].modes
    ]
    _say(results.header([FLOOR, *engines]))
    timings = measure.measure(
        cases, [FLOOR, *engines], profile, lambda found: _say("\n".join(results.rows(found)))
    )
    memories = []
    with_memory = [case for case in cases if case.mode in profile.memory]
    if with_memory:
        _say("\npeak memory: what one run needed, of what the process had at most")
        _say(results.header(engines))
    for case in with_memory:
        found = measure.memory(case, engines)
        _say("\n".join(results.memory_rows(found)))
        memories += found
    return document.document(timings, memories, profile, _command(args))


def _command(args: argparse.Namespace) -> str:
    """The command that measures the same; without options that name places on this machine."""
    words = ["nox -s bench --", "--docs"]
    if args.quick:
        words.append("--quick")
    for option in ("clock", "engines", "modes", "memory", "only"):
        value = getattr(args, option)
        if value is not None and value != _parser().get_default(option):
            words += [f"--{option}", value if isinstance(value, str) else ",".join(value)]
    return " ".join(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m langgraph_engine.bench",
        description="Time LangGraph programs on stock LangGraph and on engines, side by side.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer workloads, shorter turns")
    parser.add_argument(
        "--engines",
        type=_names,
        help="engines to compare with stock, separated by commas; default: those installed",
    )
    parser.add_argument(
        "--only", type=_workloads, help=f"some of these, separated by commas: {', '.join(BY_NAME)}"
    )
    parser.add_argument(
        "--modes", type=_names, default=["sync", "async"], help="sync, async or both"
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: on a busy machine"
    )
    parser.add_argument(
        "--memory", type=_names, metavar="MODES", help="in which modes to measure memory as well"
    )
    parser.add_argument(
        "--langgraph",
        type=Path,
        metavar="FOLDER",
        help="LangGraph's source distribution, unpacked; for its own benchmark graphs",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to store the result")
    parser.add_argument(
        "--load", type=Path, metavar="FILE", help="a stored result to use instead of measuring"
    )
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="where to draw plots")
    parser.add_argument(
        "--docs",
        type=Path,
        nargs="?",
        const=Path("docs/benchmarks.md"),
        metavar="PAGE",
        help="the page to write, with plots in a folder beside it; docs/benchmarks.md",
    )
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
