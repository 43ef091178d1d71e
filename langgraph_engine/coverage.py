"""What an engine of this version doesn't cover, said before a run starts.

A graph that isn't covered is handed back to LangGraph whole, with a reason; see ``docs/compatibility.md``.
"""

from __future__ import annotations

from langgraph.channels.base import BaseChannel

from langgraph_engine import upstream
from langgraph_engine.compiled import channel_spec, kept_in
from langgraph_engine.protocol import Engine

__all__ = ["explain", "uncovered"]


def explain(graph: upstream.AnyPregel, engine: Engine) -> tuple[str, ...]:
    """Every reason a graph can't run on an engine; none means it can.

    Subgraphs are graphs of their own: each is asked about when it runs.
    """
    return (*_replaced(), *_missing_capabilities(graph, engine))


def uncovered(graph: upstream.AnyPregel, engine: Engine) -> str | None:
    """Why a graph can't run on an engine, or None. What depends on the graph is remembered."""
    kept, channels = kept_in(graph), graph.channels
    known = kept.coverage
    # A copy of a graph may share what is kept, with channels of its own.
    if (
        known is None
        or known[0] is not engine
        or known[1] is not channels
        or known[2] != len(channels)
    ):
        reasons = _missing_capabilities(graph, engine)
        known = kept.coverage = engine, channels, len(channels), reasons
    if not known[3] and upstream.replaced_method() is None:
        return None
    return "; ".join((*_replaced(), *known[3]))


def _missing_capabilities(graph: upstream.AnyPregel, engine: Engine) -> tuple[str, ...]:
    reasons = []
    for name, channel in graph.channels.items():
        if isinstance(channel, BaseChannel):
            capability = f"channel:{channel_spec(name, channel).kind}"
            if capability not in engine.capabilities:
                reasons.append(f"channel '{name}' needs the capability '{capability}'")
    return tuple(reasons)


def _replaced() -> tuple[str, ...]:
    name = upstream.replaced_method()
    return () if name is None else (f"LangGraph's own {name} was replaced: engines don't call it",)
