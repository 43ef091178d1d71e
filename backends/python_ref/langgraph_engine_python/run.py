"""One invocation: what the channels hold, their versions, and which versions each node has seen.

A superstep, from the engine's side, is two calls:

    plan     which nodes have a trigger they haven't seen yet? -> tasks
    commit   the tasks' writes, in the order of their paths    -> channels updated

Everything else reads the state or turns it into a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_engine.protocol import (
    PULL,
    PUSH,
    Committed,
    PlainTask,
    Plan,
    TaskPath,
    TaskWrites,
    Version,
    Write,
    made,
)
from langgraph_engine_python.channels import EMPTY, UNCHANGED
from langgraph_engine_python.task_id import path_text, task_id

if TYPE_CHECKING:
    from langgraph_engine.protocol import NodeSpec
    from langgraph_engine_python.program import PythonProgram

__all__ = ["PythonRun"]

CHECKPOINT_FORMAT = 4
"""The ``v`` of the checkpoints written (LangGraph's ``LATEST_VERSION``)."""
TASKS = "__pregel_tasks"
NOT_CHANNELS = frozenset(
    {
        "__no_writes__",
        "__pregel_push",
        "__resume__",
        "__interrupt__",
        "__return__",
        "__error__",
        "__error_source_node__",
    }
)
"""Names a task writes to that say something about the task, not about a channel."""


class PythonRun:
    """See ``langgraph_engine.protocol.Run``."""

    __slots__ = ("_fleeting", "_format", "_highest", "_program", "_seen", "_states", "_versions")

    def __init__(
        self,
        program: PythonProgram,
        states: dict[str, Any],
        versions: dict[str, Version],
        seen: dict[str, dict[str, Version]],
        format_version: int,
    ) -> None:
        self._program = program
        self._states = states
        self._versions = versions
        self._seen = seen
        self._format = format_version
        self._highest: Version | None = max(versions.values()) if versions else None
        # The channels a superstep without a write may change. Kept apart so that a commit costs what
        # was written, not what the graph has.
        self._fleeting: set[str] = set()
        self._note_fleeting(states)

    # -- plan ---------------------------------------------------------------------------------

    def plan(
        self, step: int, checkpoint_id: str, namespace: str, updated: Collection[str] | None
    ) -> Plan:
        ignored: list[tuple[str, Any]] = []
        tasks: list[PlainTask] = []
        packets = self._states.get(TASKS, EMPTY)
        if packets is not EMPTY:
            for index, packet in enumerate(packets):
                if not isinstance(packet, self._program.send_type):
                    ignored.append(("packet_type", packet))
                elif (node := self._program.nodes.get(packet.node)) is None:
                    ignored.append(("unknown_node", packet))
                elif node.runs:
                    path = (PUSH, index, False)
                    parts = (PUSH, str(index))
                    tasks.append(
                        self._task(
                            node.name, path, (PUSH,), parts, packet, step, checkpoint_id, namespace
                        )
                    )
        if self._versions:
            for node in self._candidates(updated):
                if not self._triggered(node):
                    continue
                value = self._input(node)
                if value is not self._program.missing and node.runs:
                    triggers = self._program.sorted_triggers[node.name]
                    tasks.append(
                        self._task(
                            node.name,
                            (PULL, node.name),
                            triggers,
                            (PULL, *triggers),
                            value,
                            step,
                            checkpoint_id,
                            namespace,
                        )
                    )
        return made(Plan, (tasks, ignored))

    def push(
        self,
        name: str,
        path: TaskPath,
        parts: Sequence[str],
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> PlainTask:
        return self._task(name, path, (PUSH,), (PUSH, *parts), None, step, checkpoint_id, namespace)

    def _candidates(self, updated: Collection[str] | None) -> Iterable[NodeSpec]:
        nodes, triggers = self._program.nodes, self._program.trigger_to_nodes
        if not updated or not triggers:
            return nodes.values()
        names: set[str] = set()
        for channel in updated:
            names.update(triggers.get(channel, ()))
        return map(nodes.__getitem__, sorted(names & nodes.keys()))

    def _triggered(self, node: NodeSpec) -> bool:
        channels, states, versions = self._program.channels, self._states, self._versions
        seen = self._seen.get(node.name)
        for name in node.triggers:
            if not channels[name].available(states.get(name, EMPTY)):
                continue
            if seen is None:
                return True
            version = versions.get(name)
            if version is not None and (name not in seen or version > seen[name]):  # type: ignore[operator]
                return True
        return False

    def _input(self, node: NodeSpec) -> Any:
        if isinstance(node.reads, str):
            value = self._look(node.reads)
            return self._program.missing if value is EMPTY else value
        return {name: value for name in node.reads if (value := self._look(name)) is not EMPTY}

    def _look(self, name: str) -> Any:
        """A channel's value, or ``EMPTY``."""
        channel, state = self._program.channels[name], self._states.get(name, EMPTY)
        return channel.get(state) if channel.available(state) else EMPTY

    def _task(
        self,
        name: str,
        path: TaskPath,
        triggers: tuple[str, ...],
        parts: Sequence[str],
        value: Any,
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> PlainTask:
        own = f"{namespace}|{name}" if namespace else name
        id_ = task_id(checkpoint_id, (own, str(step), name, *parts), format_version=self._format)
        return made(PlainTask, (id_, name, path, triggers, value, f"{own}:{id_}"))

    # -- commit -------------------------------------------------------------------------------

    def commit(self, writes: Sequence[TaskWrites], version: Version | None) -> Committed:
        if len(writes) > 1:
            writes = sorted(writes, key=lambda task: path_text(task.path))
        if version is None:
            version = 1 if self._highest is None else self._highest + 1  # type: ignore[operator]
        # Custom channels as they were, since their own methods change them in place.
        kept: dict[str, Any] = {}
        try:
            fresh, updated, unknown = self._apply(writes, kept)
        except BaseException:
            self._states.update(kept)
            raise
        versions = self._versions
        for task in writes:
            seen = self._seen.setdefault(task.name, {})
            for name in task.triggers:
                if name in versions:
                    seen[name] = versions[name]
        if fresh:
            self._states.update(fresh)
            self._note_fleeting(fresh)
            versions.update(dict.fromkeys(fresh, version))
            self._highest = version
        return made(Committed, (updated, unknown))

    def _apply(
        self, writes: Sequence[TaskWrites], kept: dict[str, Any]
    ) -> tuple[dict[str, Any], set[str], list[tuple[str, TaskPath, str]]]:
        """Work out new states, the names of updated channels, and writes to unknown ones."""
        program = self._program
        channels = program.channels
        fresh: dict[str, Any] = {}  # states this commit makes; nothing is stored until all worked
        updated: set[str] = set()
        present: Callable[[str, Any], Any] = (
            partial(self._kept_aside, kept) if program.has_custom else self._states.get
        )

        triggers: set[str] = set()
        for task in writes:
            triggers.update(task.triggers)
        for name in triggers:
            if name in channels:
                state = channels[name].consume(present(name, EMPTY))
                if state is not UNCHANGED:
                    fresh[name] = state
        grouped, unknown = self._group(writes)
        for name, values in grouped.items():
            state = fresh[name] if name in fresh else present(name, EMPTY)
            channel = channels[name]
            channel.settle(channel.update(state, values), fresh, updated)
        if triggers:  # else these are no tasks' writes, and no superstep passed
            for name in self._fleeting.union(program.forgetting.intersection(fresh)):
                if name not in updated:
                    state = fresh[name] if name in fresh else present(name, EMPTY)
                    channel = channels[name]
                    if channel.available(state):
                        channel.settle(channel.update(state, ()), fresh, updated)
            if program.waiting and not any(n in program.trigger_to_nodes for n in updated):
                for name in program.waiting:
                    state = fresh[name] if name in fresh else present(name, EMPTY)
                    channel = channels[name]
                    channel.settle(channel.finish(state), fresh, updated)
        return fresh, updated, unknown

    def _kept_aside(self, kept: dict[str, Any], name: str, default: Any) -> Any:
        """A channel's state; if its own methods may change it, with a copy in ``kept``."""
        state = self._states.get(name, default)
        if name not in kept:
            copy = self._program.channels[name].fork(state)
            if copy is not state:
                kept[name] = copy
        return state

    def _note_fleeting(self, states: dict[str, Any]) -> None:
        for name in self._program.forgetting.intersection(states):
            if states[name] is EMPTY:
                self._fleeting.discard(name)
            else:
                self._fleeting.add(name)

    def _group(
        self, writes: Sequence[TaskWrites]
    ) -> tuple[dict[str, list[Any]], list[tuple[str, TaskPath, str]]]:
        channels = self._program.channels
        grouped: dict[str, list[Any]] = {}
        unknown: list[tuple[str, TaskPath, str]] = []
        for task in writes:
            for name, value in task.writes:
                if name in grouped:
                    grouped[name].append(value)
                elif name in NOT_CHANNELS:
                    continue
                elif name in channels:
                    grouped[name] = [value]
                else:
                    unknown.append((task.name, task.path, name))
        return grouped, unknown

    # -- read ---------------------------------------------------------------------------------

    def read(self, keys: str | Sequence[str], writes: Iterable[Write] | None = None) -> Any:
        channels = self._program.channels
        written: dict[str, list[Any]] = {}
        for name, value in writes or ():
            written.setdefault(name, []).append(value)

        def look_afresh(name: str) -> Any:
            channel = channels[name]
            state = channel.fork(self._states.get(name, EMPTY))
            after = channel.update(state, written.get(name, ()))
            state = state if after is UNCHANGED else after
            return channel.get(state) if channel.available(state) else EMPTY

        look = self._look if writes is None else look_afresh
        if isinstance(keys, str):
            value = look(keys)
            return None if value is EMPTY else value
        return {name: value for name in keys if (value := look(name)) is not EMPTY}

    def state(self, name: str) -> Any:
        channel, state = self._program.channels[name], self._states.get(name, EMPTY)
        if channel.spec.kind == "custom":
            return state
        saved = state if channel.spec.kind == "untracked_value" else channel.save(state)
        return self._program.missing if saved is EMPTY else saved

    # -- versions -----------------------------------------------------------------------------

    def max_version(self) -> Version | None:
        return self._highest

    def see(self, name: str) -> None:
        seen = self._seen.setdefault(name, {})
        versions = self._versions
        seen.update({n: versions[n] for n in self._program.channels if n in versions})

    def unseen(self, name: str) -> bool:
        seen = self._seen.get(name, {})
        return any(n not in seen or v > seen[n] for n, v in self._versions.items())  # type: ignore[operator]

    # -- checkpoint ---------------------------------------------------------------------------

    def checkpoint(
        self, checkpoint_id: str, timestamp: str, updated: Collection[str] | None
    ) -> dict[str, Any]:
        self._format = CHECKPOINT_FORMAT
        values: dict[str, Any] = {}
        for name, channel in self._program.channels.items():
            if name in self._versions:
                saved = channel.save(self._states.get(name, EMPTY))
                if saved is not EMPTY:
                    values[name] = saved
        return {
            "v": CHECKPOINT_FORMAT,
            "ts": timestamp,
            "id": checkpoint_id,
            "channel_values": values,
            "channel_versions": dict(self._versions),
            "versions_seen": {node: dict(seen) for node, seen in self._seen.items()},
            "updated_channels": None if updated is None else sorted(updated),
        }
