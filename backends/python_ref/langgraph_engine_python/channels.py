"""The channel kinds, each as a few pure functions over a state.

A state is an ordinary value; ``EMPTY`` is the state of a channel nothing was ever written to. Nothing
here changes a state in place, so a commit that fails half-way is undone by forgetting the new states.
Custom channels are the exception: the state is the user's own object, and its methods change it.

Every kind answers the same questions:

* ``update(state, values)``  the state after this superstep's writes; no values means "a superstep
  passed without a write".
* ``consume(state)``         the state after a task was triggered by the channel.
* ``finish(state)``          the state when nothing else is left to run.

(these three answer ``UNCHANGED`` when nothing happened: a value written twice is still a change)

* ``available(state)``       can the channel be read, and trigger a task?
* ``get(state)``             its value; only asked when available.
* ``save(state)``            what goes into a checkpoint, or ``EMPTY`` for nothing.
* ``load(saved)``            the state a checkpoint describes; ``EMPTY`` for a channel it doesn't list.

The rules are LangGraph's (`langgraph.channels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from langgraph_engine.protocol import ChannelSpec, CommitRejected

__all__ = ["EMPTY", "KINDS", "UNCHANGED", "Channel"]


class _Mark:
    """A value that is only ever itself."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


EMPTY: Final = _Mark("EMPTY")
UNCHANGED: Final = _Mark("UNCHANGED")


class Channel:
    """What most kinds have in common: one value, kept until the next write."""

    __slots__ = ("missing", "spec")

    forgets = False
    """Whether a superstep without a write can change the channel."""
    waits = False
    """Whether the channel cares that nothing else is left to run."""

    def __init__(self, spec: ChannelSpec, missing: Any) -> None:
        self.spec = spec
        self.missing = missing

    def initial(self) -> Any:
        """The state of the channel in a run that starts from nothing."""
        return EMPTY

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        return values[-1] if values else UNCHANGED

    def consume(self, state: Any) -> Any:
        return UNCHANGED

    def finish(self, state: Any) -> Any:
        return UNCHANGED

    def available(self, state: Any) -> bool:
        return state is not EMPTY

    def get(self, state: Any) -> Any:
        return state

    def save(self, state: Any) -> Any:
        return state

    def load(self, saved: Any) -> Any:
        return saved

    def fork(self, state: Any) -> Any:
        """A state that may be updated without the run noticing."""
        return state

    def settle(self, state: Any, fresh: dict[str, Any], updated: set[str]) -> None:
        """Note what a commit makes of the channel: its new state, and whether it can be read then.

        Args:
            state: What ``update`` or ``finish`` gave.
            fresh: Takes the new state, by the channel's name.
            updated: Takes the name.
        """
        if state is UNCHANGED:
            return
        name = self.spec.name
        fresh[name] = state
        if self.available(state):
            updated.add(name)


def _emptied(state: Any) -> Any:
    return UNCHANGED if state is EMPTY else EMPTY


class LastValue(Channel):
    """Holds the last value; one write a superstep."""

    __slots__ = ()

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        if len(values) > 1:
            raise CommitRejected("last_value_many", self.spec.name)
        return values[-1] if values else UNCHANGED


class AnyValue(Channel):
    """Holds the last of several (assumed equal) values, for one superstep."""

    __slots__ = ()
    forgets = True

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        return values[-1] if values else _emptied(state)


class EphemeralValue(Channel):
    """Holds a value for one superstep."""

    __slots__ = ()
    forgets = True

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        if len(values) > 1 and self.spec.guard:
            raise CommitRejected("ephemeral_value_many", self.spec.name)
        return values[-1] if values else _emptied(state)


class UntrackedValue(Channel):
    """Holds a value that is never put into a checkpoint."""

    __slots__ = ()

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        if len(values) > 1 and self.spec.guard:
            raise CommitRejected("untracked_value_many", self.spec.name)
        return values[-1] if values else UNCHANGED

    def save(self, state: Any) -> Any:
        return EMPTY

    def load(self, saved: Any) -> Any:
        return EMPTY


class BinaryOperator(Channel):
    """Folds every write into its value with the user's reducer."""

    __slots__ = ()

    def initial(self) -> Any:
        assert self.spec.initial is not None
        value = self.spec.initial()
        return EMPTY if value is self.missing else value

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        if not values:
            return UNCHANGED
        assert self.spec.fold is not None
        return self.spec.fold(self.missing if state is EMPTY else state, values)

    def load(self, saved: Any) -> Any:
        return self.initial() if saved is EMPTY else saved


class Topic(Channel):
    """Collects values; a plain one for a single superstep, an accumulating one for good.

    The state is a tuple. A write that is a list adds each of its items.
    """

    __slots__ = ()

    @property
    def forgets(self) -> bool:  # type: ignore[override]  # depends on the channel, not the kind
        return not self.spec.accumulate

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        items: list[Any] = []
        for value in values:
            if isinstance(value, list):
                items.extend(value)
            else:
                items.append(value)
        if not items:
            return UNCHANGED if self.spec.accumulate else _emptied(state)
        if self.spec.accumulate and state is not EMPTY:
            return (*state, *items)
        return tuple(items)

    def get(self, state: Any) -> Any:
        return list(state)

    def save(self, state: Any) -> Any:
        return [] if state is EMPTY else list(state)

    def load(self, saved: Any) -> Any:
        if isinstance(saved, tuple):  # the form LangGraph stored before 0.3
            saved = saved[1]
        return tuple(saved) if saved is not EMPTY and saved else EMPTY


class _Finishing(NamedTuple):
    value: Any
    finished: bool


class LastValueAfterFinish(Channel):
    """Holds the last value, and shows it only once nothing else is left to run."""

    __slots__ = ()
    waits = True

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        return _Finishing(values[-1], False) if values else UNCHANGED

    def consume(self, state: Any) -> Any:
        return EMPTY if self.available(state) else UNCHANGED

    def finish(self, state: Any) -> Any:
        if state is EMPTY or state.finished:
            return UNCHANGED
        return _Finishing(state.value, True)

    def available(self, state: Any) -> bool:
        return state is not EMPTY and state.finished

    def get(self, state: Any) -> Any:
        return state.value

    def save(self, state: Any) -> Any:
        return state if state is EMPTY else tuple(state)

    def load(self, saved: Any) -> Any:
        return saved if saved is EMPTY else _Finishing(*saved)


class NamedBarrier(Channel):
    """Opens when every name has arrived. The state is the frozenset of those that have."""

    __slots__ = ()

    def initial(self) -> Any:
        return frozenset()

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        for value in values:
            if not isinstance(value, str) or value not in self.spec.names:
                raise CommitRejected("barrier_name", self.spec.name, value)
        arrived = state.union(values)
        return UNCHANGED if arrived == state else arrived

    def consume(self, state: Any) -> Any:
        return self.initial() if self.available(state) else UNCHANGED

    def available(self, state: Any) -> bool:
        return bool(state == self.spec.names)

    def get(self, state: Any) -> Any:
        return None

    def save(self, state: Any) -> Any:
        return set(state)

    def load(self, saved: Any) -> Any:
        return frozenset() if saved is EMPTY else frozenset(saved)


class NamedBarrierAfterFinish(NamedBarrier):
    """A barrier that opens only once nothing else is left to run."""

    __slots__ = ()
    waits = True

    def initial(self) -> Any:
        return _Finishing(frozenset(), False)

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        arrived = super().update(state.value, values)
        return arrived if arrived is UNCHANGED else _Finishing(arrived, state.finished)

    def finish(self, state: Any) -> Any:
        if state.finished or state.value != self.spec.names:
            return UNCHANGED
        return _Finishing(state.value, True)

    def available(self, state: Any) -> bool:
        return bool(state.finished and state.value == self.spec.names)

    def save(self, state: Any) -> Any:
        return (set(state.value), state.finished)

    def load(self, saved: Any) -> Any:
        if saved is EMPTY:
            return self.initial()
        names, finished = saved
        return _Finishing(frozenset(names), finished)


class Custom(Channel):
    """A channel of the user's: the state is the live object, changed by its own methods."""

    __slots__ = ()
    forgets = True
    waits = True

    def initial(self) -> Any:
        return self.load(EMPTY)

    def update(self, state: Any, values: Sequence[Any]) -> Any:
        return state if state.update(values) else UNCHANGED

    def consume(self, state: Any) -> Any:
        return state if state.consume() else UNCHANGED

    def finish(self, state: Any) -> Any:
        return state if state.finish() else UNCHANGED

    def available(self, state: Any) -> bool:
        return bool(state.is_available())

    def get(self, state: Any) -> Any:
        return state.get()

    def save(self, state: Any) -> Any:
        saved = state.checkpoint()
        return EMPTY if saved is self.missing else saved

    def load(self, saved: Any) -> Any:
        return self.spec.custom.from_checkpoint(self.missing if saved is EMPTY else saved)

    def fork(self, state: Any) -> Any:
        return state.copy()


KINDS: Final[dict[str, type[Channel]]] = {
    "last_value": LastValue,
    "last_value_after_finish": LastValueAfterFinish,
    "any_value": AnyValue,
    "ephemeral_value": EphemeralValue,
    "untracked_value": UntrackedValue,
    "topic": Topic,
    "tasks": Topic,
    "binary_operator": BinaryOperator,
    "named_barrier": NamedBarrier,
    "named_barrier_after_finish": NamedBarrierAfterFinish,
    "custom": Custom,
}
"""The rules of every kind of the protocol."""
