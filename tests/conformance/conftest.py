"""Fixtures for testing the conformance suite: engines that are wrong, and the suite's command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.conformance.profiles import keep_files_in
from langgraph_engine.conformance.scenario import Scenario, default_scenarios, load_scenarios
from langgraph_engine.protocol import Engine

ENGINES = Path(__file__).with_name("engines")
sys.path.insert(0, str(ENGINES))


@pytest.fixture(scope="session", autouse=True)
def no_files_here(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hypothesis keeps its files out of the project."""
    keep_files_in(tmp_path_factory.mktemp("hypothesis"))


class Outcome(NamedTuple):
    """What a run of the suite came to."""

    code: int
    output: str
    report: dict[str, Any]


class RunSuite(Protocol):
    """Runs ``python -m langgraph_engine.conformance`` in a process of its own."""

    def __call__(self, *arguments: str) -> Outcome: ...


@pytest.fixture
def run_suite(tmp_path: Path) -> RunSuite:
    def run(*arguments: str) -> Outcome:
        written = tmp_path / "conformance.json"
        paths = [str(ENGINES), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-m", "langgraph_engine.conformance", "--json", written, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        report = json.loads(written.read_text("utf-8")) if written.exists() else {}
        return Outcome(done.returncode, done.stdout + done.stderr, report)

    return run


@pytest.fixture(scope="session")
def python_engine() -> Engine:
    return find_engine("python")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "scenario" in metafunc.fixturenames:
        scenarios = load_scenarios(default_scenarios())
        metafunc.parametrize("scenario", scenarios, ids=[scenario.name for scenario in scenarios])


@pytest.fixture(scope="session")
def scenarios() -> dict[str, Scenario]:
    return {scenario.name: scenario for scenario in load_scenarios(default_scenarios())}
