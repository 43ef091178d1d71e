"""Stored lists of test ids that must not be lost.

A list is kept short and readable by wildcards, each standing for every test under it that isn't
skipped::

    tests/test_algo.py::*                     a whole file
    tests/test_pregel.py::test_send[*]        every parametrization of a test
    tests/test_pregel.py::test_defer[memory]  one test

The first line says how many tests the list stands for, and on which Python it was made: a run there
that passes fewer has lost some even if each wildcard still holds.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_HEADER = re.compile(r"# (\d+) tests?, Python (\d+\.\d+)")
MOST_EXEMPT = 12
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Baseline:
    """One stored list: its patterns, how many tests they stood for, and on which Python."""

    patterns: frozenset[str] = frozenset()
    size: int = 0
    python: str = ""

    def __contains__(self, test: str) -> bool:
        return not self.patterns.isdisjoint((test, _any_parameters(test), _any_in_file(test)))

    def vanished(self, ids: Collection[str]) -> list[str]:
        """Patterns that stand for none of ``ids``."""
        alive = {p for test in ids for p in (test, _any_parameters(test), _any_in_file(test))}
        return sorted(self.patterns - alive)


def _any_in_file(test: str) -> str:
    return test.split("::", 1)[0] + "::*"


def _any_parameters(test: str) -> str:
    return test.split("[", 1)[0] + "[*]" if "[" in test else test


def path_of(name: str) -> Path:
    """Where the list called ``name`` is stored."""
    return FOLDER / f"{name}.txt"


def release_folder(release: str) -> str:
    """Where the lists of a LangGraph release are: a folder of its own, if there is one."""
    folder = f"releases/{release}/"
    return folder if (FOLDER / folder).is_dir() else ""


def load(name: str) -> Baseline | None:
    """The stored list called ``name``, or None if there is none yet."""
    path = path_of(name)
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    header = _HEADER.match(lines[0]) if lines else None
    if header is None:
        msg = f"{path.name} doesn't start with '# <n> tests, Python <version>'; run with --update"
        raise ValueError(msg)
    patterns = frozenset(line for line in lines[1:] if line and not line.startswith("#"))
    return Baseline(patterns, int(header[1]), header[2])


def private_machinery() -> frozenset[str]:
    """Tests, without their parameters, that spy on private names of LangGraph an engine doesn't call."""
    lines = path_of("private-machinery").read_text(encoding="utf-8").splitlines()
    tests = [line.split()[0] for line in lines if line and not line.startswith("#")]
    if len(tests) > MOST_EXEMPT:
        msg = f"private-machinery.txt lists {len(tests)} tests; {MOST_EXEMPT} at most are exempt"
        raise ValueError(msg)
    return frozenset(tests)


def store(name: str, ids: Collection[str], rest: Collection[str]) -> None:
    """Store ``ids`` as the list called ``name``; ``rest`` are the tests that mustn't match it."""
    lines = [f"# {len(ids)} tests, Python {PYTHON}", *collapse(ids, rest)]
    path_of(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def collapse(ids: Iterable[str], rest: Collection[str]) -> list[str]:
    """Shortest sorted list of patterns that stands for all of ``ids`` and none of ``rest``.

    >>> collapse(["a.py::t[1]", "a.py::t[2]", "b.py::u[1]", "c.py::v"], ["a.py::w", "b.py::u[2]"])
    ['a.py::t[*]', 'b.py::u[1]', 'c.py::*']
    """
    spoilt = {p for test in rest for p in (_any_parameters(test), _any_in_file(test))}
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in ids:
        by_file[_any_in_file(test)].append(test)
    patterns: set[str] = set()
    for file, members in by_file.items():
        if file not in spoilt:
            patterns.add(file)
            continue
        for test in members:
            wide = _any_parameters(test)
            patterns.add(test if wide in spoilt else wide)
    return sorted(patterns)
