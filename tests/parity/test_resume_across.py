"""A thread begun on stock goes on on an engine, and the other way round, as if nothing had changed.

Stock and the engine take turns at every step of an app, sharing its saver. Not only the final state
has to be that of stock alone: every chunk, checkpoint and pending write has to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .compare import report
from .conftest import HANDED_OVER
from .corpus import STOCK, engine_names
from .test_apps import trace_of

if TYPE_CHECKING:
    from .conftest import Case, Recorded


def test_taking_turns_changes_nothing(turns_case: Case, recorded: Recorded) -> None:
    stock = trace_of(recorded(STOCK)[turns_case.key])
    mixed = trace_of(recorded(turns_case.engines, HANDED_OVER)[turns_case.key])
    message = report(str(turns_case), stock, mixed)
    if message is not None:
        pytest.fail(message, pytrace=False)


@pytest.mark.parametrize("engine", engine_names())
def test_both_take_part(engine: str, recorded: Recorded) -> None:
    """The turns are real: the engine has some of the runs, and fewer than it has alone."""
    alone, mixed = recorded(engine), recorded(f"{STOCK}>{engine}", HANDED_OVER)
    counts = []
    for records in (alone, mixed):
        runs = 0
        for key, record in records.items():
            if key[0] in HANDED_OVER and "trace" in record:
                runs += record["after"]["native"].get(engine, 0)
                runs -= record["before"]["native"].get(engine, 0)
        counts.append(runs)
    assert 0 < counts[1] < counts[0]
