"""Registers the ``python`` engine with langgraph-engine.

Imported when the engine is chosen, never when engines are listed. The engine itself is imported
one step later, when the factory is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_engine.protocol import Engine

__all__ = ["langgraph_engine_factory"]

hookimpl = pluggy.HookimplMarker("langgraph_engine")


@hookimpl
def langgraph_engine_factory() -> Callable[[], Engine]:
    """Return the factory of the ``python`` engine."""
    return _create


def _create() -> Engine:
    from langgraph_engine_python.engine import PythonEngine

    return PythonEngine()
