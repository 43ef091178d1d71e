"""LangGraph's own errors for writes a channel doesn't take: an engine says why, here is the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.errors import ErrorCode, InvalidUpdateError, create_error_message

from langgraph_engine.protocol import CommitRejected

__all__ = ["refusal"]


def refusal(verdict: CommitRejected, channels: Mapping[str, Any]) -> InvalidUpdateError:
    """LangGraph's own error for writes a channel doesn't take."""
    channel: Any = channels[verdict.channel]
    key = channel.key
    if verdict.reason == "last_value_many":
        return InvalidUpdateError(
            create_error_message(
                message=f"At key '{key}': Can receive only one value per step. "
                "Use an Annotated key to handle multiple values.",
                error_code=ErrorCode.INVALID_CONCURRENT_GRAPH_UPDATE,
            )
        )
    if verdict.reason == "barrier_name":
        return InvalidUpdateError(f"At key '{key}': Value {verdict.value} not in {channel.names}")
    kind = "EphemeralValue" if verdict.reason == "ephemeral_value_many" else "UntrackedValue"
    return InvalidUpdateError(
        f"At key '{key}': {kind}(guard=True) can receive only one value per step. "
        "Use guard=False if you want to store any one of multiple values."
    )
