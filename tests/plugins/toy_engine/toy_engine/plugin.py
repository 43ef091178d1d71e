"""Registers the ``toy`` engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_engine.protocol import Engine

hookimpl = pluggy.HookimplMarker("langgraph_engine")


@hookimpl
def langgraph_engine_factory() -> Callable[[], Engine]:
    from toy_engine.engine import ToyEngine

    return ToyEngine
