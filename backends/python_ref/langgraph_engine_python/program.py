"""A compiled graph: the rules of each channel, and which node waits for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import GraphSpec, NodeSpec
from langgraph_engine_python.channels import EMPTY, KINDS, Channel
from langgraph_engine_python.run import PythonRun

__all__ = ["PythonProgram"]


class PythonProgram:
    """See ``langgraph_engine.protocol.Program``. Holds no state of any run."""

    __slots__ = (
        "channels",
        "filled",
        "forgetting",
        "has_custom",
        "missing",
        "nodes",
        "send_type",
        "sorted_triggers",
        "trigger_to_nodes",
        "waiting",
    )

    def __init__(self, graph: GraphSpec) -> None:
        self.missing = graph.missing
        self.send_type = graph.send_type
        self.channels: dict[str, Channel] = {}
        for spec in graph.channels:
            kind = KINDS.get(spec.kind)
            if kind is None:
                raise ProtocolError(f"channel '{spec.name}' has unknown kind '{spec.kind}'")
            self.channels[spec.name] = kind(spec, graph.missing)
        self.nodes: dict[str, NodeSpec] = {node.name: node for node in graph.nodes}
        for node in graph.nodes:
            for name in (*node.triggers, *_names(node.reads)):
                if name not in self.channels:
                    raise ProtocolError(f"node '{node.name}' names unknown channel '{name}'")
        self.trigger_to_nodes: Mapping[str, Any] = graph.trigger_to_nodes
        self.sorted_triggers = {node.name: tuple(sorted(node.triggers)) for node in graph.nodes}
        self.waiting = [name for name, channel in self.channels.items() if channel.waits]
        self.forgetting = frozenset(n for n, channel in self.channels.items() if channel.forgets)
        self.has_custom = any(spec.kind == "custom" for spec in graph.channels)
        # Channels that aren't EMPTY before the first write.
        self.filled = [
            name
            for name, channel in self.channels.items()
            if type(channel).initial is not Channel.initial
        ]

    def restore(self, checkpoint: Mapping[str, Any] | None) -> PythonRun:
        if not checkpoint:
            states = {name: self.channels[name].initial() for name in self.filled}
            return PythonRun(self, states, {}, {}, 4)
        saved = checkpoint["channel_values"]
        states = {name: self.channels[name].load(saved.get(name, EMPTY)) for name in self.filled}
        for name, value in saved.items():
            if name in self.channels and name not in states and value is not self.missing:
                states[name] = self.channels[name].load(value)
        return PythonRun(
            self,
            states,
            dict(checkpoint["channel_versions"]),
            {node: dict(seen) for node, seen in checkpoint["versions_seen"].items()},
            checkpoint["v"],
        )


def _names(reads: str | tuple[str, ...]) -> tuple[str, ...]:
    return (reads,) if isinstance(reads, str) else reads
