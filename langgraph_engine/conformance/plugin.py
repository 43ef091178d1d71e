"""The pytest side: an ``engine`` fixture, gaps, and the report.

    pytest -p langgraph_engine.conformance.plugin --conformance-engine NAME my_tests

A test takes ``engine`` and never names one. ``@pytest.mark.needs("channel:topic")`` names what an engine
must declare for it; on an engine that doesn't, the test is a gap: neither passed nor skipped, but
counted and listed.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.conformance.profiles import PROFILES, keep_files_in, load_profile
from langgraph_engine.conformance.report import Report, claims_of
from langgraph_engine.conformance.scenario import (
    Scenario,
    default_scenarios,
    load_scenarios,
    needed_capabilities,
)
from langgraph_engine.protocol import Engine

__all__ = ["ENGINE", "SCENARIOS", "require"]

ENGINE: Final = pytest.StashKey[Engine]()
SCENARIOS: Final = pytest.StashKey[list[Scenario]]()
_REPORT: Final = pytest.StashKey[Report]()
_GAP: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; ``python -m langgraph_engine.conformance`` has shorter names for them."""
    group = parser.getgroup("conformance", "langgraph_engine conformance")
    group.addoption(
        "--conformance-engine",
        default="python",
        metavar="NAME",
        help="the engine to test: a registered name, or module:attribute",
    )
    group.addoption(
        "--conformance-scenarios",
        type=Path,
        default=None,
        metavar="DIR",
        help="where the scenario files are (default: those of this package)",
    )
    group.addoption(
        "--conformance-json",
        type=Path,
        default=None,
        metavar="FILE",
        help="write the results here as JSON",
    )
    group.addoption(
        "--conformance-profile",
        choices=sorted(PROFILES),
        default="quick",
        help="how long the property tests search",
    )
    group.addoption(
        "--conformance-found",
        type=Path,
        default=Path("conformance-found"),
        metavar="DIR",
        help="where a property test's smallest failing example is written, as a scenario",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Find the engine and the scenarios, and start the report."""
    config.addinivalue_line("markers", "behavior(*bullets): the Behavior bullets a test proves")
    config.addinivalue_line("markers", "level(name): protocol, properties or application")
    config.addinivalue_line("markers", "needs(*capabilities): what an engine must declare for it")
    files = TemporaryDirectory(prefix="conformance-")
    config.add_cleanup(files.cleanup)
    keep_files_in(Path(files.name))
    load_profile(config.getoption("--conformance-profile"))
    config.stash[ENGINE] = engine = find_engine(config.getoption("--conformance-engine"))
    folder = config.getoption("--conformance-scenarios") or default_scenarios()
    config.stash[SCENARIOS] = load_scenarios(folder)
    config.stash[_REPORT] = Report(engine, config.getoption("--conformance-profile"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``scenario`` once for each of them."""
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize(
            "scenario",
            [
                pytest.param(
                    scenario,
                    id=scenario.name,
                    marks=[
                        pytest.mark.behavior(*scenario.behavior),
                        pytest.mark.needs(*_needs(scenario)),
                    ],
                )
                for scenario in metafunc.config.stash[SCENARIOS]
            ],
        )


def _needs(scenario: Scenario) -> list[str]:
    """What the scenario needs; nothing if it shows that its graph is refused."""
    refused = any("refused" in (step.get("expect") or {}) for step in scenario.steps)
    return [] if refused else needed_capabilities(scenario.graph)


def require(item: pytest.Item, capabilities: Collection[str]) -> None:
    """Make the test a gap if the engine lacks one of the capabilities."""
    missing = sorted(set(capabilities) - item.config.stash[ENGINE].capabilities)
    if missing:
        item.stash[_GAP] = missing
        pytest.skip(f"gap: the engine doesn't declare {', '.join(missing)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check what the test needs before anything is set up for it."""
    require(item, [name for mark in item.iter_markers("needs") for name in mark.args])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Tell a gap from an ordinary skip, and note the outcome."""
    report = yield
    report.gap = item.stash.get(_GAP, None)
    if report.when == "call" or report.outcome != "passed":
        levels = [mark.args[0] for mark in item.iter_markers("level")]
        item.config.stash[_REPORT].note(
            test=item.nodeid.rpartition("/")[2],
            level=levels[0] if levels else "other",
            claims=claims_of(item.iter_markers("behavior")),
            outcome="gap" if report.gap else report.outcome,
            missing=report.gap or (),
        )
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Show a gap as a gap."""
    if getattr(report, "gap", None) and report.skipped:
        return "gap", "g", "GAP"
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the verdict and the gaps."""
    report = config.stash[_REPORT]
    terminalreporter.section("conformance")
    for line in report.lines():
        terminalreporter.line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the JSON, if asked to."""
    path = session.config.getoption("--conformance-json")
    if path is not None:
        path.write_text(session.config.stash[_REPORT].json(), encoding="utf-8")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine under test."""
    return request.config.stash[ENGINE]


@pytest.fixture(scope="session")
def scenarios(request: pytest.FixtureRequest) -> list[Scenario]:
    """Every scenario."""
    return request.config.stash[SCENARIOS]
