"""Savers that only work in memory: nothing is gained by calling them from somewhere else.

Handing a call to a thread, or making an asyncio task of it, costs several times what LangGraph's own
``InMemorySaver`` does in it. What is recognised is that very class with its own methods and LangGraph's own
serializer: a subclass, a wrapper or another serializer may wait for something.
"""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

__all__ = ["works_in_memory"]

_METHODS = {
    name: InMemorySaver.__dict__[name] for name in ("put", "put_writes", "aput", "aput_writes")
}


def works_in_memory(saver: Any) -> bool:
    """Whether a saver's calls never wait for anything."""
    return (
        type(saver) is InMemorySaver
        and type(saver.serde) is JsonPlusSerializer
        and _METHODS.keys().isdisjoint(vars(saver))
        and all(InMemorySaver.__dict__[name] is method for name, method in _METHODS.items())
    )
