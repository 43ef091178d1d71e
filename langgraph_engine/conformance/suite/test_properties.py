"""Properties level: what Hypothesis draws, the engine answers as its oracle does.

The ``python`` engine's oracle is stock LangGraph; every other engine's is the ``python`` engine.
"""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_engine.conformance.drawing import stories
from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.conformance.record import recorded, unrecorded
from langgraph_engine.conformance.replay import replay
from langgraph_engine.conformance.stock import StockEngine
from langgraph_engine.protocol import CHANNEL_KINDS, Engine

pytestmark = pytest.mark.level("properties")


def _declared(engine: Engine) -> Sequence[str]:
    return [kind for kind in CHANNEL_KINDS if f"channel:{kind}" in engine.capabilities]


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.needs(f"channel:{kind}")) for kind in CHANNEL_KINDS],
)
def test_answers_as_its_oracle(engine: Engine, kind: str, found: Path) -> None:
    reference = find_engine("python")
    # Stories come with the python engine's answers. That engine itself is compared with stock.
    oracle, listener = (StockEngine(), engine) if engine is reference else (reference, engine)

    @given(st.data())
    def agrees(data: st.DataObject) -> None:
        story = data.draw(stories(_declared(engine), kind))
        if oracle is not reference:
            story = recorded(unrecorded(story), oracle)
        try:
            replay(listener, story)
        except Exception:
            # Hypothesis ends with the smallest example, so that is the one that stays.
            found.mkdir(parents=True, exist_ok=True)
            kept = replace(story, name=f"found_with_{kind}")
            (found / f"{kept.name}.json").write_text(kept.dump(), encoding="utf-8")
            raise

    agrees()


@pytest.fixture
def found(request: pytest.FixtureRequest) -> Path:
    """Where the smallest failing examples go."""
    folder: Path = request.config.getoption("--conformance-found")
    return folder
