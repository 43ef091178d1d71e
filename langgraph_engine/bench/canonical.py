"""Compare answers from different processes: as plain data, without what differs from run to run.

Ids that are drawn at random (UUIDs, as LangChain gives messages) and addresses in memory say nothing about
whether two answers are equal; they are replaced by their kind.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["canonical", "differences", "digest"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]{6,}")


def canonical(value: Any) -> Any:
    """A value as data that JSON can carry; equal values give equal data.

    Example:
        >>> canonical({"id": "4a3ba421-5765-4d2f-9061-bbf8ca470cc2", "found": (1, 2)})
        {'id': '<uuid>', 'found': [1, 2]}
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _masked(value)
    if isinstance(value, Mapping):
        return {_masked(str(key)): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((canonical(item) for item in value), key=repr)
    if hasattr(value, "model_dump"):
        return {"class": type(value).__name__, **canonical(value.model_dump())}
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__, **canonical(fields)}
    return _masked(repr(value))


def _masked(text: str) -> str:
    return _ADDRESS.sub("<address>", _UUID.sub("<uuid>", text))


def digest(value: Any) -> str:
    """Short hash of an answer. The order of a list of chunks doesn't count: parallel nodes end in any."""
    plain = canonical(value)
    if isinstance(plain, list):
        plain = sorted(map(_text, plain))
    return hashlib.sha256(_text(plain).encode()).hexdigest()[:16]


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)


def differences(
    here: Any, there: Any, names: tuple[str, str], where: str = "the result"
) -> Iterator[str]:
    """Where two canonical values differ, a sentence each.

    Example:
        >>> list(differences({"n": 1, "m": [1]}, {"n": 2, "m": [1]}, ("stock", "rust")))
        ["the result's n is 1 on stock and 2 on rust"]
    """
    if here == there and type(here) is type(there):
        return
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(here.keys() | there.keys()):
            part = f"{where}.{key}" if "'s " in where else f"{where}'s {key}"
            if key in here and key in there:
                yield from differences(here[key], there[key], names, part)
            else:
                yield f"{part} is there on {names[key in there]} only"
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for i, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from differences(one, other, names, f"{where}[{i}]")
    else:
        yield f"{where} is {_short(here)} on {names[0]} and {_short(there)} on {names[1]}"


def _short(plain: Any) -> str:
    text = _text(plain)
    return text if len(text) <= 80 else f"{text[:77]}..."
