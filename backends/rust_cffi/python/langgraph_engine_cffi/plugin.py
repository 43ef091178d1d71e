"""Registers the ``cffi`` engine with langgraph-engine.

Imported when the engine is chosen, never when engines are listed. The native library is loaded one
step later, when the factory is called.
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
    """Return the factory of the ``cffi`` engine."""
    return _create


def _create() -> Engine:
    from langgraph_engine_cffi.engine import CffiEngine

    return CffiEngine()
