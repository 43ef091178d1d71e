"""What an engine must do, and nothing about how.

An engine decides: which tasks make up the next superstep, what a set of writes does to the
channels, what the checkpoint looks like. It never calls a node, a writer or a saver and does no
I/O; the facade does all of that. Three objects, each made by the one before it:

* ``Engine``  one per process; compiles graphs.
* ``Program`` one per compiled graph; immutable, shared by threads.
* ``Run``     one per invocation; used by one thread at a time.

Reading order: ``ChannelSpec`` and ``NodeSpec`` (the input), ``Task`` and ``TaskWrites`` (what passes
between engine and facade each superstep), then ``Run``.

The vocabulary (superstep, channel, task, write, checkpoint, namespace) and the algorithm are
Pregel's, as LangGraph 1.2 defines them: plan, run, commit, checkpoint, repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

__all__ = [
    "CHANNEL_KINDS",
    "PROTOCOL_VERSION",
    "PULL",
    "PUSH",
    "REJECTIONS",
    "ChannelSpec",
    "CommitRejected",
    "Committed",
    "Engine",
    "GraphSpec",
    "NodeSpec",
    "PlainTask",
    "Plan",
    "PlanningRun",
    "Program",
    "Run",
    "Task",
    "TaskPath",
    "TaskWrites",
    "Version",
    "Write",
    "made",
]

PROTOCOL_VERSION: Final = 1
"""Raised when a message or a method changes meaning; an engine states the one it speaks."""

made: Final = tuple.__new__
"""Makes a named tuple of its class and a tuple. Calling the class takes three times as long, which counts in a superstep."""

PULL: Final = "__pregel_pull"
"""First element of the path of a task triggered by its channels."""
PUSH: Final = "__pregel_push"
"""First element of the path of a task asked for by a packet (``Send``) or a running task."""

CHANNEL_KINDS: Final = (
    "last_value",
    "last_value_after_finish",
    "any_value",
    "ephemeral_value",
    "untracked_value",
    "topic",
    "binary_operator",
    "named_barrier",
    "named_barrier_after_finish",
    "tasks",
    "custom",
)
"""Every channel kind of the protocol. ``tasks`` is the topic of ``Send`` packets waiting to run."""

TaskPath: TypeAlias = tuple[Any, ...]
"""``(PULL, node)``, ``(PUSH, index, False)`` or ``(PUSH, parent path, index, True)``."""
Version: TypeAlias = int | float | str
"""A channel version. All versions of one run have one type and only grow."""
Write: TypeAlias = tuple[str, Any]
"""``(channel, value)``."""


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel of a graph, as plain data plus references to the user's callables.

    Attributes:
        name: The channel's key in the graph.
        kind: One of ``CHANNEL_KINDS``.
        guard: ``ephemeral_value`` and ``untracked_value``: refuse a second write in one superstep.
        accumulate: ``topic``: keep values across supersteps.
        names: barriers: the names that must all arrive.
        fold: ``binary_operator``: ``fold(base, values) -> value``. ``base`` is the spec's
            ``missing`` object while the channel is empty. Applies the user's reducer and
            ``Overwrite``; whatever it raises belongs to the user and passes through untouched.
        aggregate: ``binary_operator``: an object whose ``operator`` is the user's reducer. Given one, an engine
            may do what ``fold`` does by calling ``operator(base, value)`` for one value after the other (the
            first is the base of an empty channel), unless a value is a ``dict`` or an ``overwrite``.
        overwrite: ``binary_operator``: the class of values that replace what was folded; goes with ``aggregate``.
        overwrite_keys: ``binary_operator``: a ``dict`` that has none of these keys, and isn't of a class of somebody's
            own, is folded as any value. None: any ``dict`` may be an overwrite.
        initial: ``binary_operator``: makes the value a fresh channel starts with, or ``missing``.
        custom: ``custom``: the prototype. It has LangGraph's ``BaseChannel`` methods
            (``from_checkpoint``, ``checkpoint``, ``get``, ``is_available``, ``update``,
            ``consume``, ``finish``, ``copy``).
    """

    name: str
    kind: str
    guard: bool = True
    accumulate: bool = False
    names: frozenset[str] = frozenset()
    fold: Callable[[Any, Sequence[Any]], Any] | None = None
    initial: Callable[[], Any] | None = None
    custom: Any = None
    aggregate: Any = None
    overwrite: type | None = None
    overwrite_keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: what triggers it and what it reads.

    Attributes:
        name: The node's key in the graph.
        triggers: Channels whose update starts the node.
        reads: The channels making up its input: one name (the input is that channel's value)
            or a tuple (the input is a dict of those available). Managed values are not listed.
        runs: False for a node with nothing to run; it is never planned.
    """

    name: str
    triggers: tuple[str, ...]
    reads: str | tuple[str, ...]
    runs: bool = True


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """A compiled graph as plain data.

    Attributes:
        channels: In the graph's order; checkpoints list values in it.
        nodes: In the graph's order.
        trigger_to_nodes: Channel name to the nodes it may trigger. Empty: every node is
            considered in every superstep.
        missing: The object that stands for "no value" wherever values pass.
        send_type: The class of the packets in the ``tasks`` channel; a packet has ``.node``; for engines that
            run supersteps also ``.arg`` and ``.timeout``.
    """

    channels: tuple[ChannelSpec, ...]
    nodes: tuple[NodeSpec, ...]
    trigger_to_nodes: Mapping[str, Sequence[str]]
    missing: Any
    send_type: Any  # a class; typed so because its packets have `.node`


@runtime_checkable
class Task(Protocol):
    """One task of a superstep.

    Attributes:
        id: UUID-shaped text; the XXH3-128 (SHA-1 for checkpoints of format 1) of checkpoint id,
            namespace, step, name and what triggered the task.
        name: The node to run.
        path: Says where the task comes from; its text form orders commits.
        triggers: Sorted channel names, or ``(PUSH,)``.
        input: What the node's channels hold (see ``NodeSpec.reads``); for a ``PUSH`` task made by
            ``plan``, the packet itself; ``None`` for one made by ``push``.
        namespace: The task's own checkpoint namespace, ``parent|name:id``.
    """

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> TaskPath: ...
    @property
    def triggers(self) -> tuple[str, ...]: ...
    @property
    def input(self) -> Any: ...
    @property
    def namespace(self) -> str: ...


class PlainTask(NamedTuple):
    """A ``Task`` as plain data, for engines that have no class of their own for it."""

    id: str
    name: str
    path: TaskPath
    triggers: tuple[str, ...]
    input: Any
    namespace: str

    def __repr__(self) -> str:
        return f"Task(id={self.id!r}, name={self.name!r}, path={self.path!r})"


class TaskWrites(NamedTuple):
    """What one task wrote. ``triggers`` is empty for writes that are not a node's (input)."""

    path: TaskPath
    name: str
    writes: Iterable[Write]
    triggers: Sequence[str]


class Plan(NamedTuple):
    """The next superstep: its tasks in order, and packets no task could be made for.

    ``ignored`` pairs a reason (``"packet_type"`` or ``"unknown_node"``) with the packet.
    """

    tasks: Sequence[Task]
    ignored: Sequence[tuple[str, Any]] = ()


class Committed(NamedTuple):
    """What a commit did.

    Attributes:
        updated: Names of the channels that changed and hold a value; they may trigger nodes.
        unknown: ``(task name, task path, channel)`` for each write to a channel that isn't there.
    """

    updated: set[str]
    unknown: Sequence[tuple[str, TaskPath, str]] = ()


REJECTIONS: Final = (
    "last_value_many",
    "ephemeral_value_many",
    "untracked_value_many",
    "barrier_name",
)
"""Every reason an engine refuses a commit for; the facade has the sentence for each."""


@dataclass
class CommitRejected(Exception):  # noqa: N818 - a verdict with data, turned into InvalidUpdateError
    """Raised by ``Run.commit`` for writes a channel doesn't take. The run is as it was before.

    Attributes:
        reason: One of ``REJECTIONS``.
        channel: The channel that refused.
        value: ``barrier_name``: the name that is not the barrier's.
    """

    reason: str
    channel: str
    value: Any = field(default=None)

    def __post_init__(self) -> None:
        super().__init__(self.reason, self.channel, self.value)


class Run(Protocol):
    """The state of one invocation: channels, versions, and what each node has seen."""

    def plan(
        self, step: int, checkpoint_id: str, namespace: str, updated: Collection[str] | None
    ) -> Plan:
        """Say which tasks make up the next superstep.

        Behavior:
            - Packets waiting in the ``tasks`` channel come first, in their order.
            - A node is planned when one of its triggers is available and newer than the node saw.
            - With ``updated`` only nodes those channels may trigger are considered, sorted by name.
            - Without ``updated`` every node is considered, in the graph's order.
            - A node whose single input channel is empty is not planned.
            - Planning changes nothing: the same call gives the same tasks.

        Args:
            step: The superstep's number; part of the task ids.
            checkpoint_id: UUID text of the checkpoint this superstep starts from.
            namespace: The run's own checkpoint namespace; ``""`` at the root.
            updated: Channels the last commit updated, or None or empty if not known.
        """
        ...

    def push(
        self,
        name: str,
        path: TaskPath,
        parts: Sequence[str],
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> Task:
        """Make a task a running task asks for.

        Behavior:
            - Its id covers ``name``, ``PUSH`` and ``parts``, after checkpoint id, namespace, step.
            - Its only trigger is ``PUSH``.
        """
        ...

    def commit(self, writes: Sequence[TaskWrites], version: Version | None) -> Committed:
        """Apply one superstep's writes and say which channels changed.

        Behavior:
            - Writes apply in task-path order, whatever order they arrive in.
            - Each task's node is marked as having seen its triggers at their versions so far.
            - Channels that triggered a task are consumed.
            - Two writes to one ``last_value`` channel are refused.
            - A guarded ephemeral or untracked channel refuses a second write.
            - A barrier refuses a name that isn't its own.
            - Writes to reserved names change nothing; writes to unknown channels are reported.
            - If a task has triggers, a superstep passed: ephemeral, any-value and plain topic
              channels that were not written lose their value.
            - If nothing updated can trigger a node, waiting channels finish.
            - Every changed channel gets ``version``.
            - If anything raises, the run is as it was before the call.

        Args:
            writes: One entry per task; at most one entry per task path.
            version: The version for channels that change; None means one more than the highest
                (integers only).

        Raises:
            CommitRejected: A channel refused its writes.
        """
        ...

    def read(self, keys: str | Sequence[str], writes: Iterable[Write] | None = None) -> Any:
        """Read channels; with ``writes``, as if one task's writes had been committed.

        Behavior:
            - One name gives its value, or None if the channel is empty.
            - Several names give a dict without the empty ones, in the order asked.
            - With ``writes`` (even none) each channel is read as a superstep with just those
              writes would leave it; the run doesn't change.
            - Unknown names raise ``KeyError``.

        Raises:
            CommitRejected: A channel wouldn't take ``writes``.
        """
        ...

    def state(self, name: str) -> Any:
        """One channel's checkpoint value (an untracked one's value too), or ``missing``.

        Behavior:
            - A custom channel gives the live channel object.
        """
        ...

    def max_version(self) -> Version | None:
        """The highest channel version, or None if no channel was ever written."""
        ...

    def see(self, name: str) -> None:
        """Mark ``name`` as having seen every channel at its present version."""
        ...

    def unseen(self, name: str) -> bool:
        """Whether any channel is newer than ``name`` has seen."""
        ...

    def checkpoint(
        self, checkpoint_id: str, timestamp: str, updated: Collection[str] | None
    ) -> dict[str, Any]:
        """Build LangGraph's checkpoint of the present state, in the present format.

        The ids of tasks planned afterwards are those of that format too.

        Behavior:
            - Keys and their order are ``v, ts, id, channel_values, channel_versions,
              versions_seen, updated_channels``.
            - Only channels that have a version and a value are listed, in the graph's order.
            - Untracked channels are never listed.
            - The dict and its containers are new: later supersteps don't change it.
        """
        ...


class PlanningRun(Run, Protocol):
    """A run of an engine with the capability ``commit_and_plan``, for which one call is cheaper than two."""

    def commit_and_plan(
        self,
        writes: Sequence[TaskWrites],
        version: Version | None,
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> tuple[Committed, Plan | None]:
        """``commit``, then ``plan`` with the channels it updated.

        Behavior:
            - It commits as commit does, and fails as it does.
            - The plan is the one that plan would give afterwards.
            - None stands for a plan that takes a call of the user's, or fails: plan is to be called.
        """
        ...


class Program(Protocol):
    """A compiled graph. Immutable and safe to share between threads."""

    def restore(self, checkpoint: Mapping[str, Any] | None) -> Run:
        """Start a run from a checkpoint, or from nothing.

        Behavior:
            - None and an empty checkpoint are the same start.
            - The checkpoint is not kept and never changed.
            - Values of channels the graph doesn't have are dropped; their versions are kept.
        """
        ...


@runtime_checkable
class Engine(Protocol):
    """An engine: a name, what it can do, and a compiler.

    Attributes:
        name: What ``LANGGRAPH_ENGINE`` selects.
        version: The engine's own version, for people.
        protocol_version: The ``PROTOCOL_VERSION`` it was written for.
        capabilities: Optional abilities, as names: ``channel:<kind>`` for each kind it keeps
            natively, and ``codec``, ``savers``, ``commit_and_plan``, ``execute``, ``meeting`` or
            ``messages``.
    """

    name: str
    version: str
    protocol_version: int
    capabilities: frozenset[str]

    def compile(self, graph: GraphSpec) -> Program:
        """Compile a graph once.

        Behavior:
            - The same spec compiled twice gives two programs that behave alike.
            - A spec that can't be compiled is refused with ``ProtocolError`` naming what is wrong.
        """
        ...
