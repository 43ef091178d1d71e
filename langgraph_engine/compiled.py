"""A LangGraph graph, compiled for an engine: once per graph and engine, shared by every run.

    Pregel (nodes, channels) -> GraphSpec -> engine.compile -> Program
                             -> NodePlans: how to call each node directly, if it can be

What is compiled is kept in the graph it belongs to, and made anew when the graph's nodes or channels
were changed since.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import is_
from types import BuiltinFunctionType
from typing import Any

from langgraph.channels import (
    AnyValue,
    BinaryOperatorAggregate,
    DeltaChannel,
    EphemeralValue,
    LastValue,
    NamedBarrierValue,
    Topic,
    UntrackedValue,
)
from langgraph.channels.base import BaseChannel
from langgraph.channels.last_value import LastValueAfterFinish
from langgraph.channels.named_barrier_value import NamedBarrierValueAfterFinish
from langgraph.errors import ErrorCode, InvalidUpdateError, create_error_message
from langgraph.types import Overwrite, Send

from langgraph_engine import upstream
from langgraph_engine.delta import delta_fold
from langgraph_engine.execute import Executor
from langgraph_engine.execution import make_executor
from langgraph_engine.forks import free_in_forks
from langgraph_engine.hand_over import BetweenRuns
from langgraph_engine.meeting import Meeting, meetings
from langgraph_engine.message_reducer import MergeMessages, aggregate_of, merging
from langgraph_engine.node_plans import NodePlans
from langgraph_engine.overwrites import keys_of_overwrites
from langgraph_engine.protocol import ChannelSpec, Engine, GraphSpec, NodeSpec, Program

__all__ = ["CompiledGraph", "Kept", "compiled", "graph_spec", "kept_in"]

_MISSING = upstream.MISSING

_KINDS: dict[type, str] = {
    LastValue: "last_value",
    LastValueAfterFinish: "last_value_after_finish",
    AnyValue: "any_value",
    EphemeralValue: "ephemeral_value",
    UntrackedValue: "untracked_value",
    Topic: "topic",
    BinaryOperatorAggregate: "binary_operator",
    DeltaChannel: "binary_operator",
    NamedBarrierValue: "named_barrier",
    NamedBarrierValueAfterFinish: "named_barrier_after_finish",
}
# Channels of these kinds keep their value until a write replaces it, so a value emitted for one is
# still the value read later.
_EMPTY_BUILTINS = (list, dict, set, int, float, str, bool, tuple, frozenset)
_OWN_MODULES = ("_operator", "builtins")
_OVERWRITE_KEYS = keys_of_overwrites(upstream.get_overwrite)
_LASTING_KINDS = frozenset({"last_value", "untracked_value", "binary_operator"})


@dataclass(frozen=True, slots=True)
class CompiledGraph:
    """What a run needs to know of a graph.

    Attributes:
        program: The engine's side.
        channels: The graph's channel prototypes, without managed values.
        managed: Managed values by name.
        plans: One per node, by its name.
        lasting: Channels whose value only changes by being written.
        folding: Names of the ``binary_operator`` channels.
        deltas: Names of the delta channels, of which checkpoints hold a snapshot at most.
        replayable: Names of the channels whose value may have to be rebuilt from saved writes.
        trigger_to_nodes: Channel name to the nodes it may trigger.
        custom: Names of the ``custom`` channels.
        untracked: Names of the channels that are never saved.
        executor: Runs simple supersteps; None for a graph with delta channels.
        plans_ahead: Whether the engine has the capability ``commit_and_plan``, and it is of use.
        meeting: Makes a place where the event loop and a thread meet; see ``MeetingEngine``.
        between_runs: What a run that was handed over to a thread leaves to the next one.
    """

    program: Program
    channels: Mapping[str, BaseChannel[Any, Any, Any]]
    managed: Mapping[str, Any]
    plans: NodePlans
    lasting: frozenset[str]
    folding: tuple[str, ...]
    deltas: frozenset[str]
    replayable: tuple[str, ...]
    trigger_to_nodes: Mapping[str, Sequence[str]]
    custom: tuple[str, ...]
    untracked: frozenset[str]
    executor: Executor | None
    plans_ahead: bool
    meeting: Callable[..., Meeting]
    between_runs: BetweenRuns

    def reduces_in_threads(self) -> bool:
        """Whether combining what was written calls no code of the user's, which LangGraph calls in the event loop."""
        return not self.custom and all(
            _is_known(self.channels[name].operator)  # type: ignore[attr-defined]  # they fold
            for name in self.folding
        )


def _is_known(reducer: Any) -> bool:
    """Whether a reducer is one of Python's own functions, or ``add_messages``."""
    return (
        type(reducer) is BuiltinFunctionType and reducer.__module__ in _OWN_MODULES
    ) or upstream.is_add_messages(reducer)


def channel_spec(
    name: str, channel: BaseChannel[Any, Any, Any], merge: MergeMessages | None = None
) -> ChannelSpec:
    """Describe one channel for an engine. Subclasses of LangGraph's kinds are ``custom``.

    Args:
        name: The channel's key in the graph.
        channel: The channel.
        merge: Makes a reducer of messages, if the engine has one.
    """
    kind = _KINDS.get(type(channel), "custom")
    if type(channel) is DeltaChannel:
        return ChannelSpec(name, kind, fold=delta_fold(channel), initial=channel.typ)
    if kind in ("ephemeral_value", "untracked_value"):
        return ChannelSpec(name, kind, guard=channel.guard)  # type: ignore[attr-defined]
    if kind == "topic":
        if name == upstream.TASKS:
            return ChannelSpec(name, "tasks")
        return ChannelSpec(name, kind, accumulate=channel.accumulate)  # type: ignore[attr-defined]
    if kind == "binary_operator":
        return _folding_spec(name, channel, merge)  # type: ignore[arg-type]
    if kind in ("named_barrier", "named_barrier_after_finish"):
        names = channel.names  # type: ignore[attr-defined]
        if all(isinstance(item, str) for item in names):
            return ChannelSpec(name, kind, names=frozenset(names))
        kind = "custom"
    if kind == "custom":
        return ChannelSpec(name, kind, custom=channel)
    return ChannelSpec(name, kind)


def _folding_spec(
    name: str, channel: BinaryOperatorAggregate[Any], merge: MergeMessages | None
) -> ChannelSpec:
    aggregate = aggregate_of(channel, merge)

    def fold(base: Any, values: Sequence[Any]) -> Any:
        reducer, start = aggregate.operator, 0
        if base is _MISSING:
            base, start = values[0], 1
        overwritten = False
        for value in values[start:] if start else values:
            # Others LangGraph doesn't take for one either; asking it takes longer than most reducers do.
            overwrites, replacement = False, None
            if isinstance(value, (dict, Overwrite)):
                overwrites, replacement = upstream.get_overwrite(value)
            if overwrites:
                if overwritten:
                    raise InvalidUpdateError(
                        create_error_message(
                            message="Can receive only one Overwrite value per super-step.",
                            error_code=ErrorCode.INVALID_CONCURRENT_GRAPH_UPDATE,
                        )
                    )
                base, overwritten = replacement, True
            elif not overwritten:
                base = reducer(base, value)
        return base

    def initial() -> Any:
        return channel.from_checkpoint(_MISSING).value

    first = initial()
    empty = type(first) in _EMPTY_BUILTINS and first == type(first)()
    return ChannelSpec(
        name,
        "binary_operator",
        fold=fold,
        initial=type(first) if empty else initial,
        aggregate=aggregate,
        overwrite=Overwrite,
        overwrite_keys=_OVERWRITE_KEYS,
    )


def graph_spec(graph: upstream.AnyPregel, merge: MergeMessages | None = None) -> GraphSpec:
    """Describe a graph for an engine; ``merge`` as for ``channel_spec``."""
    channels = {k: c for k, c in graph.channels.items() if isinstance(c, BaseChannel)}
    return GraphSpec(
        channels=tuple(channel_spec(name, channel, merge) for name, channel in channels.items()),
        nodes=tuple(
            NodeSpec(
                name=name,
                triggers=tuple(node.triggers),
                reads=node.channels
                if isinstance(node.channels, str)
                else tuple(c for c in node.channels if c in channels),
                runs=upstream.runs_something(node),
            )
            for name, node in graph.nodes.items()
        ),
        trigger_to_nodes=graph.trigger_to_nodes,
        missing=_MISSING,
        send_type=Send,
    )


def _compile(graph: upstream.AnyPregel, engine: Engine) -> CompiledGraph:
    channels = {k: c for k, c in graph.channels.items() if isinstance(c, BaseChannel)}
    managed = {k: m for k, m in graph.channels.items() if k not in channels}
    spec = graph_spec(graph, merging(engine))
    program = engine.compile(spec)
    kinds = {channel.name: channel.kind for channel in spec.channels}
    del spec  # which is as large as what follows
    deltas = frozenset(k for k, c in channels.items() if isinstance(c, DeltaChannel))
    folding = tuple(k for k, kind in kinds.items() if kind == "binary_operator")
    custom = tuple(k for k, kind in kinds.items() if kind == "custom")
    plans = NodePlans(graph.nodes, managed)
    return CompiledGraph(
        program=program,
        channels=channels,
        managed=managed,
        plans=plans,
        lasting=frozenset(k for k, kind in kinds.items() if kind in _LASTING_KINDS),
        folding=folding,
        deltas=deltas,
        replayable=tuple(
            k for k, kind in kinds.items() if kind == "binary_operator" or k in deltas
        ),
        trigger_to_nodes=graph.trigger_to_nodes,
        custom=custom,
        untracked=frozenset(k for k, c in channels.items() if isinstance(c, UntrackedValue)),
        executor=None
        if deltas
        else make_executor(engine, program, channels, plans, asks=bool(folding or custom)),
        plans_ahead=not deltas and "commit_and_plan" in engine.capabilities,
        meeting=meetings(engine),
        between_runs=BetweenRuns(),
    )


_KEPT = "__langgraph_engine_compiled__"
_LOOKED_AT_ONE_BY_ONE = 256
_lock = free_in_forks(threading.Lock())


class Kept(dict[str, tuple["_Shape", CompiledGraph]]):
    """What was compiled of a graph, by engine. Kept in the graph, so that it goes when the graph goes.

    (A weak map of graphs would keep them alive: a node often refers to the graph it is in.) Copies and
    pickles of a graph start without.

    Attributes:
        coverage: What ``coverage`` knows of the graph.
    """

    coverage: Any = None

    def __deepcopy__(self, _: Any) -> Kept:
        return Kept()

    def __reduce__(self) -> Any:
        return Kept, ()


class _Shape:
    """What changes when somebody changes a graph after compiling it.

    Replaced nodes and channels are noticed one by one in graphs of ordinary size.
    """

    __slots__ = ("_channels", "_count", "_nodes", "_triggers", "_values")

    def __init__(self, graph: upstream.AnyPregel) -> None:
        nodes, channels = graph.nodes, graph.channels
        self._nodes, self._channels, self._triggers = nodes, channels, graph.trigger_to_nodes
        self._count = len(nodes) + len(channels)
        self._values: tuple[Any, ...] | None = None
        if self._count <= _LOOKED_AT_ONE_BY_ONE:
            self._values = (*nodes.values(), *channels.values())

    def fits(self, graph: upstream.AnyPregel) -> bool:
        """Whether the graph is as it was."""
        nodes, channels, values = graph.nodes, graph.channels, self._values
        if (
            nodes is not self._nodes
            or channels is not self._channels
            or graph.trigger_to_nodes is not self._triggers
            or len(nodes) + len(channels) != self._count
        ):
            return False
        return values is None or all(map(is_, chain(nodes.values(), channels.values()), values))


def kept_in(graph: upstream.AnyPregel) -> Kept:
    """What is kept in a graph. Safe from any thread."""
    kept: Kept | None = graph.__dict__.get(_KEPT)
    if kept is None:
        with _lock:
            kept = graph.__dict__.setdefault(_KEPT, Kept())
    return kept


def compiled(graph: upstream.AnyPregel, engine: Engine) -> CompiledGraph:
    """Compile a graph for an engine, or give what was compiled before. Safe from any thread."""
    kept = kept_in(graph)
    found = kept.get(engine.name)
    if found is not None and found[0].fits(graph):
        return found[1]
    shape = _Shape(graph)
    made = _compile(graph, engine)
    kept[engine.name] = (shape, made)
    return made
