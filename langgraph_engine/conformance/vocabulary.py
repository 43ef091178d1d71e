"""The reducers and custom channels scenarios name.

A scenario is data, so what it would otherwise need code for comes from this fixed list, which every
host that reads scenarios implements. ``tests/scenarios/README.md`` is its specification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langgraph.channels.base import BaseChannel
from langgraph.errors import EmptyChannelError
from langgraph.types import Overwrite

from langgraph_engine import upstream

__all__ = ["CUSTOM", "REDUCERS", "Counter", "Log", "Reducer", "ReducerFailed", "ScenarioChannel"]

_MISSING = upstream.MISSING


class ReducerFailed(Exception):  # noqa: N818 - stands for any exception of a user's reducer
    """What the scenarios' reducers raise; an engine passes it through untouched."""


class Unmakeable:
    """A type that has no empty value, so a channel of it starts empty."""

    def __init__(self) -> None:
        raise TypeError("this type has no empty value")


@dataclass(frozen=True)
class Reducer:
    """A ``fold`` of the protocol, made of a binary operator.

    Attributes:
        name: What scenarios call it.
        typ: Its empty value is what a fresh channel starts with; ``Unmakeable`` for none.
        operator: Combines two values.
    """

    name: str
    typ: type
    operator: Callable[[Any, Any], Any]

    def initial(self) -> Any:
        """The value a fresh channel starts with, or missing."""
        return _MISSING if self.typ is Unmakeable else self.typ()

    def __call__(self, base: Any, values: Sequence[Any]) -> Any:
        """Fold ``values`` into ``base``."""
        rest = list(values)
        value = rest.pop(0) if base is _MISSING else base
        overwritten = False
        for item in rest:
            if isinstance(item, Overwrite):
                if overwritten:
                    raise ReducerFailed("two overwrites in one superstep")
                value, overwritten = item.value, True
            elif not overwritten:
                value = self.operator(value, item)
        return value


def _combining(combine: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """``combine``, failing as a user's reducer would on values it can't combine."""

    def operator(a: Any, b: Any) -> Any:
        try:
            return combine(a, b)
        except TypeError as error:
            raise ReducerFailed(str(error)) from error

    return operator


def _fail(a: Any, b: Any) -> Any:
    raise ReducerFailed(f"told to fail on {a!r} and {b!r}")


_add = _combining(lambda a, b: a + b)
_max = _combining(max)

REDUCERS: Final[dict[str, Reducer]] = {
    reducer.name: reducer
    for reducer in (
        Reducer("int_add", int, _add),
        Reducer("int_max", Unmakeable, _max),
        Reducer("list_concat", list, _add),
        Reducer("str_concat", str, _add),
        Reducer("fail", int, _fail),
    )
}
"""Every reducer a scenario may name."""


class ScenarioChannel(BaseChannel[Any, Any, Any]):
    """What the scenarios' custom channels share: a LangGraph channel written by a user."""

    __slots__ = ()

    @property
    def ValueType(self) -> Any:  # noqa: N802 - LangGraph's name
        """Anything."""
        return Any

    @property
    def UpdateType(self) -> Any:  # noqa: N802 - LangGraph's name
        """Anything."""
        return Any


class Counter(ScenarioChannel):
    """Adds up the integers written to it; empty while that is 0."""

    __slots__ = ("total",)

    def __init__(self, total: int = 0) -> None:
        super().__init__(int)
        self.total = total

    def from_checkpoint(self, checkpoint: Any) -> Counter:
        """A counter that starts at ``checkpoint``."""
        made = Counter(0 if checkpoint is _MISSING else checkpoint)
        made.key = self.key
        return made

    def checkpoint(self) -> Any:
        """The total, or missing when 0."""
        return self.total if self.total else _MISSING

    def copy(self) -> Counter:
        """A counter with the same total."""
        return self.from_checkpoint(self.total)

    def get(self) -> int:
        """The total."""
        if not self.total:
            raise EmptyChannelError
        return self.total

    def is_available(self) -> bool:
        """Whether anything was counted."""
        return bool(self.total)

    def update(self, values: Sequence[Any]) -> bool:
        """Add every value."""
        self.total += sum(values)
        return bool(values)


class Log(ScenarioChannel):
    """Says which of its methods were called."""

    __slots__ = ("calls",)

    def __init__(self, calls: Sequence[str] = ()) -> None:
        super().__init__(list)
        self.calls = list(calls)

    def from_checkpoint(self, checkpoint: Any) -> Log:
        """A log that already has these calls."""
        made = Log(() if checkpoint is _MISSING else checkpoint)
        made.key = self.key
        return made

    def checkpoint(self) -> Any:
        """The calls so far, or missing when there were none."""
        return list(self.calls) if self.calls else _MISSING

    def copy(self) -> Log:
        """A log with the same calls."""
        return self.from_checkpoint(self.calls)

    def get(self) -> list[str]:
        """The calls so far."""
        if not self.calls:
            raise EmptyChannelError
        return list(self.calls)

    def is_available(self) -> bool:
        """Whether there was any call."""
        return bool(self.calls)

    def update(self, values: Sequence[Any]) -> bool:
        """Note the call and how many values it brought."""
        self.calls.append(f"update {len(values)}")
        return bool(values)

    def consume(self) -> bool:
        """Note the call."""
        self.calls.append("consume")
        return True

    def finish(self) -> bool:
        """Note the call."""
        self.calls.append("finish")
        return True


CUSTOM: Final[dict[str, Callable[[], ScenarioChannel]]] = {"counter": Counter, "log": Log}
"""Every custom channel a scenario may name."""
