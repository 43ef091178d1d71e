"""LangGraph's ``Pregel`` with its execution methods on an engine.

``METHODS`` are the methods ``install`` puts into LangGraph's own class; ``Pregel`` is a subclass that has
them without installing anything. Each decides, before the run starts, whether the engine covers it, and
otherwise calls the method it replaced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from langgraph.types import GraphOutput

from langgraph_engine import installation, upstream
from langgraph_engine.coverage import uncovered
from langgraph_engine.driver_async import achunks_of, afinal_state
from langgraph_engine.driver_sync import chunks_of, final_state
from langgraph_engine.errors import UnsupportedError
from langgraph_engine.protocol import Engine
from langgraph_engine.stats import count_handed_back, count_native

__all__ = ["METHODS", "Pregel"]

_STOCK: dict[str, Callable[..., Any]] = {
    name: upstream.Pregel.__dict__[name] for name in ("invoke", "ainvoke", "stream", "astream")
}


def _stock(method: str) -> Callable[..., Any]:
    """LangGraph's own method, whether or not ours is in its place."""
    current = installation.current
    return _STOCK[method] if current is None else current.originals[method]


def _engine_for(graph: upstream.AnyPregel, method: str) -> Engine | None:
    """The engine to run a graph on, or None if this run is LangGraph's own.

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


def stream(
    self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any
) -> Iterator[Any]:
    engine = _engine_for(self, "stream")
    if engine is None:
        return _stock("stream")(self, input, config, **kwargs)  # type: ignore[no-any-return]
    return chunks_of(self, engine, input, config, kwargs)


def astream(
    self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any
) -> AsyncIterator[Any]:
    engine = _engine_for(self, "astream")
    if engine is None:
        return _stock("astream")(self, input, config, **kwargs)  # type: ignore[no-any-return]
    return achunks_of(self, engine, input, config, kwargs)


def invoke(self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any) -> Any:
    engine = _engine_for(self, "invoke")
    if engine is None:
        return _stock("invoke")(self, input, config, **kwargs)
    mode, version = _prepare_invoke(self, kwargs)
    if not _has(self, "stream", stream):
        return _collect(mode, version, list(self.stream(input, config, **kwargs)))
    if mode == "values" and version == "v1" and not _prints(self, kwargs):
        latest = final_state(self, engine, input, config, kwargs)
        return _final(latest.value, latest.interrupts)
    return _collect(mode, version, list(chunks_of(self, engine, input, config, kwargs)))


async def ainvoke(self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any) -> Any:
    engine = _engine_for(self, "ainvoke")
    if engine is None:
        return await _stock("ainvoke")(self, input, config, **kwargs)
    mode, version = _prepare_invoke(self, kwargs)
    if not _has(self, "astream", astream):
        chunks = [chunk async for chunk in self.astream(input, config, **kwargs)]
        return _collect(mode, version, chunks)
    if mode == "values" and version == "v1" and not _prints(self, kwargs):
        latest = await afinal_state(self, engine, input, config, kwargs)
        return _final(latest.value, latest.interrupts)
    chunks = [chunk async for chunk in achunks_of(self, engine, input, config, kwargs)]
    return _collect(mode, version, chunks)


# -- invoke: a stream, and what is left of it ---------------------------------------------------


def _prepare_invoke(graph: upstream.AnyPregel, kwargs: dict[str, Any]) -> tuple[Any, str]:
    mode = kwargs.setdefault("stream_mode", "values")
    version = kwargs.get("version", "v1")
    if kwargs.get("output_keys") is None:
        kwargs["output_keys"] = graph.output_channels
    if mode == "values" and version != "v2":
        kwargs["stream_mode"] = ["updates", "values"]
    return mode, version


def _has(graph: upstream.AnyPregel, name: str, method: Callable[..., Any]) -> bool:
    """Whether a graph's method is ours, not a subclass's or somebody's wrapper."""
    return getattr(type(graph), name) is method and name not in graph.__dict__


def _prints(graph: upstream.AnyPregel, kwargs: dict[str, Any]) -> bool:
    # With subgraphs=True chunks of other graphs come along, and the last one wins.
    return bool(
        kwargs.get("print_mode") or kwargs.get("debug") or graph.debug or kwargs.get("subgraphs")
    )


def _final(value: Any, interrupts: list[Any]) -> Any:
    if not interrupts:
        return value
    if isinstance(value, dict):
        return {**value, upstream.INTERRUPT: interrupts}
    return {upstream.INTERRUPT: interrupts}


def _collect(mode: Any, version: str, chunks: list[Any]) -> Any:
    if mode != "values":
        return chunks
    value: Any = None
    interrupts: list[Any] = []
    if version == "v2":
        for chunk in chunks:
            value = chunk["data"]
            interrupts.extend(chunk.get("interrupts", ()))
        return GraphOutput(value=value, interrupts=tuple(interrupts))
    for chunk in chunks:
        kind, payload = chunk[-2:]
        if kind == "values":
            value = payload
        elif isinstance(payload, dict) and payload.get(upstream.INTERRUPT) is not None:
            interrupts.extend(payload[upstream.INTERRUPT])
    return _final(value, interrupts)


METHODS: Mapping[str, Callable[..., Any]] = {
    "invoke": invoke,
    "ainvoke": ainvoke,
    "stream": stream,
    "astream": astream,
}
"""What ``install`` puts into LangGraph's ``Pregel``."""


class Pregel(upstream.Pregel):  # type: ignore[type-arg]
    """LangGraph's ``Pregel``, run by an engine without installing anything into LangGraph."""

    invoke = invoke
    ainvoke = ainvoke
    stream = stream
    astream = astream
