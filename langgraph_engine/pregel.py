"""LangGraph's ``Pregel`` with its execution methods on an engine.

``METHODS`` are the methods ``install`` puts into LangGraph's own class; ``Pregel`` is a subclass that has
them without installing anything. Each decides, before the run starts, whether the engine covers it, and
otherwise calls the method it replaced.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langgraph.types import GraphOutput

from langgraph_engine import state_api, upstream
from langgraph_engine.dispatch import engine_for, is_called, stock
from langgraph_engine.driver_async import achunks_of, afinal_state
from langgraph_engine.driver_sync import chunks_of, final_state

__all__ = ["METHODS", "Pregel"]


def stream(
    self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any
) -> Iterator[Any]:
    engine = engine_for(self, "stream")
    if engine is None:
        return stock("stream")(self, input, config, **kwargs)  # type: ignore[no-any-return]
    return chunks_of(self, engine, input, config, kwargs)


def astream(
    self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any
) -> AsyncIterator[Any]:
    engine = engine_for(self, "astream")
    if engine is None:
        return stock("astream")(self, input, config, **kwargs)  # type: ignore[no-any-return]
    return achunks_of(self, engine, input, config, kwargs)


def invoke(self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any) -> Any:
    engine = engine_for(self, "invoke")
    if engine is None:
        return stock("invoke")(self, input, config, **kwargs)
    mode, version = _prepare_invoke(self, kwargs)
    if not is_called(self, "stream", stream):
        return _collect(mode, version, list(self.stream(input, config, **kwargs)))
    if mode == "values" and version == "v1" and not _prints(self, kwargs):
        try:
            latest = final_state(self, engine, input, config, kwargs)
        except StopIteration as error:
            # LangGraph's ``stream`` is a generator, which lets none through.
            raise RuntimeError("generator raised StopIteration") from error
        return _final(latest.value, latest.interrupts)
    return _collect(mode, version, list(chunks_of(self, engine, input, config, kwargs)))


async def ainvoke(self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any) -> Any:
    engine = engine_for(self, "ainvoke")
    if engine is None:
        return await stock("ainvoke")(self, input, config, **kwargs)
    mode, version = _prepare_invoke(self, kwargs)
    if not is_called(self, "astream", astream):
        chunks = [chunk async for chunk in self.astream(input, config, **kwargs)]
        return _collect(mode, version, chunks)
    if mode == "values" and version == "v1" and not _prints(self, kwargs):
        try:
            latest = await afinal_state(self, engine, input, config, kwargs)
        except StopAsyncIteration as error:  # as above
            raise RuntimeError("async generator raised StopAsyncIteration") from error
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


def _prints(graph: upstream.AnyPregel, kwargs: dict[str, Any]) -> bool:
    # With subgraphs=True chunks of other graphs come along, and the last one wins.
    return bool(
        kwargs.get("print_mode") or kwargs.get("debug") or graph.debug or kwargs.get("subgraphs")
    )


def _final(value: Any, interrupts: Sequence[Any]) -> Any:
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
    **state_api.METHODS,
}
"""What ``install`` puts into LangGraph's ``Pregel``."""


class Pregel(upstream.Pregel):  # type: ignore[type-arg]
    """LangGraph's ``Pregel``, run by an engine without installing anything into LangGraph."""

    invoke = invoke
    ainvoke = ainvoke
    stream = stream
    astream = astream
    get_state = state_api.get_state
    aget_state = state_api.aget_state
    get_state_history = state_api.get_state_history
    aget_state_history = state_api.aget_state_history
    update_state = state_api.update_state
    aupdate_state = state_api.aupdate_state
    bulk_update_state = state_api.bulk_update_state
    abulk_update_state = state_api.abulk_update_state
