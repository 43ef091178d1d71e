"""Finds where two traces part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One place where the engine's trace isn't stock's."""

    path: str
    stock: Any
    engine: Any

    def __str__(self) -> str:
        return (
            f"at {self.path}\n    stock:  {_shown(self.stock)}\n    engine: {_shown(self.engine)}"
        )


def differences(stock: Any, engine: Any, path: str = "trace") -> Iterator[Difference]:
    """Every place where two traces differ, first ones first.

    Behavior:
        - Equal means the same type and value: `1`, `1.0` and `True` are three things.
        - The order of keys counts.
        - Where lists are of different length, their common part is compared first.
    """
    if type(stock) is not type(engine):
        yield Difference(path, stock, engine)
    elif isinstance(stock, dict):
        for key in stock:
            yield from differences(stock[key], engine.get(key, _MISSING), f"{path}[{key!r}]")
        for key in engine:
            if key not in stock:
                yield Difference(f"{path}[{key!r}]", _MISSING, engine[key])
        if stock.keys() == engine.keys() and list(stock) != list(engine):
            yield Difference(f"{path} (order of keys)", list(stock), list(engine))
    elif isinstance(stock, list):
        for index in range(max(len(stock), len(engine))):
            left = stock[index] if index < len(stock) else _MISSING
            right = engine[index] if index < len(engine) else _MISSING
            yield from differences(left, right, f"{path}[{index}]")
    elif stock is not engine and stock != engine:
        yield Difference(path, stock, engine)


def report(what: str, stock: Any, engine: Any, at_most: int = 5) -> str | None:
    """A message that says what differs and where, or `None` if nothing does."""
    found = list(differences(stock, engine))
    if not found:
        return None
    lines = [f"{what}: {len(found)} difference(s); the first ones:"]
    lines += [f"  {difference}" for difference in found[:at_most]]
    return "\n".join(lines)


def _shown(value: Any, at_most: int = 600) -> str:
    if value is _MISSING:
        return "(nothing there)"
    text = repr(value)
    return text if len(text) <= at_most else f"{text[:at_most]}... ({len(text)} characters)"
