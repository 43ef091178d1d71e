"""The comparison can fail: a trace altered in any one place is told from the original."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any

import pytest

from .compare import differences, report
from .corpus import STOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Recorded

KEY = ("error_in_parallel_task", "sync", "watched")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every leaf of a trace."""
    if isinstance(value, (dict, list)) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))
    else:
        yield path


def altered(trace: Any, path: tuple[Any, ...]) -> Any:
    """A copy of a trace with one leaf changed."""
    copied = copy.deepcopy(trace)
    parent = copied
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = "altered"
    return copied


def test_equal_traces_have_no_report(recorded: Recorded) -> None:
    trace = recorded(STOCK)[KEY]["trace"]
    assert report("same", trace, copy.deepcopy(trace)) is None


def test_a_trace_holds_every_kind_of_record(recorded: Recorded) -> None:
    trace = recorded(STOCK)[KEY]["trace"]
    for record in ("chunks", "error", "events", "warnings", "logs"):
        assert record in trace["steps"][0]
    assert trace["steps"][0]["error"]["frames"] == ["node"]
    if sys.version_info >= (3, 11):
        assert "During task with name 'b'" in trace["steps"][0]["error"]["notes"][0]
    for record in ("checkpoints", "writes", "blobs"):
        assert trace["saved"][record]


def test_a_change_anywhere_is_found(recorded: Recorded) -> None:
    trace = recorded(STOCK)[KEY]["trace"]
    paths = list(places(trace))
    assert len(paths) > 500
    for path in paths[:: max(1, len(paths) // 200)]:
        found = list(differences(trace, altered(trace, path)))
        assert len(found) == 1
        assert found[0].engine == "altered"


@pytest.mark.parametrize(
    ("stock", "engine", "path"),
    [
        ([1, 2], [1], "trace[1]"),
        ([1], [1, 2], "trace[1]"),
        ({"a": 1}, {}, "trace['a']"),
        ({}, {"a": 1}, "trace['a']"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "trace (order of keys)"),
        ({"a": [{"b": None}]}, {"a": [{"b": 0}]}, "trace['a'][0]['b']"),
        (1, True, "trace"),
        (1, 1.0, "trace"),
        ({"$tuple": []}, [], "trace"),
    ],
)
def test_first_difference_is_named(stock: Any, engine: Any, path: str) -> None:
    assert next(differences(stock, engine)).path == path


def test_report_names_the_run_the_place_and_both_values() -> None:
    message = report(
        "python-chain-sync-quiet", {"steps": [{"value": 1}]}, {"steps": [{"value": 2}]}
    )
    assert message is not None
    for part in ("python-chain-sync-quiet", "trace['steps'][0]['value']", "stock:  1", "engine: 2"):
        assert part in message
