"""Run LangGraph's own test suite on an engine.

    python -m tests.upstream.run --engine python --unsupported raise

The suite is the one in the source distribution of the LangGraph that is installed, downloaded when
first needed and never copied into this repository. With ``--services auto`` Postgres and Redis are started
for it (see ``services.py``); otherwise, or where they can't be had, it runs in its no-docker mode, with the
memory and SQLite savers, stores and caches.

A run is judged by stored lists of test ids (see ``baseline.py``):

* a test listed as passing on this engine and in this mode must still pass;
* every test that passes on stock LangGraph must pass on the engine, but for those in
  ``private-machinery.txt``, which spy on names of LangGraph's that an engine doesn't call. In ``raise``
  mode a run the engine doesn't cover is an error, so nothing may be handed back.

If a test fails such a check, the file it is in is run once more, in order and with nothing beside it,
before the verdict: a few tests of the suite measure time. ``--update`` makes what passes now the list to keep;
runs with services have lists of their own, in ``with-services/``. So does a release of LangGraph other than the
newest, once there is a folder ``releases/<version>`` for them.

Three times in a row, each in another order::

    python -m tests.upstream.run --engine rust --unsupported raise --random-order 7 --runs 3

The seeds are 7, 8 and 9; ``--random-order`` alone draws one, and prints it. Runs that end differently are a failure.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.upstream import baseline, pytest_process, report, services
from tests.upstream.suite import installed_version, unpacked_suite

STOCK = "langgraph"
PASSING_ON_STOCK, FAILING_ON_STOCK = "passing-on-stock", "failing-on-stock"
MOST_RETRIES = 60
GROUPS_SHOWN = 20
ANY_SEED = -1


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0 if the run is as good as the stored lists ask for."""
    sys.stdout.reconfigure(line_buffering=True)  # Keeps our lines in order with pytest's.
    parser = _parser()
    args = parser.parse_args(argv)
    partial = bool(args.paths or args.k)
    if args.update and (partial or args.runs > 1 or args.random_order is not None):
        parser.error("--update needs the whole suite once, in order: leave out what makes it less")
    with ExitStack() as stack:
        args.with_services = None
        if args.services == "auto":
            args.with_services = _start_services(stack)
        return _runs(args, partial=partial)


def _start_services(stack: ExitStack) -> services.Services | None:
    try:
        running = stack.enter_context(services.started())
    except services.ServicesUnavailableError as why:
        print(f"NO SERVICES, so the suite's no-docker mode: {why}")
        return None
    print(f"Postgres on port {running.postgres_port}, Redis on port {running.redis_port}")
    return running


def _runs(args: argparse.Namespace, *, partial: bool) -> int:
    """Run the suite as often as asked; 0 if every run is good enough and all end the same."""
    if args.random_order == ANY_SEED:
        args.random_order = random.SystemRandom().randrange(10**6)
    codes, endings = [], []
    for number in range(args.runs):
        seed = None if args.random_order is None else args.random_order + number
        code, results = _run(args, seed, partial=partial)
        codes.append(code)
        endings.append({test: result.outcome for test, result in results.items()})
        if args.runs > 1:
            print(
                f"run {number + 1} of {args.runs}: {'good' if code == 0 else 'NOT good enough'}\n"
            )
    differing = {t for ending in endings for t, how in ending.items() if endings[0].get(t) != how}
    if differing:
        print(f"FAILED: {len(differing)} tests ended differently{_listing(list(differing))}")
    elif args.runs > 1:
        print(f"{args.runs} runs: every test ended the same")
    return 1 if differing else max(codes)


def _run(
    args: argparse.Namespace, seed: int | None, *, partial: bool
) -> tuple[int, dict[str, report.Result]]:
    settings = pytest_process.Settings(
        suite=unpacked_suite(),
        engine=args.engine,
        unsupported=args.unsupported,
        timeout=args.timeout,
        stall=max(3 * args.timeout, 300),
        hash_seed=args.hash_seed,
        order_seed=seed,
        services=args.with_services.environment() if args.with_services else {"NO_DOCKER": "true"},
    )
    title = _title(args)
    order = "" if seed is None else f", in random order (--random-order {seed})"
    print(f"LangGraph {installed_version()}'s tests on {title}, Python {baseline.PYTHON}{order}")
    started = time.monotonic()
    options = ["-k", args.k] if args.k else []
    paths = args.paths or ["tests"]
    results = pytest_process.run(settings, paths, options=options, workers=args.workers)
    doubted = _unexpected(args, results)
    if 0 < len(doubted) <= MOST_RETRIES:
        print(f"\nonce more: the files of {len(doubted)} tests that should have passed")
        results = pytest_process.retry(settings, results, doubted, options)
    seconds = time.monotonic() - started

    tally = report.Tally.of(results)
    kind = "-services" if args.with_services else ""
    file = Path(args.json or f"upstream-{_slug(args)}{kind}.json")
    about = {"langgraph": installed_version(), "python": sys.version.split()[0]}
    about |= {"engine": args.engine, "mode": args.unsupported, "seconds": round(seconds, 1)}
    report.write(file, results, about)
    print(f"\n{title}: {tally}; {seconds:.0f} s; details in {file}")
    _print_groups(results)
    failures = _verdict(args, results, partial=partial)
    for failure in failures:
        print(f"FAILED: {failure}")
    if args.update:
        return _update(args, results), results
    return 1 if failures else 0, results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.upstream.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("paths", nargs="*", help="test files or ids, such as tests/test_pregel.py")
    parser.add_argument("--engine", default=STOCK, help="python, rust, ..., or langgraph for stock")
    parser.add_argument("--unsupported", choices=("fallback", "raise"), default="fallback")
    parser.add_argument("-k", metavar="EXPRESSION", help="only tests matching, as in pytest")
    parser.add_argument("--workers", type=int, default=2, help="0: in one process; default 2")
    parser.add_argument("--timeout", type=int, default=120, help="seconds a test may take")
    parser.add_argument("--hash-seed", type=int, default=0, help="PYTHONHASHSEED of the run")
    parser.add_argument(
        "--services",
        choices=("auto", "none"),
        default="none",
        help="Postgres and Redis; default none",
    )
    parser.add_argument(
        "--random-order",
        type=int,
        nargs="?",
        const=ANY_SEED,
        metavar="SEED",
        help="shuffle the tests",
    )
    parser.add_argument("--runs", type=int, default=1, help="how many times in a row; default 1")
    parser.add_argument("--json", metavar="FILE", help="default: upstream-<engine>-<mode>.json")
    parser.add_argument("--update", action="store_true", help="store what passes as the new list")
    parser.add_argument("--allow-loss", action="store_true", help="let --update drop tests")
    return parser


def _slug(args: argparse.Namespace) -> str:
    return STOCK if args.engine == STOCK else f"{args.engine}-{args.unsupported}"


def _title(args: argparse.Namespace) -> str:
    title = "stock" if args.engine == STOCK else f"{args.engine} in {args.unsupported} mode"
    return f"{title} with services" if args.with_services else title


def _list_name(args: argparse.Namespace) -> str:
    return _stock_list(args) if args.engine == STOCK else _folder(args) + f"passing-{_slug(args)}"


def _stock_list(args: argparse.Namespace) -> str:
    return _folder(args) + PASSING_ON_STOCK


def _folder(args: argparse.Namespace) -> str:
    folder = baseline.release_folder(installed_version())
    return f"{folder}with-services/" if args.with_services else folder


def _unexpected(args: argparse.Namespace, results: dict[str, report.Result]) -> list[str]:
    """Tests that some list says should have passed, and that didn't."""
    lists = [baseline.load(_list_name(args)), baseline.load(_stock_list(args))]
    return [
        test
        for test in _not_passed(results)
        if any(stored and test in stored for stored in lists) and not _is_exempt(test)
    ]


def _not_passed(results: dict[str, report.Result]) -> list[str]:
    return [r.id for r in results.values() if r.outcome in (report.FAILED, report.UNFINISHED)]


def _verdict(
    args: argparse.Namespace, results: dict[str, report.Result], *, partial: bool
) -> list[str]:
    """Why this run isn't good enough, a sentence each."""
    failures = []
    not_passed = _not_passed(results)
    if not any(r.outcome == report.PASSED for r in results.values()):
        failures.append("no test passed at all")
    if args.engine != STOCK and not any(r.native for r in results.values()):
        failures.append(f"not one run was done by {args.engine}")
    must = baseline.load(_list_name(args))
    lost = [test for test in not_passed if must and test in must]
    if lost:
        failures.append(f"{len(lost)} tests listed as passing no longer pass{_listing(lost)}")
    if must and not partial:
        failures += _shrunk(must, results)
    stock = baseline.load(_stock_list(args))
    if stock is None or args.engine == STOCK:
        return failures
    exempt = [test for test in not_passed if _is_exempt(test)]
    if exempt:
        print(f"{len(exempt)} tests spy on LangGraph's private machinery{_listing(exempt)}")
    worse = [
        test for test in not_passed if test in stock and test not in lost and test not in exempt
    ]
    if worse:
        failures.append(f"{len(worse)} tests pass on stock and fail here{_listing(worse)}")
    return failures


def _is_exempt(test: str) -> bool:
    return test.split("[", 1)[0] in baseline.private_machinery()


def _shrunk(must: baseline.Baseline, results: dict[str, report.Result]) -> list[str]:
    """Losses no single test shows: listed tests that aren't there any more."""
    if must.python != baseline.PYTHON:
        return []  # Another Python skips, and collects, other tests.
    failures = []
    if gone := must.vanished(results):
        failures.append(f"{len(gone)} listed tests weren't run{_listing(gone)}")
    passed = report.Tally.of(results).passed
    if passed < must.size:
        failures.append(f"{passed} tests pass, {must.size} did when the list was made")
    return failures


def _update(args: argparse.Namespace, results: dict[str, report.Result]) -> int:
    name = _list_name(args)
    must = baseline.load(name)
    if must and not args.allow_loss:
        lost = [test for test in _not_passed(results) if test in must]
        lost += [shrunk for shrunk in _shrunk(must, results) if not lost]
        if lost:
            print(f"{name} not updated: it would lose{_listing(lost)}\n(--allow-loss to do it)")
            return 1
    passed = {r.id for r in results.values() if r.outcome == report.PASSED}
    failed = set(_not_passed(results))
    baseline.store(name, passed, failed)
    print(f"{name}: {len(passed)} tests")
    if args.engine == STOCK:
        failing = _folder(args) + FAILING_ON_STOCK
        baseline.store(failing, failed, passed)
        print(f"{failing}: {len(failed)} tests")
    return 0


def _print_groups(results: dict[str, report.Result]) -> None:
    groups = report.grouped_failures(results)
    for message, ids in groups[:GROUPS_SHOWN]:
        print(f"{len(ids):5}  {message}\n       e.g. {ids[0]}")
    if len(groups) > GROUPS_SHOWN:
        print(
            f"       and {len(groups) - GROUPS_SHOWN} more messages: python -m tests.upstream.triage"
        )
    for reason, runs, tests in report.reasons(results):
        print(f"handed back: {runs} runs in {tests} tests: {reason}")


def _listing(ids: list[str]) -> str:
    shown = "".join(f"\n    {test}" for test in sorted(ids)[:GROUPS_SHOWN])
    more = f"\n    ... and {len(ids) - GROUPS_SHOWN} more" if len(ids) > GROUPS_SHOWN else ""
    return f":{shown}{more}"


if __name__ == "__main__":
    sys.exit(main())
