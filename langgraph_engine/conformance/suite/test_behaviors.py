"""Protocol level: the contract and its tests say the same."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import pytest

from langgraph_engine.conformance.behaviors import behaviors, unproven, unquotable
from langgraph_engine.conformance.report import claims_of
from langgraph_engine.conformance.scenario import Scenario
from langgraph_engine.conformance.suite import (
    test_execute,
    test_execute_in_threads,
    test_meeting,
    test_messages,
    test_protocol,
)

pytestmark = pytest.mark.level("protocol")


def _claims(scenarios: Sequence[Scenario]) -> list[str]:
    claims = [claim for scenario in scenarios for claim in scenario.behavior]
    of_contract = (
        test_protocol,
        test_execute,
        test_execute_in_threads,
        test_meeting,
        test_messages,
    )
    for name, test in chain.from_iterable(vars(module).items() for module in of_contract):
        if name.startswith("test_"):
            marks = getattr(test, "pytestmark", ())
            claims += claims_of(mark for mark in marks if mark.name == "behavior")
    return claims


def test_every_behavior_bullet_has_a_test(scenarios: Sequence[Scenario]) -> None:
    assert behaviors()
    missing = unproven(_claims(scenarios))
    assert not missing, "\n".join(["no test for:", *missing])


def test_every_claim_quotes_a_behavior_bullet(scenarios: Sequence[Scenario]) -> None:
    wrong = unquotable(_claims(scenarios))
    assert not wrong, "\n".join(["no such bullet:", *wrong])
