"""Scenario values: JSON, with forms for what JSON lacks.

``tests/scenarios/README.md`` lists the forms. Encoding also makes comparisons strict: ``True`` is not
``1``, a tuple is not a list, and a set has no order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from langgraph.types import Overwrite, Send

from langgraph_engine import upstream
from langgraph_engine.conformance.vocabulary import ScenarioChannel

__all__ = ["Json", "decode", "encode", "same", "text"]

Json: TypeAlias = Any
"""What ``json.loads`` gives."""


def decode(form: Json) -> Any:
    """Turn a scenario's value into the object it stands for.

    >>> decode({"a": {"$tuple": [1, {"$set": ["x"]}]}})
    {'a': (1, {'x'})}
    """
    if isinstance(form, list):
        return [decode(item) for item in form]
    if not isinstance(form, dict):
        return form
    if len(form) != 1 or not (kind := next(iter(form))).startswith("$"):
        return {key: decode(value) for key, value in form.items()}
    content = form[kind]
    if kind == "$missing":
        return upstream.MISSING
    if kind == "$send":
        return Send(content["node"], decode(content["arg"]))
    if kind == "$overwrite":
        return Overwrite(decode(content))
    if kind == "$set":
        return {decode(item) for item in content}
    if kind == "$tuple":
        return tuple(decode(item) for item in content)
    raise ValueError(f"unknown form '{kind}' in a scenario")


def encode(value: Any) -> Json:
    """Turn an object an engine answered into a scenario's value.

    What has no form becomes ``{"$unknown": repr}``, which equals nothing a scenario expects.

    >>> encode([1, {"b", "a"}, (2.0,)])
    [1, {'$set': ['a', 'b']}, {'$tuple': [2.0]}]
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if value is upstream.MISSING:
        return {"$missing": True}
    if type(value) is list:
        return [encode(item) for item in value]
    if type(value) is tuple:
        return {"$tuple": [encode(item) for item in value]}
    if type(value) is set:
        return {"$set": sorted((encode(item) for item in value), key=text)}
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, Send):
        return {"$send": {"node": value.node, "arg": encode(value.arg)}}
    if isinstance(value, Overwrite):
        return {"$overwrite": encode(value.value)}
    if isinstance(value, ScenarioChannel):
        return {"$channel": encode(value.checkpoint())}
    return {"$unknown": repr(value)}


def text(form: Json) -> str:
    """The one text of a value: equal texts, equal values."""
    return json.dumps(form, sort_keys=True)


def same(expected: Json, actual: Json, *, ordered: bool = False) -> bool:
    """Whether two encoded values are the same.

    Args:
        expected: What a scenario says.
        actual: What an engine answered.
        ordered: Compare the order of keys too, at the top and one level below.
    """
    if text(expected) != text(actual):
        return False
    return not ordered or _orders(expected) == _orders(actual)


def _orders(form: Json) -> list[Any]:
    if not isinstance(form, Mapping):
        return []
    channel_values = form.get("channel_values")
    inner = list(channel_values) if isinstance(channel_values, Mapping) else []
    return [list(form), inner]
