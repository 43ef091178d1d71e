"""The scenario files are right: stock LangGraph says so."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from langgraph_engine.conformance.record import recorded, unrecorded
from langgraph_engine.conformance.replay import Mismatch, Teller, replay
from langgraph_engine.conformance.scenario import default_scenarios
from langgraph_engine.conformance.stock import StockEngine
from langgraph_engine.conformance.vocabulary import CUSTOM, REDUCERS
from langgraph_engine.protocol import CHANNEL_KINDS, REJECTIONS


def _shows_a_refusal(scenario):
    return any("refused" in (step.get("expect") or {}) for step in scenario.steps)


def test_stock_langgraph_answers_as_the_scenario_says(scenario):
    if _shows_a_refusal(scenario):
        # Stock checks nothing when it makes channels and nodes; there is nothing to compare with.
        assert [step["do"] for step in scenario.steps] == ["compile"]
        return
    replay(StockEngine(), scenario)


def test_a_scenario_is_written_the_one_way(scenario):
    text = (default_scenarios() / f"{scenario.name}.json").read_text("utf-8")
    assert scenario.dump() == text


def test_every_step_that_answers_says_what_is_expected(scenario):
    silent = {"compile", "restore", "see"}
    for step in scenario.steps:
        assert "expect" in step or step["do"] in silent, step


def test_recording_a_scenario_gives_it_back(scenario, python_engine):
    if not _shows_a_refusal(scenario):
        assert recorded(unrecorded(scenario), python_engine) == scenario


def test_each_kind_reducer_custom_channel_and_rejection_is_in_a_scenario(scenarios):
    channels = [channel for s in scenarios.values() for channel in s.graph["channels"]]
    assert {channel["kind"] for channel in channels} >= set(CHANNEL_KINDS)
    assert {channel.get("reducer") for channel in channels} >= set(REDUCERS)
    assert {channel.get("custom") for channel in channels} >= set(CUSTOM)
    answers = [step.get("expect") or {} for s in scenarios.values() for step in s.steps]
    rejections = {answer["rejected"]["reason"] for answer in answers if "rejected" in answer}
    assert rejections == set(REJECTIONS)


def test_the_readme_lists_the_whole_vocabulary(scenarios):
    readme = (default_scenarios() / "README.md").read_text("utf-8")
    steps = {step["do"] for scenario in scenarios.values() for step in scenario.steps}
    assert steps
    for word in (*steps, *REDUCERS, *CUSTOM):
        assert re.search(rf"^\| `{word}` \|", readme, re.MULTILINE), word


@pytest.mark.parametrize("changed", ["updated", "value", "order"])
def test_replay_notices_a_wrong_answer(scenarios, python_engine, changed):
    scenario = scenarios["read_several_names_gives_a_dict_without_the_empty"]
    index = {"updated": 3, "value": 4, "order": 4}[changed]
    step = dict(scenario.steps[index])
    if changed == "updated":
        step["expect"] = {**step["expect"], "updated": []}
    elif changed == "value":
        step["expect"] = {"value": {**step["expect"]["value"], "a": True}}
    else:
        step["expect"] = {"value": dict(reversed(step["expect"]["value"].items()))}
    steps = [*scenario.steps[:index], step]
    with pytest.raises(Mismatch, match=f"step {index}"):
        replay(python_engine, replace(scenario, steps=steps))


def test_a_step_is_told_only_after_a_restore(python_engine):
    with pytest.raises(AssertionError, match="restores before"):
        Teller(python_engine, {"channels": [], "nodes": [], "trigger_to_nodes": {}}).run  # noqa: B018
