"""The suite's own parts: bullets, values, the command line."""

from __future__ import annotations

import doctest
import math
from pathlib import Path

import pytest
from langgraph.types import Overwrite, Send

from langgraph_engine import execute, meeting, message_reducer, protocol, upstream
from langgraph_engine.conformance import __main__ as command
from langgraph_engine.conformance import behaviors as behaviors_module
from langgraph_engine.conformance import record, scenario, values
from langgraph_engine.conformance.behaviors import (
    behaviors,
    behaviors_of,
    unproven,
    unquotable,
)
from langgraph_engine.conformance.drawing import stories
from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.conformance.profiles import PROFILES
from langgraph_engine.conformance.scenario import Scenario, load_scenarios
from langgraph_engine.conformance.values import decode, encode, same

EMPTY = {"channels": [], "nodes": [], "trigger_to_nodes": {}}


def test_the_bullets_are_those_of_the_contract():
    found = behaviors()
    contracts = (protocol, execute, meeting, message_reducer)
    text = "".join(Path(str(module.__file__)).read_text() for module in contracts)
    counted = 0
    for part in text.split("Behavior:\n")[1:]:
        for line in part.splitlines():
            if not line.strip() or not line.startswith("            "):
                break
            counted += line.strip().startswith("- ")
    assert len(found) == counted > 30
    assert len(set(found)) == len(found)
    assert "commit: Two writes to one last_value channel are refused." in found


def test_a_bullet_without_a_test_is_named(scenarios):
    claims = [claim for s in scenarios.values() for claim in s.behavior]
    lost = "push: Its only trigger is PUSH."
    assert lost in claims
    assert lost in unproven(claim for claim in claims if claim != lost)


def test_a_claim_that_quotes_no_bullet_is_named():
    assert unquotable(["push: It sings.", "push: Its only trigger is PUSH."]) == ["push: It sings."]


def test_a_method_without_bullets_has_none():
    assert behaviors_of(Scenario) == []


def test_the_suite_fails_when_a_bullet_has_no_test(run_suite, scenarios, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    kept = scenarios["push_triggers_are_push_alone"]
    (few / f"{kept.name}.json").write_text(kept.dump(), encoding="utf-8")
    outcome = run_suite("--scenarios", str(few), "-k", "behavior_bullet")
    assert outcome.code == 1
    assert "plan: Without updated every node is considered" in outcome.output
    assert [name.split("::")[1] for name in outcome.report["failures"]] == [
        "test_every_behavior_bullet_has_a_test"
    ]


def test_a_scenario_that_quotes_no_bullet_fails_the_suite(run_suite, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    wrong = Scenario("wrong", "", ("push: It sings.",), EMPTY, ())
    (few / "wrong.json").write_text(wrong.dump(), encoding="utf-8")
    outcome = run_suite("--scenarios", str(few), "-k", "every_claim")
    assert outcome.code == 1
    assert "push: It sings." in outcome.output


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        1.0,
        "ü",
        [1, [2]],
        {"a": {"b": []}},
        {"x", "y"},
        (1, ("a", [2])),
        Send("n", {"a": (1,)}),
        Overwrite([1]),
        upstream.MISSING,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_survives_encoding(value):
    again = decode(encode(value))
    assert type(again) is type(value)
    assert again == value


def test_what_has_no_form_equals_nothing_expected():
    assert encode(object)["$unknown"]
    assert encode({1: 2})["$unknown"]
    assert encode(frozenset("a"))["$unknown"]
    with pytest.raises(ValueError, match=r"\$fog"):
        decode({"$fog": 1})


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ([1], {"$tuple": [1]}), (0, None)])
def test_values_that_python_takes_for_equal_are_not_the_same(one, other):
    assert not same(one, other)
    assert same(one, one)


def test_the_order_of_keys_counts_only_where_asked():
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert same(one, other)
    assert not same(one, other, ordered=True)
    assert not same({"channel_values": one}, {"channel_values": other}, ordered=True)
    assert same({"versions_seen": one}, {"versions_seen": other}, ordered=True)


def test_an_engine_can_be_named_by_module():
    assert find_engine("toy_engine_with_gaps:ToyEngine").name == "toy"
    with pytest.raises(TypeError, match="is not an engine"):
        find_engine("math:pi")
    assert math.pi


def test_an_engine_that_is_not_there_ends_the_command(run_suite):
    outcome = run_suite("--engine", "fog")
    assert outcome.code == 2
    assert "fog" in outcome.output
    assert "Traceback" not in outcome.output


def test_a_folder_without_scenarios_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no scenarios"):
        load_scenarios(tmp_path)
    (tmp_path / "a.json").write_text(Scenario("b", "", (), EMPTY).dump(), encoding="utf-8")
    with pytest.raises(ValueError, match="calls itself 'b'"):
        load_scenarios(tmp_path)


def test_recording_fills_in_a_file(tmp_path):
    graph = {**EMPTY, "channels": [{"name": "x", "kind": "last_value"}]}
    steps = ({"do": "restore"}, {"do": "read", "keys": "x"})
    path = tmp_path / "new.json"
    path.write_text(Scenario("new", "", (), graph, steps).dump(), encoding="utf-8")
    assert record.main([str(path)]) == 0
    assert Scenario.load(path).steps[1]["expect"] == {"value": None}


def test_drawn_stories_are_scenarios(python_engine):
    from hypothesis import given, settings

    from langgraph_engine.conformance.replay import replay

    seen = []

    @settings(max_examples=20, derandomize=True, database=None, deadline=None)
    @given(stories(["last_value", "topic"], "topic"))
    def tell(story):
        seen.append({channel["kind"] for channel in story.graph["channels"]})
        replay(python_engine, story)

    tell()
    assert all("topic" in kinds for kinds in seen)
    assert set().union(*seen) == {"last_value", "topic"}


def test_the_profiles_differ_in_length():
    assert PROFILES["quick"].max_examples < PROFILES["long"].max_examples
    assert PROFILES["quick"].derandomize


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_can_be_chosen(profile):
    arguments = command.pytest_arguments(command.options(["--profile", profile])[0], ["-x"])
    assert f"--conformance-profile={profile}" in arguments
    assert arguments[-1] == "-x"


@pytest.mark.parametrize("module", [behaviors_module, scenario, values], ids=lambda m: m.__name__)
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
