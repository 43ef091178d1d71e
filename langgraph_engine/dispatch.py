"""Whose a call is: the engine's, LangGraph's own, or a subclass's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from langgraph_engine import installation, startup_hook, upstream
from langgraph_engine.coverage import uncovered
from langgraph_engine.errors import UnsupportedError
from langgraph_engine.protocol import Engine
from langgraph_engine.stats import count_handed_back, count_native

__all__ = ["StockMethods", "engine_for", "is_called", "stock"]

_STOCK: dict[str, Callable[..., Any]] = {
    name: upstream.Pregel.__dict__[name] for name in startup_hook.METHODS
}


def stock(method: str) -> Callable[..., Any]:
    """LangGraph's own method, whether or not ours is in its place."""
    current = installation.current
    return _STOCK[method] if current is None else current.originals[method]


class StockMethods:
    """A graph with LangGraph's own methods, whatever its class leads to."""

    def __init__(self, graph: upstream.AnyPregel) -> None:
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        return partial(stock(name), self._graph)


def engine_for(graph: upstream.AnyPregel, method: str) -> Engine | None:
    """The engine for a call of one of a graph's methods, or None if the call is LangGraph's own.

    Raises:
        UnsupportedError: The engine doesn't cover the graph, and handing it back is switched off.
    """
    selected = installation.selected()
    if selected is None:
        return None
    engine, unsupported = selected
    reason = uncovered(graph, engine)
    if reason is None:
        count_native(engine.name, method)
        return engine
    if unsupported == "raise":
        raise UnsupportedError(
            f"The '{engine.name}' engine can't run this graph: {reason}. "
            "Set LANGGRAPH_ENGINE_UNSUPPORTED=fallback to run it on LangGraph instead."
        )
    count_handed_back(method, reason)
    return None


def is_called(graph: upstream.AnyPregel, name: str, method: Callable[..., Any]) -> bool:
    """Whether a graph's method is ours, not a subclass's or somebody's wrapper."""
    return getattr(type(graph), name) is method and name not in graph.__dict__
