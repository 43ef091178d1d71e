"""An engine with something wrong is caught, and named by the scenario that caught it."""

from __future__ import annotations

import pytest
from broken_engines import BREAKAGES, BrokenEngine

from langgraph_engine.conformance.replay import Mismatch, replay
from langgraph_engine.conformance.scenario import Scenario, load_scenarios

CAUGHT = (Mismatch, RuntimeError, NotImplementedError)


@pytest.mark.parametrize("broken", BREAKAGES, ids=lambda broken: broken.__name__)
def test_a_scenario_catches_it(broken, scenarios):
    with pytest.raises(CAUGHT):
        replay(broken(), scenarios[BREAKAGES[broken]])


def test_the_wrapping_itself_breaks_nothing(scenario):
    replay(BrokenEngine(), scenario)


def test_the_suite_fails_and_says_which_bullet(run_suite):
    outcome = run_suite("--engine", "broken_engines:CommitsInArrivalOrder", "-k", "scenarios")
    assert outcome.code == 1
    bullet = "commit: Writes apply in task-path order, whatever order they arrive in."
    assert outcome.report["behaviors"][bullet]["verdict"] == "failed"
    assert any("task_path_order" in name for name in outcome.report["failures"])
    assert " failed, " in outcome.output.split("Behavior bullets:")[1].splitlines()[0]


def test_a_capability_declared_but_not_there_is_a_failure(run_suite):
    outcome = run_suite("--engine", "broken_engines:DeclaresMoreThanItHas", "-k", "scenarios")
    assert outcome.code == 1
    assert outcome.report["gaps"] == {}
    assert outcome.report["levels"]["protocol"]["failed"] > 5


def test_looking_into_values_is_caught(run_suite):
    outcome = run_suite("--engine", "broken_engines:LooksIntoValues", "-k", "looked_into")
    assert outcome.code == 1


def test_what_a_property_test_finds_becomes_a_scenario(run_suite, tmp_path, python_engine):
    outcome = run_suite(
        "--engine",
        "broken_engines:KeepsEphemeralValues",
        "--found",
        str(tmp_path / "found"),
        "-k",
        "test_answers_as_its_oracle and ephemeral",
    )
    assert outcome.code == 1
    (found,) = load_scenarios(tmp_path / "found")
    assert isinstance(found, Scenario)
    assert len(found.graph["channels"]) == 1
    replay(python_engine, found)
    from broken_engines import KeepsEphemeralValues

    with pytest.raises(Mismatch):
        replay(KeepsEphemeralValues(), found)
