"""Savers that only work in memory: nothing is gained by calling them from somewhere else.

Handing a call to a thread, or making an asyncio task of it, costs several times what LangGraph's own
``InMemorySaver`` does in it. What is recognised is that very class with its own methods and LangGraph's own
serializer: a subclass, a wrapper or another serializer may wait for something.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

__all__ = ["Saved", "works_in_memory"]

_METHODS = ("put", "put_writes", "aput", "aput_writes")


class Saved:
    """A call to such a saver, which returned: as much of a thread pool's future as is asked of one."""

    __slots__ = ()

    def result(self) -> None:
        """Nothing is left to wait for."""


def works_in_memory(saver: Any) -> bool:
    """Whether a saver's calls never wait for anything."""
    if saver is None:
        return False
    # Importing the module for this would import it under whoever is importing LangGraph, and where
    # nobody imported it there are no such savers.
    module = sys.modules.get("langgraph.checkpoint.memory")
    if module is None or type(saver) is not vars(module).get("InMemorySaver"):
        return False
    serde = type(saver.serde)
    if (
        serde.__name__ != "JsonPlusSerializer"
        or serde.__module__ != "langgraph.checkpoint.serde.jsonplus"
        or not vars(saver).keys().isdisjoint(_METHODS)
    ):
        return False
    methods, file = vars(type(saver)), module.__file__
    for name in (
        _METHODS
    ):  # each must be the one that is written there, and not one that was put in its place
        method = methods.get(name)
        if type(method) is not FunctionType or method.__code__.co_filename != file:
            return False
    return True
