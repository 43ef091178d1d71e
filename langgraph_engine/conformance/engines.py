"""Finds the engine a command line names."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langgraph_engine.protocol import Engine

__all__ = ["find_engine"]


def find_engine(name: str) -> Engine:
    """Load an engine.

    Args:
        name: What ``LANGGRAPH_ENGINE`` would say, or ``module:attribute`` for one that isn't
            registered yet: an engine, or something that makes one when called without arguments.

    Raises:
        EngineNotFoundError: No such engine is installed.
        TypeError: ``module:attribute`` is no engine.
    """
    if ":" not in name:
        from langgraph_engine import registry

        return registry.load(name)
    module, _, attribute = name.partition(":")
    found: Any = getattr(import_module(module), attribute)
    engine = found() if callable(found) else found
    if not isinstance(engine, Engine):
        raise TypeError(f"'{name}' is not an engine: it lacks a member of protocol.Engine")
    return engine
