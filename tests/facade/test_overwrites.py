"""Which keys LangGraph takes a dict for an ``Overwrite`` by is found out by asking it."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.types import Overwrite

from langgraph_engine import upstream
from langgraph_engine.overwrites import keys_of_overwrites

Told = tuple[bool, Any]


def test_they_are_the_keys_of_every_form_there_is() -> None:
    keys = keys_of_overwrites(upstream.get_overwrite)
    assert keys is not None
    forms: list[dict[str, Any]] = [
        {"__overwrite__": 1},
        {"type": "__overwrite__", "value": 1},
    ]
    for form in forms:
        assert upstream.get_overwrite(form)[0]
        assert not keys.isdisjoint(form)
    assert keys.isdisjoint({"plain": 1, "value": 2})


def test_a_key_that_counts_among_several_is_found() -> None:
    def get_overwrite(value: Any) -> Told:
        return len(value) == 4 and "four" in value, None

    assert keys_of_overwrites(get_overwrite) == {"four"}


def _by_all_its_keys(value: Any) -> Told:
    return set(value) == {"overwrite"}, None


def _by_its_items(value: Any) -> Told:
    return [*value.items()] == [("overwrite", True)], None


def _by_a_key_that_must_be_there(value: Any) -> Told:
    return value["kind"] == "overwrite", None


def _by_what_it_equals(value: Any) -> Told:
    return value == {"overwrite": 1}, None


def _by_a_key_that_is_no_text(value: Any) -> Told:
    return Overwrite in value, None


def _every_dict(_: Any) -> Told:
    return True, None


@pytest.mark.parametrize(
    "get_overwrite",
    [
        _by_all_its_keys,
        _by_its_items,
        _by_a_key_that_must_be_there,
        _by_what_it_equals,
        _by_a_key_that_is_no_text,
        _every_dict,
    ],
)
def test_where_it_looks_otherwise_every_dict_may_be_one(get_overwrite: Any) -> None:
    assert keys_of_overwrites(get_overwrite) is None
