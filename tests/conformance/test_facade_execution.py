"""What the facade does for engines that don't run supersteps themselves is what the contract says of those that do."""

from __future__ import annotations

import pytest

from langgraph_engine import registry

WITHOUT = sorted(
    info.name
    for info in registry.available()
    if info.name != "langgraph" and "execute" not in registry.load(info.name).capabilities
)


def test_some_engines_leave_it_to_the_facade():
    assert "python" in WITHOUT


@pytest.mark.parametrize("engine", WITHOUT)
def test_the_facade_runs_supersteps_as_the_contract_says(run_suite, engine):
    outcome = run_suite("--engine", f"engines_the_facade_executes:{engine}")
    assert outcome.code == 0, outcome.output
    assert outcome.report["failures"] == []
    assert set(outcome.report["gaps"]) <= {
        "registered",
        "commit_and_plan",
        "messages",
    }
    verdicts = outcome.report["behaviors"]
    bullet = "go: A superstep whose only task is of a node with a call is run, then the next."
    assert verdicts[bullet]["verdict"] == "passed"
