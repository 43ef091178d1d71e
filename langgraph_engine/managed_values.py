"""Managed values that follow from a superstep's number: whether it is the last one, and how many are left.

LangGraph asks a managed value for itself with the scratchpad of a task. Its own two look at two numbers in there, so
they need no scratchpad, and an engine that runs a superstep can have them added to what it read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from langgraph.managed.is_last_step import IsLastStepManager, RemainingStepsManager

__all__ = ["ManagedNumbers", "with_managed"]

_KNOWN = (IsLastStepManager, RemainingStepsManager)


class _Numbers(NamedTuple):
    """What those two look at in a scratchpad.

    Attributes:
        step: The superstep's number.
        stop: The number of the superstep the run may not reach.
    """

    step: int
    stop: int


def with_managed(
    read: Mapping[str, Any], managed: Mapping[str, Any], looked_at: Any, order: Iterable[str]
) -> dict[str, Any]:
    """What was read of the channels, together with managed values.

    Args:
        read: What those channels hold that hold something.
        managed: The managed values, by name.
        looked_at: What they look at: a task's scratchpad, or what stands for it.
        order: The names of all that was to be read, in the order of the result.
    """
    return {
        name: managed[name].get(looked_at) if name in managed else read[name]
        for name in order
        if name in managed or name in read
    }


class ManagedNumbers:
    """Adds managed values to what was read of the channels.

    Args:
        managed: The managed values, by name.
        order: The names of all that was to be read, in the order of the result; None if what is managed goes to the end.
    """

    __slots__ = ("_managed", "_order")

    def __init__(self, managed: Mapping[str, Any], order: Collection[str] | None) -> None:
        self._managed = managed
        self._order = order

    @classmethod
    def of(
        cls, names: Collection[str], managed: Mapping[str, Any], order: Collection[str] | None
    ) -> ManagedNumbers | None:
        """What adds the values of these names; None if one of them needs more than the superstep's number."""
        asked = {name: managed[name] for name in names}
        if any(all(value is not known for known in _KNOWN) for value in asked.values()):
            return None
        return cls(asked, order)

    def __call__(self, read: dict[str, Any], step: int, stop: int) -> dict[str, Any]:
        """What was read, with the managed values of this superstep."""
        managed, numbers = self._managed, _Numbers(step, stop)
        if self._order is None:
            for name, value in managed.items():
                read[name] = value.get(numbers)
            return read
        return with_managed(read, managed, numbers, self._order)
