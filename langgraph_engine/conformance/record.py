"""Fills in what a scenario's steps must answer, by asking an engine.

    python -m langgraph_engine.conformance.record tests/scenarios/new_one.json

A person then reads the answers: the file is the claim, not the engine.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.conformance.replay import Teller
from langgraph_engine.conformance.scenario import Scenario
from langgraph_engine.protocol import Engine

__all__ = ["main", "recorded", "unrecorded"]


def recorded(scenario: Scenario, engine: Engine) -> Scenario:
    """The scenario with ``engine``'s answers in the steps that have none yet."""
    teller = Teller(engine, scenario.graph)
    steps = []
    for step in scenario.steps:
        answer = teller.tell(step)
        steps.append(
            {**step, "expect": answer} if answer is not None and "expect" not in step else step
        )
    return replace(scenario, steps=tuple(steps))


def unrecorded(scenario: Scenario) -> Scenario:
    """The scenario without its answers."""
    steps = (
        {key: value for key, value in step.items() if key != "expect"} for step in scenario.steps
    )
    return replace(scenario, steps=tuple(steps))


def main(arguments: Sequence[str] | None = None) -> int:
    """Record each file named on the command line, in place."""
    parser = argparse.ArgumentParser(prog="python -m langgraph_engine.conformance.record")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--engine", default="python", help="whose answers to write down")
    options = parser.parse_args(arguments)
    engine = find_engine(options.engine)
    for path in options.files:
        path.write_text(recorded(Scenario.load(path), engine).dump(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
