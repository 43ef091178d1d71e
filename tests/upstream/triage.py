"""Look into the stored result of a run of LangGraph's suite.

    python -m tests.upstream.triage upstream-python-raise.json              what fails, grouped
    python -m tests.upstream.triage upstream-python-raise.json --show TEXT  with ids and a trace
    python -m tests.upstream.triage new.json --since old.json               what changed

The files are those that ``tests.upstream.run`` writes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.upstream import report


def main(argv: list[str] | None = None) -> int:
    """Print what was asked for; always 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream.triage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path)
    parser.add_argument("--show", metavar="TEXT", help="groups or test ids that contain TEXT")
    parser.add_argument("--since", metavar="OLD", type=Path, help="compare with another result")
    args = parser.parse_args(argv)
    results = report.load(args.file)
    print(report.Tally.of(results))
    if args.since:
        _print_changes(report.load(args.since), results)
    elif args.show:
        _print_matching(results, args.show)
    else:
        for message, ids in report.grouped_failures(results):
            print(f"{len(ids):5}  {message}\n       e.g. {ids[0]}")
    return 0


def _print_matching(results: dict[str, report.Result], text: str) -> None:
    for message, ids in report.grouped_failures(results):
        chosen = ids if text in message else [test for test in ids if text in test]
        if chosen:
            print(f"\n{message}")
            print("".join(f"    {test}\n" for test in chosen))
            print(results[chosen[0]].trace)


def _print_changes(old: dict[str, report.Result], new: dict[str, report.Result]) -> None:
    missing = report.Result("", "missing")
    for test in sorted(old.keys() | new.keys()):
        before, after = old.get(test, missing), new.get(test, missing)
        if before.outcome != after.outcome:
            print(f"{before.outcome} -> {after.outcome}: {test}")


if __name__ == "__main__":
    sys.exit(main())
