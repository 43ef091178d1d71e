"""Delta channels: state that is saved as the writes that made it, with a snapshot now and then.

An engine folds a delta channel as it folds any other. What is left is keeping books, and that is done
here: which of a run's checkpoints must hold a snapshot, and where the writes are saved that a reader
replays. The rules are those LangGraph's readers rely on:

* A reader starts at the nearest snapshot among a checkpoint's ancestors, and applies the writes saved with
  the checkpoints from there on, each with the one that they were made *from*.
* So a write is saved before the checkpoint it leads to; and a checkpoint whose parent holds writes that
  don't belong to it (a fork, a dropped task, an ``Overwrite``) holds a snapshot.
* With durability ``exit`` the writes of the whole run are saved with the checkpoint it started from.
* A snapshot of a channel that wasn't written gets it a new version, or savers wouldn't store it. Nobody is
  to run because of that: whoever had seen the old version has seen the new one.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from langgraph.channels import DeltaChannel
from langgraph.errors import ErrorCode, InvalidUpdateError, create_error_message

from langgraph_engine import upstream

if TYPE_CHECKING:
    from langgraph_engine.compiled import CompiledGraph
    from langgraph_engine.saving import SavingLoop

__all__ = [
    "COUNTERS",
    "DeltaBook",
    "advanced",
    "delta_fold",
    "due_by_count",
    "overwritten_deltas",
    "peeking",
    "take_snapshots",
    "touched_deltas",
]

CONF = upstream.CONF
COUNTERS = "counters_since_delta_snapshot"
"""Where a checkpoint's metadata holds, by channel, the updates and supersteps since its snapshot."""


# -- folding ------------------------------------------------------------------------------------


class _Peeking(threading.local):
    on = False


_peeking = _Peeking()


@contextmanager
def peeking() -> Iterator[None]:
    """Writes folded in here are only looked at: a reducer gets a copy of the value to work on."""
    before, _peeking.on = _peeking.on, True
    try:
        yield
    finally:
        _peeking.on = before


def delta_fold(channel: DeltaChannel[Any]) -> Callable[[Any, Sequence[Any]], Any]:
    """How a delta channel takes a superstep's writes: all of them in one call of its reducer.

    Returns:
        ``fold(base, values) -> value``, as in ``ChannelSpec``.
    """

    def fold(base: Any, values: Sequence[Any]) -> Any:
        replacement, overwritten = None, False
        for value in values:
            overwrites, given = upstream.get_overwrite(value)
            if not overwrites:
                continue
            if overwritten:
                raise InvalidUpdateError(
                    create_error_message(
                        message="Can receive only one Overwrite value per super-step.",
                        error_code=ErrorCode.INVALID_CONCURRENT_GRAPH_UPDATE,
                    )
                )
            replacement, overwritten = given, True
        if overwritten:
            return channel.typ() if replacement is None else copy.copy(replacement)
        if base is upstream.MISSING:
            base = channel.typ()
        elif _peeking.on:
            base = copy.copy(base)
        return channel.reducer(base, list(values))

    return fold


# -- rules of a checkpoint ----------------------------------------------------------------------


def touched_deltas(graph: CompiledGraph, pending: Iterable[tuple[str, str, Any]]) -> set[str]:
    """The delta channels among those that a checkpoint's pending writes are for."""
    return {channel for _, channel, _ in pending if channel in graph.deltas}


def overwritten_deltas(graph: CompiledGraph, writes: Iterable[tuple[str, Any]]) -> set[str]:
    """The delta channels among those that are given an ``Overwrite``."""
    return {
        channel
        for channel, value in writes
        if channel in graph.deltas and upstream.get_overwrite(value)[0]
    }


def advanced(
    graph: CompiledGraph, counters: Mapping[str, Any] | None, updated: Iterable[str] | None
) -> dict[str, tuple[int, int]]:
    """By delta channel the updates and supersteps since its snapshot, one superstep later."""
    written = frozenset(updated or ())
    before = dict(counters or {})
    return {
        name: (updates + (name in written), supersteps + 1)
        for name in graph.channels
        if name in graph.deltas
        for updates, supersteps in (before.get(name, (0, 0)),)
    }


def due_by_count(
    graph: CompiledGraph,
    channels: Mapping[str, Any],
    counters: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> set[str]:
    """The delta channels whose last snapshot is long ago."""
    due = set()
    for name in graph.deltas:
        updates, supersteps = counters.get(name, (0, 0))
        channel: Any = graph.channels[name]
        often = updates >= channel.snapshot_frequency
        long_ago = supersteps >= upstream.max_supersteps_since_snapshot()
        if name in versions and (often or long_ago) and channels[name].is_available():
            due.add(name)
    return due


def take_snapshots(
    graph: CompiledGraph,
    channels: Mapping[str, Any],
    due: Iterable[str],
    checkpoint: Any,
    stored_versions: Mapping[str, Any],
    next_version: Callable[[Any, None], Any],
) -> dict[str, tuple[Any, Any]]:
    """Turn an engine's checkpoint into the one to save: of delta channels it holds snapshots at most.

    Args:
        graph: The compiled graph.
        channels: The run's channels.
        due: The delta channels to take snapshots of.
        checkpoint: Changed in place.
        stored_versions: The channels' versions in the checkpoint saved before.
        next_version: The saver's maker of versions.

    Returns:
        Version before and after by name, for the channels that got a new one so that the snapshot is stored.
    """
    versions, values = checkpoint["channel_versions"], checkpoint["channel_values"]
    # A copy, since reducers may change a value in place while the checkpoint is being saved.
    snapshots = {
        name: upstream.DeltaSnapshot(copy.copy(channels[name].get()))
        for name in graph.channels
        if name in due
    }
    bumped: dict[str, tuple[Any, Any]] = {}
    for name in snapshots:
        old = versions.get(name)
        if old is None or old == stored_versions.get(name):
            versions[name] = next_version(old, None)
            bumped[name] = (old, versions[name])
    checkpoint["versions_seen"] = upstream.mark_bumps_seen(
        checkpoint["versions_seen"], bumped, graph.trigger_to_nodes
    )
    shown = {
        name: snapshots.get(name, values.get(name))
        for name in graph.channels
        if name in snapshots or (name in values and name not in graph.deltas)
    }
    values.clear()
    values.update(shown)
    return bumped


# -- keeping books ------------------------------------------------------------------------------


class DeltaBook:
    """What one run has to remember of its graph's delta channels.

    Attributes:
        forced: Channels that the next checkpoint saved must hold a snapshot of.
    """

    def __init__(self, loop: SavingLoop) -> None:
        self._graph = loop.graph
        self._names = loop.graph.deltas
        self._exits = loop.durability == "exit" and loop.saves
        self.forced: set[str] = set()
        self._futures: list[Any] = []
        # The checkpoint the run starts from: whether it was saved, and is its thread's newest.
        self._has_parent = self._is_newest = False
        self._anchor: Any = None
        # Writes that were pending in it, and what became of them.
        self._stored: set[tuple[str, str]] = set()
        self._to_reapply: Sequence[tuple[str, str, Any]] = ()
        self._reapplied: set[str] = set()
        # (step, task id, task path, channel, value), to be saved at the end with durability "exit".
        self._written: list[tuple[int, str, str, str, Any]] = []
        self._commanded: list[tuple[str, Any]] = []
        self._first_step: int | None = None
        # Channel to {version the engine knows: version a snapshot gave it}; and None's readers.
        self._bumps: dict[str, dict[Any, Any]] = {}
        self._marks: dict[str, Any] = {}
        self._marks_place = 0
        self._blank: dict[str, list[str]] = {}

    def with_ids(self, writes: Any) -> Any:
        """Give messages written to delta channels their ids, now that replays begin; same writes."""
        upstream.ensure_message_ids(self._graph.channels, writes)
        return writes

    # -- the start of a run ---------------------------------------------------------------------

    def adopted(self, loop: SavingLoop, *, saved: bool) -> None:
        """The loop took its place in a thread: remember what it starts from."""
        self._has_parent = saved
        self._is_newest = loop.saves and not loop.addressed
        self._anchor = loop.checkpoint_config

    def started(self, loop: SavingLoop, *, resuming: bool) -> None:
        """The run is known to resume or not: its starting point's pending writes are read so."""
        pending = loop.pending_writes
        self._stored = {
            (task_id, channel)
            for task_id, channel, _ in pending
            if task_id != upstream.NULL_TASK_ID and channel in self._names
        }
        if resuming and not loop.is_replaying:
            # Which of them go back to their tasks is known after the first superstep.
            self._to_reapply = [w for w in pending if w[0] != upstream.NULL_TASK_ID]
        else:
            self.forced = touched_deltas(self._graph, pending)

    def commanded(self, writes: Iterable[tuple[str, Any]]) -> None:
        """A command wrote these, for no task."""
        if self._exits:
            self._commanded.extend(w for w in writes if w[0] in self._names)

    def took_input(self, loop: SavingLoop, writes: Sequence[tuple[str, Any]]) -> None:
        """New input was committed: save it where readers of the input checkpoint find it."""
        own = [write for write in writes if write[0] in self._names]
        if not own:
            return
        self.forced |= overwritten_deltas(self._graph, own)
        if self._exits:
            self._written.extend((loop.step, upstream.NULL_TASK_ID, "", *write) for write in own)
        if loop.durability == "exit":
            return
        if self._has_parent and self._is_newest:
            loop.put_writes(str(uuid5(UUID(loop.checkpoint_id), upstream.INPUT)), own)
        else:
            self.forced.update(channel for channel, _ in own)

    def saving(self, future: Any, writes: Iterable[tuple[str, Any]]) -> None:
        """Writes are being saved: a checkpoint they lead to has to wait for those of delta channels."""
        if any(channel in self._names for channel, _ in writes):
            self._futures.append(future)

    def take_futures(self) -> list[Any]:
        """The writes to wait for before the next checkpoint is saved."""
        futures, self._futures = self._futures, []
        return futures

    # -- supersteps -----------------------------------------------------------------------------

    def reapplied(self, task_id: str) -> None:
        """A task got the writes back that were pending for it."""
        self._reapplied.add(task_id)

    def superstep(self, done: Iterable[Any]) -> None:
        """A superstep's tasks are done, and about to be committed."""
        for task in done:
            self.forced |= overwritten_deltas(self._graph, task.writes)
        if self._to_reapply:
            # What wasn't given back belongs to a task that was dropped or ran anew.
            lost = (w for w in self._to_reapply if w[0] not in self._reapplied)
            self.forced |= touched_deltas(self._graph, lost)
            self._to_reapply = ()

    def committed(self, loop: SavingLoop) -> None:
        """A superstep was committed: with durability ``exit``, keep what was written till the end."""
        if not self._exits:
            return
        first = self._first_step is None
        if first:
            self._first_step = loop.step
            null = upstream.NULL_TASK_ID
            self._written.extend((loop.step, null, "", *write) for write in self._commanded)
        for task_id, channel, value in loop.pending_writes:
            if channel not in self._names:
                continue
            if first and (task_id == upstream.NULL_TASK_ID or (task_id, channel) in self._stored):
                continue  # saved with the checkpoint already
            self._written.append((loop.step, task_id, loop.path_of(task_id), channel, value))

    # -- checkpoints ----------------------------------------------------------------------------

    def count(self, updated: Iterable[str] | None, before: Any, metadata: Any) -> None:
        """One more superstep: write into ``metadata`` how many there were since each snapshot."""
        metadata[COUNTERS] = advanced(self._graph, before.get(COUNTERS), updated)

    def _due(self, loop: SavingLoop, versions: Mapping[str, Any]) -> set[str]:
        """Channels the next checkpoint must hold a snapshot of."""
        counters = loop.checkpoint_metadata.get(COUNTERS) or {}
        return due_by_count(self._graph, loop.channels, counters, versions) | self.forced

    def finish(self, loop: SavingLoop, checkpoint: Any) -> None:
        """Turn the engine's checkpoint into the one that is saved."""
        known = dict(checkpoint["channel_versions"])
        self._show_bumps(checkpoint)
        due = self._due(loop, checkpoint["channel_versions"])
        bumped = take_snapshots(
            self._graph,
            loop.channels,
            due,
            checkpoint,
            loop.previous_versions,
            loop.checkpointer.get_next_version,  # type: ignore[union-attr]
        )
        if bumped:
            self._remember(bumped, known, checkpoint["versions_seen"])
        counters = loop.checkpoint_metadata.pop(COUNTERS, {})
        counters = {k: v for k, v in counters.items() if k not in due and v != (0, 0)}
        if counters:
            loop.checkpoint_metadata[COUNTERS] = counters
        self.forced -= due

    def newest_version(self, version: Any) -> Any:
        """The highest version of any channel, given the highest the engine knows."""
        given = [new for bumps in self._bumps.values() for new in bumps.values()]
        return version if not given else max(given if version is None else [version, *given])

    def _remember(
        self, bumped: Mapping[str, tuple[Any, Any]], known: Mapping[str, Any], seen: Any
    ) -> None:
        """Keep what the engine doesn't know: versions that snapshots gave, and who has seen them."""
        for name, (_, new) in bumped.items():
            self._bumps.setdefault(name, {})[known.get(name)] = new
            if name not in known:
                self._blank[name] = [node for node, entry in seen.items() if name in entry]
        if upstream.SNAPSHOT_BUMPS in seen:
            self._marks = seen[upstream.SNAPSHOT_BUMPS]
            self._marks_place = list(seen).index(upstream.SNAPSHOT_BUMPS)

    def _show_bumps(self, checkpoint: Any) -> None:
        """The engine knows nothing of versions that snapshots gave: put them into its checkpoint."""
        if not self._bumps:
            return
        versions, seen = checkpoint["channel_versions"], checkpoint["versions_seen"]
        for name, bumps in self._bumps.items():
            known = versions.get(name)
            if known in bumps:
                versions[name] = bumps[known]
            for node in self._blank.get(name, ()):
                seen.setdefault(node, {}).setdefault(name, bumps[None])
            for entry in seen.values():
                if name in entry and entry[name] in bumps:
                    entry[name] = bumps[entry[name]]
        if self._marks:
            seen.pop(upstream.SNAPSHOT_BUMPS, None)
            entries = list(seen.items())
            entries.insert(self._marks_place, (upstream.SNAPSHOT_BUMPS, dict(self._marks)))
            checkpoint["versions_seen"] = dict(entries)

    # -- durability "exit" ----------------------------------------------------------------------

    def put_written(self, loop: SavingLoop) -> None:
        """Save the run's writes with the checkpoint it started from, before the one it ends with."""
        if not self._written:
            return
        if self._has_parent and not self._is_newest:
            # That one may have other children, which would read them too.
            self.forced.update(channel for *_, channel, _ in self._written)
        present = loop.run.checkpoint(loop.checkpoint_id, "", None)
        due = self._due(loop, present["channel_versions"])
        written = [write for write in self._written if write[3] not in due]
        if not written:
            return
        if not self._has_parent:
            self._put_stub(loop)
        grouped: dict[tuple[str, str], list[tuple[str, Any]]] = {}
        for step, task_id, path, channel, value in written:
            key = self._place(step, task_id, path)
            grouped.setdefault(key, []).append((channel, value))
        config = upstream.patch_configurable(
            self._anchor,
            {
                upstream.CONFIG_KEY_CHECKPOINT_NS: loop.namespace,
                upstream.CONFIG_KEY_CHECKPOINT_ID: loop.checkpoint_id_saved,
            },
        )
        for (task_id, path), writes in grouped.items():
            saving = loop.submit_writes(config, writes, task_id, path, alone=False, is_awaited=True)
            self._futures.append(saving)

    def _place(self, step: int, task_id: str, path: str) -> tuple[str, str]:
        """Task id and path that keep writes in order, whichever of the two a saver sorts by."""
        if task_id == upstream.NULL_TASK_ID:
            return upstream.exit_delta_task_id(step, task_id), ""
        if step == self._first_step:
            return upstream.exit_delta_task_id(step, task_id), path
        return upstream.exit_delta_late_task_id(step, task_id), f"~~{step:010d}{path}"

    def _put_stub(self, loop: SavingLoop) -> None:
        """A new thread has no checkpoint to save the writes with: make an empty one."""
        stub = upstream.empty_checkpoint()
        stub["id"] = loop.checkpoint_id_saved
        stub["ts"] = upstream.utc_now_iso()
        without = upstream.patch_configurable(
            self._anchor, {upstream.CONFIG_KEY_CHECKPOINT_ID: None}
        )
        loop.submit_checkpoint((), without, stub, {"step": -2}, {})
        self._anchor = loop.checkpoint_config = upstream.patch_configurable(
            self._anchor, {upstream.CONFIG_KEY_CHECKPOINT_ID: stub["id"]}
        )
