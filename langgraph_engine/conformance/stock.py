"""Stock LangGraph behind the protocol: the oracle the ``python`` engine is compared with.

Everything decided here is decided by LangGraph's own channels, ``apply_writes``,
``prepare_next_tasks``, ``prepare_single_task``, ``local_read`` and ``create_checkpoint``. What this
module adds is translation: a refusal becomes ``CommitRejected``, a logged warning becomes data, and the
state is put back when a commit fails (stock leaves that to whoever abandons the run).

It understands the graphs of scenarios: reducers come from ``vocabulary``.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final, cast

from langchain_core.runnables import RunnableLambda
from langgraph.channels import (
    AnyValue,
    BinaryOperatorAggregate,
    EphemeralValue,
    LastValue,
    NamedBarrierValue,
    Topic,
    UntrackedValue,
)
from langgraph.channels.base import BaseChannel
from langgraph.channels.last_value import LastValueAfterFinish
from langgraph.channels.named_barrier_value import NamedBarrierValueAfterFinish
from langgraph.errors import InvalidUpdateError
from langgraph.types import Send

from langgraph_engine import upstream
from langgraph_engine.conformance.vocabulary import Reducer, ReducerFailed
from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import (
    CHANNEL_KINDS,
    PROTOCOL_VERSION,
    ChannelSpec,
    CommitRejected,
    Committed,
    GraphSpec,
    NodeSpec,
    PlainTask,
    Plan,
    TaskPath,
    TaskWrites,
    Version,
    Write,
)

__all__ = ["StockEngine"]

_ALGORITHM: Final[Any] = upstream
"""LangGraph's algorithm, called with plain data where its types name LangGraph's own classes."""
_NO_LIMIT: Final = 1_000_000


class StockEngine:
    """LangGraph's own functions as an engine."""

    name = "stock"
    version = upstream.langgraph_version
    protocol_version = PROTOCOL_VERSION
    capabilities = frozenset(f"channel:{kind}" for kind in CHANNEL_KINDS)

    def compile(self, graph: GraphSpec) -> StockProgram:
        """Make LangGraph's channels and nodes of the graph."""
        return StockProgram(graph)


class StockProgram:
    """A graph as LangGraph's own objects."""

    def __init__(self, graph: GraphSpec) -> None:
        self.prototypes = {spec.name: _channel(spec) for spec in graph.channels}
        self.kinds = {spec.name: spec.kind for spec in graph.channels}
        self.nodes = {node.name: _node(node) for node in graph.nodes}
        self.trigger_to_nodes = graph.trigger_to_nodes

    def restore(self, checkpoint: Mapping[str, Any] | None) -> StockRun:
        """Start a run from LangGraph's empty checkpoint or a copy of the given one."""
        restored: Any = copy.deepcopy(checkpoint) if checkpoint else upstream.empty_checkpoint()
        channels, _ = upstream.channels_from_checkpoint(self.prototypes, restored)
        return StockRun(self, restored, dict(channels))


class StockRun:
    """The state of one run: a checkpoint and live channels, as in LangGraph's loop."""

    def __init__(
        self, program: StockProgram, checkpoint: dict[str, Any], channels: dict[str, Any]
    ) -> None:
        self._program = program
        self._checkpoint = checkpoint
        self._channels = channels

    def plan(
        self, step: int, checkpoint_id: str, namespace: str, updated: Collection[str] | None
    ) -> Plan:
        """Ask ``prepare_next_tasks``."""
        with _warnings() as warnings:
            checkpoint: Any = {**self._checkpoint, "id": checkpoint_id}
            tasks = upstream.prepare_next_tasks(
                checkpoint,
                [],
                self._program.nodes,
                self._channels,
                {},
                {"configurable": {"checkpoint_ns": namespace}},
                step,
                _NO_LIMIT,
                for_execution=True,
                store=None,
                checkpointer=None,
                manager=None,
                trigger_to_nodes=self._program.trigger_to_nodes,
                updated_channels=set(updated) if updated is not None else None,
            )
        return Plan([_task(task) for task in tasks.values()], list(self._ignored(warnings)))

    def _ignored(self, warnings: Sequence[str]) -> Iterator[tuple[str, Any]]:
        channel = self._channels.get(upstream.TASKS)
        packets = channel.get() if channel is not None and channel.is_available() else []
        remaining = iter(packets)
        for warning in warnings:
            if warning.startswith("Ignoring invalid packet type"):
                yield "packet_type", next(p for p in remaining if not isinstance(p, Send))
            else:
                assert warning.startswith("Ignoring unknown node name"), warning
                nodes = self._program.nodes
                yield (
                    "unknown_node",
                    next(p for p in remaining if isinstance(p, Send) and p.node not in nodes),
                )

    def push(
        self,
        name: str,
        path: TaskPath,
        parts: Sequence[str],
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> PlainTask:
        """Ask ``prepare_single_task`` (a call) or ``prepare_node_error_handler_task``."""

        def body() -> None:
            """Never run: only its name counts."""

        checkpoint = {**self._checkpoint, "id": checkpoint_id}
        common = {
            "checkpoint": checkpoint,
            "pending_writes": [],
            "channels": self._channels,
            "managed": {},
            "config": {"configurable": {"checkpoint_ns": namespace}},
            "step": step,
            "stop": _NO_LIMIT,
        }
        if parts[0] == "node_error_handler":
            failed = SimpleNamespace(id=parts[1], path=path[:-2], name="failed", input=None)
            return _task(
                _ALGORITHM.prepare_node_error_handler_task(
                    failed,
                    handler_node_name=name,
                    failed_error=RuntimeError(),
                    processes={name: _node(NodeSpec(name, (), ()))},
                    **common,
                )
            )
        body.__name__ = body.__qualname__ = name
        call = upstream.Call(body, ((), {}), retry_policy=None, cache_policy=None, callbacks=None)
        task = _ALGORITHM.prepare_single_task(
            (*path[:3], "", call),
            None,
            checkpoint_id_bytes=bytes.fromhex(checkpoint_id.replace("-", "")),
            checkpoint_null_version=None,
            processes=self._program.nodes,
            for_execution=True,
            **common,
        )
        return _task(task)._replace(input=None)

    def commit(self, writes: Sequence[TaskWrites], version: Version | None) -> Committed:
        """Ask ``apply_writes``; put everything back when it raises."""
        tasks = [
            upstream.PregelTaskWrites(task.path, task.name, list(task.writes), task.triggers)
            for task in writes
        ]
        channels = {name: channel.copy() for name, channel in self._channels.items()}
        checkpoint = copy.deepcopy(
            {k: v for k, v in self._checkpoint.items() if k != "channel_values"}
        )

        def next_version(highest: Any, _: None) -> Any:
            if version is not None:
                return version
            return 1 if highest is None else highest + 1

        try:
            with _warnings() as warnings:
                updated = upstream.apply_writes(
                    self._checkpoint,  # type: ignore[arg-type]
                    self._channels,
                    tasks,
                    next_version,
                    self._program.trigger_to_nodes,
                )
        except Exception as error:
            self._channels = channels
            self._checkpoint = {**checkpoint, "channel_values": self._checkpoint["channel_values"]}
            if isinstance(error, InvalidUpdateError):
                written = [write for task in tasks for write in task.writes]
                raise self._refusal(str(error), written) from error
            raise
        return Committed(updated, list(self._unknown(tasks, warnings)))

    def _unknown(
        self, tasks: Iterable[Any], warnings: Sequence[str]
    ) -> Iterator[tuple[str, TaskPath, str]]:
        said = {
            f"Task {task.name} with path {task.path} wrote to unknown channel {channel}, "
            "ignoring it.": (task.name, task.path, channel)
            for task in tasks
            for channel, _ in task.writes
        }
        for warning in warnings:
            yield said[warning]

    def _refusal(self, message: str, writes: Iterable[Write]) -> Exception:
        """What the protocol calls the ``InvalidUpdateError`` of a channel."""
        if "Overwrite" in message:
            return ReducerFailed(message)
        name = message.split("'")[1]
        kind = self._program.kinds[name]
        if kind.startswith("named_barrier"):
            shown = message.split("Value ", 1)[1].rsplit(" not in ", 1)[0]
            value = next(v for channel, v in writes if channel == name and str(v) == shown)
            return CommitRejected("barrier_name", name, value)
        return CommitRejected(f"{kind}_many", name)

    def read(self, keys: str | Sequence[str], writes: Iterable[Write] | None = None) -> Any:
        """Ask ``local_read``, as a task that made these writes would."""
        for name in [keys] if isinstance(keys, str) else keys:
            if name not in self._channels:
                raise KeyError(name)
        task = upstream.PregelTaskWrites((), "", list(writes or ()), ())
        try:
            return _ALGORITHM.local_read(
                None,
                self._channels,
                {},
                task,
                keys if isinstance(keys, str) else list(keys),
                fresh=writes is not None,
            )
        except InvalidUpdateError as error:
            raise self._refusal(str(error), task.writes) from error

    def state(self, name: str) -> Any:
        """The channel's ``checkpoint()``; an untracked one's value; a custom one itself."""
        channel, kind = self._channels[name], self._program.kinds[name]
        if kind == "custom":
            return channel
        return channel.value if kind == "untracked_value" else channel.checkpoint()

    def max_version(self) -> Version | None:
        """The highest of the checkpoint's channel versions."""
        return max(self._checkpoint["channel_versions"].values(), default=None)

    def see(self, name: str) -> None:
        """What LangGraph's loop does for ``__interrupt__``."""
        versions = self._checkpoint["channel_versions"]
        seen = self._checkpoint["versions_seen"].setdefault(name, {})
        seen.update({k: versions[k] for k in self._channels if k in versions})

    def unseen(self, name: str) -> bool:
        """Ask ``should_interrupt``, which looks at what ``__interrupt__`` has seen."""
        seen = self._checkpoint["versions_seen"]
        checkpoint = {**self._checkpoint, "versions_seen": {}}
        if name in seen:
            checkpoint["versions_seen"][upstream.INTERRUPT] = seen[name]
        node = SimpleNamespace(config=None)
        return bool(_ALGORITHM.should_interrupt(checkpoint, "*", [node]))

    def checkpoint(
        self, checkpoint_id: str, timestamp: str, updated: Collection[str] | None
    ) -> dict[str, Any]:
        """Ask ``create_checkpoint``; the run goes on from what it made, as in LangGraph's loop."""
        made: Any = upstream.create_checkpoint(
            self._checkpoint,  # type: ignore[arg-type]
            self._channels,
            0,
            id=checkpoint_id,
            updated_channels=None if updated is None else set(updated),
        )
        made["ts"] = timestamp
        self._checkpoint = made
        return copy.deepcopy(made)


def _channel(spec: ChannelSpec) -> BaseChannel[Any, Any, Any]:
    channel = _make_channel(spec)
    channel.key = spec.name
    return channel


def _make_channel(spec: ChannelSpec) -> BaseChannel[Any, Any, Any]:
    names = set(spec.names)
    match spec.kind:
        case "last_value":
            return LastValue(object)
        case "last_value_after_finish":
            return LastValueAfterFinish(object)
        case "any_value":
            return AnyValue(object)
        case "ephemeral_value":
            return EphemeralValue(object, guard=spec.guard)
        case "untracked_value":
            return UntrackedValue(object, guard=spec.guard)
        case "topic":
            return Topic(object, accumulate=spec.accumulate)
        case "tasks":
            return Topic(Send, accumulate=False)
        case "named_barrier":
            return NamedBarrierValue(str, names)
        case "named_barrier_after_finish":
            return NamedBarrierValueAfterFinish(str, names)
        case "binary_operator":
            assert isinstance(spec.fold, Reducer)
            return BinaryOperatorAggregate(spec.fold.typ, spec.fold.operator)
        case "custom":
            return cast("BaseChannel[Any, Any, Any]", spec.custom)
    raise ProtocolError(f"stock LangGraph has no channel kind '{spec.kind}'")


def _unchanged(value: Any) -> Any:
    return value


def _node(spec: NodeSpec) -> upstream.PregelNode:
    single = isinstance(spec.reads, str)
    return upstream.PregelNode(
        channels=spec.reads if isinstance(spec.reads, str) else list(spec.reads),
        triggers=list(spec.triggers),
        # LangGraph 1.2 keeps the inputs of one superstep by (mapper, channels) and takes "x" and
        # ["x"] for the same channels; a mapper of their own keeps the two apart.
        mapper=_unchanged if single else None,
        bound=RunnableLambda(lambda value: value) if spec.runs else None,
    )


def _task(task: Any) -> PlainTask:
    planned_packet = task.path[0] == upstream.PUSH and len(task.path) == 3
    return PlainTask(
        id=task.id,
        name=task.name,
        path=task.path,
        triggers=tuple(task.triggers),
        input=Send(task.name, task.input) if planned_packet else task.input,
        namespace=task.config["configurable"]["checkpoint_ns"],
    )


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what LangGraph logs as a warning, instead of letting it be printed."""
    logger = logging.getLogger("langgraph")
    listener, propagates = _Listener(), logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield listener.messages
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagates
