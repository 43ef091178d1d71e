"""Protocol level: every scenario, told to the engine."""

from __future__ import annotations

import pytest

from langgraph_engine.conformance.replay import replay
from langgraph_engine.conformance.scenario import Scenario
from langgraph_engine.protocol import Engine

pytestmark = pytest.mark.level("protocol")


def test_answers_as_the_scenario_says(engine: Engine, scenario: Scenario) -> None:
    """The scenario's bullets are its marks."""
    replay(engine, scenario)
