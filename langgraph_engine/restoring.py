"""From a saved checkpoint to what an engine restores a run from.

The value of a delta channel, or of one that was a delta channel when the checkpoint was made and folds its
writes now, is a snapshot there, or has to be rebuilt from the writes saved with earlier checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream

if TYPE_CHECKING:
    from langgraph_engine.compiled import CompiledGraph

__all__ = ["engine_checkpoint", "replayed_channels"]


def replayed_channels(graph: CompiledGraph, checkpoint: Any) -> dict[str, Any]:
    """Channels whose value a checkpoint doesn't hold and its history does."""
    values = checkpoint["channel_values"]
    return {
        name: graph.channels[name]
        for name in graph.replayable
        if name in checkpoint["channel_versions"]
        and values.get(name, upstream.MISSING) is upstream.MISSING
    }


def engine_checkpoint(graph: CompiledGraph, checkpoint: Any, replayed: Mapping[str, Any]) -> Any:
    """The checkpoint with plain values where it has snapshots, or nothing but a history."""
    values = checkpoint["channel_values"]
    snapshots = {
        name: values[name].value
        for name in graph.folding
        if isinstance(values.get(name), upstream.DeltaSnapshot)
    }
    for name in graph.deltas:
        if name in values and values[name] is not upstream.MISSING:
            # None has meant "empty" since LangGraph 1.2.24.
            snapshots[name] = graph.channels[name].from_checkpoint(values[name]).get()
    snapshots.update({name: channel.value for name, channel in replayed.items()})
    return {**checkpoint, "channel_values": {**values, **snapshots}} if snapshots else checkpoint
