"""What a run of the suite showed: one result per test, tallies, and failures grouped for triage."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

PASSED, FAILED, SKIPPED, UNFINISHED = "passed", "failed", "skipped", "unfinished"


@dataclass
class Result:
    """One test.

    ``native`` counts the runs in it that the engine did, and ``handed_back``, by reason, those that
    stock LangGraph did instead. ``retried`` says that the outcome is that of a second attempt, the first having failed.
    """

    id: str
    outcome: str = UNFINISHED
    seconds: float = 0.0
    native: int = 0
    handed_back: dict[str, int] = field(default_factory=dict)
    message: str = ""
    trace: str = ""
    retried: bool = False


def read(path: Path) -> dict[str, Result]:
    """Results by test id, from the lines the pytest plugin wrote."""
    results: dict[str, Result] = {}
    if not path.exists():
        return results
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if "start" in line:
            results.setdefault(line["start"], Result(line["start"]))
        else:
            _add(results.setdefault(line["id"], Result(line["id"])), line)
    return results


def _add(result: Result, line: dict) -> None:
    """Add one phase (collect, setup, call, teardown): a test failed if any phase of it did."""
    result.seconds += line["seconds"]
    result.native += line.get("native", 0)
    result.handed_back |= line.get("handed_back", {})
    if line["outcome"] == "failed":
        result.outcome = FAILED
        result.message = result.message or line["message"]
        result.trace = result.trace or line["trace"]
    elif line["outcome"] == "skipped" and result.outcome != FAILED:
        result.outcome = SKIPPED
    elif line["when"] == "call" and result.outcome == UNFINISHED:
        result.outcome = PASSED


@dataclass
class Tally:
    """Counts over one run of the suite."""

    passed: int
    failed: int
    skipped: int
    unfinished: int
    passed_on_retry: int
    runs_native: int
    tests_with_runs_handed_back: int
    runs_handed_back: int

    @classmethod
    def of(cls, results: dict[str, Result]) -> Tally:
        outcomes = Counter(r.outcome for r in results.values())
        runs = [sum(r.handed_back.values()) for r in results.values()]
        return cls(
            passed=outcomes[PASSED],
            failed=outcomes[FAILED],
            skipped=outcomes[SKIPPED],
            unfinished=outcomes[UNFINISHED],
            passed_on_retry=sum(r.retried and r.outcome == PASSED for r in results.values()),
            runs_native=sum(r.native for r in results.values()),
            tests_with_runs_handed_back=sum(n > 0 for n in runs),
            runs_handed_back=sum(runs),
        )

    def __str__(self) -> str:
        text = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        if self.unfinished:
            text += f", {self.unfinished} unfinished"
        if self.passed_on_retry:
            text += f", {self.passed_on_retry} of the passed only on a second attempt"
        return (
            f"{text}; {self.runs_native} runs by the engine, {self.runs_handed_back} handed back"
            f" to stock in {self.tests_with_runs_handed_back} tests"
        )


def write(path: Path, results: dict[str, Result], about: dict) -> None:
    """Store everything about a run as JSON."""
    document = {
        **about,
        "tally": asdict(Tally.of(results)),
        "tests": [asdict(results[test]) for test in sorted(results)],
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Result]:
    """Results stored by ``write``."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {test["id"]: Result(**test) for test in document["tests"]}


_VARIABLE = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b|\d+(\.\d+)?|'[^']{40,}'"
)


def grouped_failures(results: dict[str, Result]) -> list[tuple[str, list[str]]]:
    """Failed and unfinished tests under the message they share, biggest group first.

    Numbers, ids and long quoted values are blanked, so that the same defect makes one group.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for result in results.values():
        if result.outcome in (FAILED, UNFINISHED):
            first = (result.message or result.outcome).strip().splitlines()[0]
            groups[_VARIABLE.sub("…", first)[:200]].append(result.id)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def reasons(results: dict[str, Result]) -> list[tuple[str, int, int]]:
    """Why runs were handed back: reason, runs, tests; most runs first."""
    runs: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for result in results.values():
        runs.update(result.handed_back)
        tests.update(result.handed_back.keys())
    return [(reason, n, tests[reason]) for reason, n in runs.most_common()]
