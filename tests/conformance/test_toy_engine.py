"""An engine with fewer capabilities passes what it declares; the rest is reported as gaps."""

from __future__ import annotations

from toy_engine_with_gaps import ToyEngine

from langgraph_engine.conformance.scenario import needed_capabilities
from langgraph_engine.protocol import CHANNEL_KINDS


def test_it_passes_with_gaps(run_suite, scenarios):
    outcome = run_suite("--engine", "toy_engine_with_gaps:ToyEngine")
    assert outcome.code == 0, outcome.output
    undeclared = {f"channel:{kind}" for kind in CHANNEL_KINDS} - ToyEngine.capabilities
    assert set(outcome.report["gaps"]) == undeclared | {
        "registered",
        "commit_and_plan",
        "execute",
        "messages",
    }
    assert outcome.report["failures"] == []
    for capability in undeclared:
        # Every scenario and property that needs it is there by name.
        tests = outcome.report["gaps"][capability]
        wanting = [
            name
            for name, scenario in scenarios.items()
            if capability in needed_capabilities(scenario.graph)
            and not name.startswith("compile_r")
        ]
        assert all(any(f"[{name}]" in test for test in tests) for name in wanting)
        assert f"gap: {capability} is not declared" in outcome.output
    levels = outcome.report["levels"]
    assert "skipped" not in levels["protocol"] | levels["properties"] | levels["application"]
    assert levels["properties"] == {"gap": 8, "passed": 3}
    assert levels["application"] == {"gap": 8}
    assert f"{sum(level['gap'] for level in levels.values())} gap" in outcome.output

    bullet = "state: A custom channel gives the live channel object."
    assert outcome.report["behaviors"][bullet] == {"verdict": "gap", "gap": 2}
