"""State changed from outside a run: ``update_state`` and its kin, one superstep after the other.

    restore the engine's run from the latest checkpoint (or the one named) -> one of
        as END      drop what is planned, keep what finished tasks have written
        as input    commit values as a run's input is committed
        as a copy   save the same state again, as a fork
        as nodes    have nodes' writers write the values, and commit that
    -> save the checkpoint

The rules are LangGraph's. What is written is also saved with the checkpoint it builds on, as a task's
writes are, so that the history shows it as the task's result.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from langchain_core.runnables.base import RunnableSequence
from langgraph.constants import END
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateUpdate

from langgraph_engine import upstream
from langgraph_engine.committing import commit
from langgraph_engine.delta import (
    COUNTERS,
    advanced,
    due_by_count,
    overwritten_deltas,
    take_snapshots,
    touched_deltas,
)
from langgraph_engine.protocol import Engine, TaskWrites
from langgraph_engine.state_dialogue import Ask, AskToWrite, Dialogue
from langgraph_engine.state_reading import RestoredState, restored
from langgraph_engine.task_config import path_text, task_reader

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

__all__ = ["updated"]

CONF = upstream.CONF
COPY = "__copy__"


def updated(
    pregel: upstream.AnyPregel,
    engine: Engine,
    saver: Any,
    config: RunnableConfig,
    supersteps: Sequence[Sequence[StateUpdate]],
) -> Dialogue[RunnableConfig]:
    """Apply supersteps of updates to a thread; give the config of the last checkpoint made.

    Raises:
        InvalidUpdateError: An update can't be applied; those before it are.
    """
    thread_id = str(config[CONF][upstream.CONFIG_KEY_THREAD_ID])
    config = upstream.patch_configurable(config, {upstream.CONFIG_KEY_THREAD_ID: thread_id})
    for index, updates in enumerate(supersteps):
        superstep = _Superstep(pregel, engine, saver, config, is_first=index == 0)
        config = yield from superstep.perform(updates)
    return config


class _Superstep:
    """One superstep of updates, on top of one checkpoint."""

    saved: CheckpointTuple | None
    state: RestoredState

    def __init__(
        self,
        pregel: upstream.AnyPregel,
        engine: Engine,
        saver: Any,
        config: RunnableConfig,
        *,
        is_first: bool,
    ) -> None:
        self.pregel, self.engine, self.saver = pregel, engine, saver
        self.is_first = is_first
        self.config = pregel._own_checkpoint_config(upstream.ensure_config(pregel.config, config))

    def perform(self, updates: Sequence[StateUpdate]) -> Dialogue[RunnableConfig]:
        """Apply the updates and save the checkpoint they make; give its config."""
        yield from self._load()
        values, as_node = updates[0][:2]
        if values is None and as_node == END:
            self._only_one(updates, "Cannot apply multiple updates when clearing state")
            return (yield from self._finish())
        if as_node == upstream.INPUT:
            self._only_one(updates, "Cannot apply multiple updates when updating as input")
            return (yield from self._take_input(values))
        if as_node == COPY:
            self._only_one(updates, "Cannot copy checkpoint with multiple updates")
            return (yield from self._copy(values))
        return (yield from self._write(updates))

    def _load(self) -> Dialogue[None]:
        conf = self.config[CONF]
        saved = self.saved = yield Ask(self.saver, "get_tuple", self.config)
        if saved is None:
            self.metadata: Any = {}
            self.versions_before: Any = {}
            place = {
                upstream.CONFIG_KEY_CHECKPOINT_NS: conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS, "")
            }
        else:
            self.metadata = saved.metadata
            place = saved.config[CONF]
        self.step: int = self.metadata.get("step", -1)
        self.checkpoint_config = upstream.patch_configurable(self.config, place)
        self.state = yield from restored(self.pregel, self.engine, self.saver, saved, self.step + 1)
        # Delta channels the next checkpoint must hold a snapshot of. What is pending belongs to the child
        # there is; what comes second isn't made from there.
        self.forced: set[str] = set()
        if saved is not None:
            self.versions_before = saved.checkpoint["channel_versions"].copy()
            if self.is_first:
                self.forced = touched_deltas(self.state.graph, saved.pending_writes or ())

    @staticmethod
    def _only_one(updates: Sequence[StateUpdate], otherwise: str) -> None:
        if len(updates) > 1:
            raise InvalidUpdateError(otherwise)

    # -- the kinds of update --------------------------------------------------------------------

    def _finish(self) -> Dialogue[RunnableConfig]:
        """Leave nothing to run: keep what finished tasks have written, drop the others."""
        changed: set[str] = set()
        if self.saved is not None:
            tasks = self.state.plan()
            if writes := self.state.input_writes():
                changed |= self._commit(writes)
            finished = self.state.finished_writes()
            changed |= self._commit(
                [TaskWrites(t.path, t.name, finished.get(t.id, ()), t.triggers) for t in tasks]
            )
        return (yield from self._put("update", self.step + 1, changed, clock_seq=self.step))

    def _take_input(self, values: Any) -> Dialogue[RunnableConfig]:
        writes = deque(upstream.map_input(self.pregel.input_channels, values))
        if not writes:
            raise InvalidUpdateError(f"Received no input writes for {self.pregel.input_channels}")
        task_id = str(uuid5(UUID(self.state.checkpoint_id), upstream.INPUT))
        if (yield from self._is_recorded(writes)):
            yield Ask(self.saver, "put_writes", self.checkpoint_config, list(writes), task_id)
        changed = self._commit([TaskWrites((), upstream.INPUT, writes, ())])
        self.forced |= overwritten_deltas(self.state.graph, writes)
        step = -1 if self.metadata.get("step") is None else self.step + 1
        return (yield from self._put("input", step, changed))

    def _copy(self, values: Any) -> Dialogue[RunnableConfig]:
        """Save the same state once more, beside the checkpoint; then apply updates to the copy."""
        saved = self.saved
        if saved is None:
            raise InvalidUpdateError("Cannot copy a non-existent checkpoint")
        copy = upstream.create_checkpoint(
            upstream.copy_checkpoint(saved.checkpoint), None, self.step
        )
        metadata: Any = {"source": "fork", "step": self.step + 1, **self._parents()}
        if COUNTERS in saved.metadata:
            metadata[COUNTERS] = self.metadata[COUNTERS]
        config = yield Ask(
            self.saver,
            "put",
            saved.parent_config
            or upstream.patch_configurable(saved.config, {upstream.CONFIG_KEY_CHECKPOINT_ID: None}),
            copy,
            metadata,
            {},
        )
        copied = upstream.patch_checkpoint_map(config, saved.metadata)
        if not (isinstance(values, list) and values):
            return copied
        self.state.move_to(config, copy["id"], self.step + 2)
        superstep = _Superstep(self.pregel, self.engine, self.saver, copied, is_first=False)
        return (yield from superstep.perform(self._updates_of_copy(values)))

    def _updates_of_copy(self, items: Sequence[Any]) -> list[StateUpdate]:
        """Updates with the ids of the tasks they stand for, as far as there are any, by node."""
        planned: defaultdict[str, list[str]] = defaultdict(list)
        for task in self.state.plan():
            planned[task.name].append(task.id)
        updates: defaultdict[str, list[StateUpdate]] = defaultdict(list)
        for item in items:
            if not isinstance(item, Sequence):
                raise InvalidUpdateError(f"Invalid update item: {item} when copying checkpoint")
            values, as_node = item[:2]
            ids, same = planned[as_node], updates[as_node]
            task_id = ids[len(same)] if len(same) < len(ids) else None
            same.append(StateUpdate(values, as_node, task_id))
        return [update for same in updates.values() for update in same]

    def _write(self, updates: Sequence[StateUpdate]) -> Dialogue[RunnableConfig]:
        """Have the writers of nodes write the values, and commit that as one superstep."""
        planned: defaultdict[str, deque[str]] = defaultdict(deque)
        if self.saved is not None and self.saved.pending_writes is not None:
            for planned_task in self.state.plan():
                planned[planned_task.name].append(planned_task.id)
        tasks: list[tuple[str, upstream.PregelTaskWrites]] = []
        for index, (values, as_node, given) in enumerate(self._checked(updates)):
            ids = planned[as_node]
            task_id = given or (ids.popleft() if ids else self._own_task_id(index))
            task = upstream.PregelTaskWrites(
                (upstream.INTERRUPT, index), as_node, deque(), [upstream.INTERRUPT]
            )
            tasks.append((task_id, task))
            yield from self._run_writers(task_id, task, values)
        written = [write for _, task in tasks for write in task.writes]
        self.forced |= overwritten_deltas(self.state.graph, written)
        if (yield from self._is_recorded(*(task.writes for _, task in tasks))):
            for task_id, task in tasks:
                writes = [write for write in task.writes if write[0] != upstream.PUSH]
                if writes:
                    path = path_text(task.path)
                    yield AskToWrite(self.saver, self.checkpoint_config, writes, task_id, path)
        self._commit([TaskWrites(t.path, t.name, t.writes, t.triggers) for _, t in tasks])
        changed = {channel for channel, _ in written if channel != upstream.PUSH}
        config = yield from self._put("update", self.step + 1, changed)
        for task_id, task in tasks:
            if pushes := [write for write in task.writes if write[0] == upstream.PUSH]:
                yield Ask(self.saver, "put_writes", config, pushes, task_id)
        return config

    def _checked(self, updates: Sequence[StateUpdate]) -> Sequence[tuple[Any, str, str | None]]:
        """The updates with the node each is made as.

        Raises:
            InvalidUpdateError: A node isn't named and can't be told, or there is none of that name.
        """
        if len(updates) == 1 and updates[0][1] is None:
            values, _, task_id = updates[0]
            updates = [StateUpdate(values, self._last_node(), task_id)]
        for _, as_node, _ in updates:
            if as_node is None:
                raise InvalidUpdateError("as_node is required when applying multiple updates")
            if as_node not in self.pregel.nodes:
                raise InvalidUpdateError(f"Node {as_node} does not exist")
        return updates  # type: ignore[return-value]  # each has a node now

    def _last_node(self) -> str:
        seen = {} if self.saved is None else self.saved.checkpoint["versions_seen"]
        node = self.pregel._infer_as_node(seen)
        if node is None:
            raise InvalidUpdateError("Ambiguous update, specify as_node")
        return node

    def _own_task_id(self, index: int) -> str:
        """The id of an update that no planned task stands for."""
        name = f"{upstream.INTERRUPT}:{index}" if index else upstream.INTERRUPT
        return str(uuid5(UUID(self.state.checkpoint_id), name))

    def _run_writers(
        self, task_id: str, task: upstream.PregelTaskWrites, values: Any
    ) -> Dialogue[None]:
        writers = self.state.graph.plans[task.name].kept_node.flat_writers
        if not writers:
            raise InvalidUpdateError(f"Node {task.name} has no writers")
        basis = self.state.writers_basis()
        config = upstream.patch_config(
            self.config,
            run_name=self.pregel.name + "UpdateState",
            configurable={
                upstream.CONFIG_KEY_SEND: task.writes.extend,  # type: ignore[attr-defined]  # a deque
                upstream.CONFIG_KEY_TASK_ID: task_id,
                upstream.CONFIG_KEY_READ: task_reader(basis, basis.scratchpad(task_id, ""), task),
            },
        )
        runnable: Any = RunnableSequence(*writers) if len(writers) > 1 else writers[0]
        yield Ask(runnable, "invoke", values, config)

    # -- saving ---------------------------------------------------------------------------------

    def _commit(self, writes: Sequence[TaskWrites]) -> set[str]:
        run = self.state.run
        version = self.saver.get_next_version(run.max_version(), None)
        return commit(run, self.state.graph.channels, writes, version)

    def _is_recorded(self, *writes: Any) -> Dialogue[bool]:
        """Whether writes are saved with the checkpoint they build on; gives their messages ids.

        Other branches of the thread may have grown from a checkpoint the thread has moved past. They
        would replay the writes, so snapshots take their place.
        """
        graph = self.state.graph
        for one_tasks in writes:
            upstream.ensure_message_ids(graph.channels, one_tasks)
        if self.saved is None:
            return False
        if not self.is_first:
            return True
        moved_past = yield Ask(
            upstream, "checkpoint_superseded", self.saver, self.config, self.saved
        )
        if moved_past:
            self.forced.update(c for some in writes for c, _ in some if c in graph.deltas)
        return not moved_past

    def _parents(self) -> dict[str, Any]:
        return {"parents": self.metadata.get("parents", {})}

    def _put(
        self, source: str, step: int, changed: set[str], *, clock_seq: int | None = None
    ) -> Dialogue[RunnableConfig]:
        """Save the run's state as the next checkpoint."""
        checkpoint_id = str(upstream.uuid6(clock_seq=step if clock_seq is None else clock_seq))
        checkpoint = self.state.run.checkpoint(checkpoint_id, upstream.utc_now_iso(), None)
        metadata: Any = {"source": source, "step": step, **self._parents()}
        if self.state.graph.deltas:
            self._take_snapshots(checkpoint, metadata, changed)
        config: RunnableConfig = yield Ask(
            self.saver,
            "put",
            self.checkpoint_config,
            checkpoint,
            metadata,
            upstream.get_new_channel_versions(self.versions_before, checkpoint["channel_versions"]),
        )
        return upstream.patch_checkpoint_map(config, None if self.saved is None else self.metadata)

    def _take_snapshots(self, checkpoint: Any, metadata: Any, changed: set[str]) -> None:
        """Leave no more of delta channels in a checkpoint than the snapshots it must hold."""
        graph, channels = self.state.graph, self.state.channels
        versions = checkpoint["channel_versions"]
        if self.saved is None:
            due = {k for k in graph.deltas if k in versions and channels[k].is_available()}
        else:
            counters = advanced(graph, self.metadata.get(COUNTERS), changed)
            due = due_by_count(graph, channels, counters, versions) | self.forced
            left = {k: v for k, v in counters.items() if k not in due and v != (0, 0)}
            if left:
                metadata[COUNTERS] = left
        next_version = self.saver.get_next_version
        take_snapshots(graph, channels, due, checkpoint, self.versions_before, next_version)
