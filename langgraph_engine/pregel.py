"""LangGraph's ``Pregel`` with its execution methods on an engine.

``METHODS`` are the methods ``install`` puts into LangGraph's own class; ``Pregel`` is a subclass that has
them without installing anything. Each decides, before the run starts, whether the engine covers it, and
otherwise calls the method it replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any

from langgraph.types import GraphOutput

from langgraph_engine import installation, upstream
from langgraph_engine.coverage import uncovered
from langgraph_engine.direct_run import arun_live, arun_quietly, run_live, run_quietly
from langgraph_engine.errors import UnsupportedError
from langgraph_engine.invocation import Invocation
from langgraph_engine.listeners import announce
from langgraph_engine.loop_async import AsyncLoop
from langgraph_engine.loop_sync import SyncLoop
from langgraph_engine.protocol import Engine
from langgraph_engine.saving import Latest
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
    return _stream(self, engine, input, config, kwargs)


def astream(
    self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any
) -> AsyncIterator[Any]:
    engine = _engine_for(self, "astream")
    if engine is None:
        return _stock("astream")(self, input, config, **kwargs)  # type: ignore[no-any-return]
    return _astream(self, engine, input, config, kwargs)


def invoke(self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any) -> Any:
    engine = _engine_for(self, "invoke")
    if engine is None:
        return _stock("invoke")(self, input, config, **kwargs)
    mode, version = _prepare_invoke(self, kwargs)
    if not _has(self, "stream", stream):
        return _collect(mode, version, list(self.stream(input, config, **kwargs)))
    if mode == "values" and version == "v1" and not _prints(self, kwargs):
        latest = Latest()
        for _ in _stream(self, engine, input, config, kwargs, latest):
            pass
        return _final(latest.value, latest.interrupts)
    return _collect(mode, version, list(_stream(self, engine, input, config, kwargs)))


async def ainvoke(self: upstream.AnyPregel, input: Any, config: Any = None, **kwargs: Any) -> Any:
    engine = _engine_for(self, "ainvoke")
    if engine is None:
        return await _stock("ainvoke")(self, input, config, **kwargs)
    mode, version = _prepare_invoke(self, kwargs)
    if not _has(self, "astream", astream):
        chunks = [chunk async for chunk in self.astream(input, config, **kwargs)]
        return _collect(mode, version, chunks)
    if mode == "values" and version == "v1" and not _prints(self, kwargs):
        latest = Latest()
        async for _ in _astream(self, engine, input, config, kwargs, latest):
            pass
        return _final(latest.value, latest.interrupts)
    chunks = [chunk async for chunk in _astream(self, engine, input, config, kwargs)]
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


# -- sync ---------------------------------------------------------------------------------------


def _stream(
    graph: upstream.AnyPregel,
    engine: Engine,
    input: Any,
    config: Any,
    kwargs: dict[str, Any],
    latest: Latest | None = None,
) -> Iterator[Any]:
    chunks = None if latest is not None else upstream.SyncQueue()
    put: Any = latest.put if latest is not None else chunks.put  # type: ignore[union-attr]
    call = Invocation(graph, engine, input, config, is_async=False, **kwargs)
    manager = None
    try:
        call.apply_defaults()
        manager = announce(call.make_callbacks(), input, **call.announcement())
        call.announced(manager)
        with call.make_loop(SyncLoop, put, put, latest) as loop:
            call.opened(loop)
            _emit_lifecycle(call, loop)
            if chunks is None:
                _run_supersteps(call, loop)
            else:
                yield from _stream_supersteps(call, loop, chunks)
        _emit_lifecycle(call, loop)
        if chunks is not None:
            yield from call.output(chunks.get, queue.Empty)
        elif latest is not None:
            _settle_latest(latest, loop)
        call.check_end(loop)
        if manager.handlers:
            manager.on_chain_end(loop.output)
    except BaseException as error:
        if manager is not None:
            manager.on_chain_error(error)
        raise


def _run_supersteps(call: Invocation, loop: SyncLoop) -> None:
    """Run to the end when nobody takes chunks on the way."""
    _prepare_runner(call, loop, None)
    waits = call.durability_mode == "sync"
    while loop.tick():
        if loop.live:
            run_quietly(loop)
        else:
            for _ in _run_tasks(call, loop, None):
                pass
        loop.after_tick()
        if loop.lifecycle_events:
            _emit_lifecycle(call, loop)
        if waits and loop.put_checkpoint_future is not None:
            loop.put_checkpoint_future.result()


def _stream_supersteps(call: Invocation, loop: SyncLoop, chunks: Any) -> Iterator[Any]:
    """Run to the end, giving chunks as they come."""
    waiter = _prepare_runner(call, loop, chunks)
    waits = call.durability_mode == "sync"
    while loop.tick():
        for _ in run_live(loop) if loop.live else _run_tasks(call, loop, waiter):
            yield from call.output(chunks.get, queue.Empty)
        loop.after_tick()
        _emit_lifecycle(call, loop)
        if waits and loop.put_checkpoint_future is not None:
            loop.put_checkpoint_future.result()


def _run_tasks(call: Invocation, loop: SyncLoop, waiter: Any) -> Iterator[None]:
    loop.put_cached_writes()
    return loop.runner.tick(
        [task for task in loop.tasks.values() if not task.writes],
        timeout=call.graph.step_timeout,
        get_waiter=waiter,
        schedule_task=loop.accept_push,
    )


def _settle_latest(latest: Latest, loop: Any) -> None:
    if latest.due:
        # The output read at the end is the state the last chunk would have held.
        latest.value = loop.output.copy() if isinstance(loop.output, dict) else loop.output


def _emit_lifecycle(call: Invocation, loop: Any) -> None:
    if loop.lifecycle_events:
        for tell, event in call.lifecycle_events(loop):
            tell(event)


def _prepare_runner(call: Invocation, loop: SyncLoop, chunks: Any) -> Any:
    """Make the runner for tasks that aren't called directly, and what wakes it for output."""

    def make_runner() -> upstream.PregelRunner:
        conf = call.config[upstream.CONF]
        return upstream.PregelRunner(
            submit=conf.get(upstream.CONFIG_KEY_RUNNER_SUBMIT, weakref.WeakMethod(loop.submit)),
            put_writes=weakref.WeakMethod(loop.put_writes),
            node_finished=conf.get(upstream.CONFIG_KEY_NODE_FINISHED),
            node_error_handler_map=call.graph.node_error_handler_map,
            schedule_error_handler=loop.schedule_error_handler,
        )

    loop.make_runner = make_runner
    if call.subgraphs:
        loop.config[upstream.CONF][upstream.CONFIG_KEY_STREAM] = loop.stream
    if not call.waits_for_stream or chunks is None:
        return None
    waiting: Any = None
    # One waiter at a time: closing releases the queue's semaphore once, which ends it.
    loop.closing.append(chunks._count.release)

    def waiter() -> Any:
        nonlocal waiting
        if waiting is None or waiting.done():
            waiting = loop.submit(chunks.wait)
        return waiting

    return waiter


# -- async --------------------------------------------------------------------------------------


async def _astream(
    graph: upstream.AnyPregel,
    engine: Engine,
    input: Any,
    config: Any,
    kwargs: dict[str, Any],
    latest: Latest | None = None,
) -> AsyncIterator[Any]:
    event_loop = asyncio.get_running_loop()
    chunks = None if latest is not None else upstream.AsyncQueue()
    put: Any = latest.put if latest is not None else chunks.put_nowait  # type: ignore[union-attr]
    call = Invocation(graph, engine, input, config, is_async=True, **kwargs)
    manager = None
    try:
        call.apply_defaults()
        callbacks = call.make_callbacks()
        manager = announce(callbacks, input, **call.announcement())
        if callbacks.handlers:
            manager = await manager
        call.announced(manager)
        use_astream = any(
            upstream.is_stream_handler(handler)
            and not isinstance(
                handler, (upstream.StreamMessagesHandler, upstream.StreamToolCallHandler)
            )
            for handler in manager.handlers
        )
        put_threadsafe: Any = partial(event_loop.call_soon_threadsafe, put)
        async with call.make_loop(AsyncLoop, put, put_threadsafe, latest) as loop:
            call.opened(loop)
            await _aemit_lifecycle(call, loop)
            loop.use_astream = use_astream
            if chunks is None:
                await _arun_supersteps(call, loop, put_threadsafe)
            else:
                # Closed with this generator, not some time later: it has a task to end.
                supersteps = _astream_supersteps(call, loop, chunks, put_threadsafe)
                async with contextlib.aclosing(supersteps):
                    async for chunk in supersteps:
                        yield chunk
        await _aemit_lifecycle(call, loop)
        if chunks is not None:
            for chunk in call.output(chunks.get_nowait, asyncio.QueueEmpty):
                yield chunk
        elif latest is not None:
            _settle_latest(latest, loop)
        call.check_end(loop)
        if manager.handlers:
            await manager.on_chain_end(loop.output)
    except BaseException as error:
        if manager is not None and manager.handlers:
            await asyncio.shield(manager.on_chain_error(error))
        raise


async def _arun_supersteps(call: Invocation, loop: AsyncLoop, put_threadsafe: Any) -> None:
    """Run to the end when nobody takes chunks on the way."""
    _aprepare_runner(call, loop, None, put_threadsafe)
    waits = call.durability_mode == "sync"
    while loop.tick():
        if loop.live:
            await arun_quietly(loop)
        else:
            async for _ in await _arun_tasks(call, loop, None):
                pass
        loop.after_tick()
        if loop.lifecycle_events:
            await _aemit_lifecycle(call, loop)
        if waits and loop.put_checkpoint_future is not None:
            await loop.put_checkpoint_future


async def _astream_supersteps(
    call: Invocation, loop: AsyncLoop, chunks: Any, put_threadsafe: Any
) -> AsyncGenerator[Any, None]:
    """Run to the end, giving chunks as they come."""
    waiter = _aprepare_runner(call, loop, chunks, put_threadsafe)
    waits = call.durability_mode == "sync"
    try:
        while loop.tick():
            ticks = arun_live(loop) if loop.live else await _arun_tasks(call, loop, waiter)
            async for _ in ticks:
                for chunk in call.output(chunks.get_nowait, asyncio.QueueEmpty):
                    yield chunk
            loop.after_tick()
            await _aemit_lifecycle(call, loop)
            if waits and loop.put_checkpoint_future is not None:
                await loop.put_checkpoint_future
    finally:
        if waiter is not None:
            await waiter.close()


async def _arun_tasks(call: Invocation, loop: AsyncLoop, waiter: Any) -> AsyncIterator[None]:
    await loop.put_cached_writes()
    return loop.runner.atick(
        [task for task in loop.tasks.values() if not task.writes],
        timeout=call.graph.step_timeout,
        get_waiter=waiter,
        schedule_task=loop.accept_push,
    )


async def _aemit_lifecycle(call: Invocation, loop: Any) -> None:
    if loop.lifecycle_events:
        for tell, event in call.lifecycle_events(loop):
            await tell(event)


class _Waiter:
    """Makes tasks that end when the stream has a chunk; one at a time."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks
        self._waiting: asyncio.Task[None] | None = None

    def __call__(self) -> asyncio.Task[None]:
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.get_running_loop().create_task(self._chunks.wait())
        return self._waiting

    async def close(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


def _aprepare_runner(
    call: Invocation, loop: AsyncLoop, chunks: Any, put_threadsafe: Any
) -> _Waiter | None:
    def make_runner() -> upstream.PregelRunner:
        conf = call.config[upstream.CONF]
        return upstream.PregelRunner(
            submit=conf.get(upstream.CONFIG_KEY_RUNNER_SUBMIT, weakref.WeakMethod(loop.submit)),
            put_writes=weakref.WeakMethod(loop.put_writes),
            use_astream=loop.use_astream,
            node_finished=conf.get(upstream.CONFIG_KEY_NODE_FINISHED),
            node_error_handler_map=call.graph.node_error_handler_map,
            aschedule_error_handler=loop.schedule_error_handler,
        )

    loop.make_runner = make_runner
    if call.subgraphs:
        loop.config[upstream.CONF][upstream.CONFIG_KEY_STREAM] = upstream.StreamProtocol(
            put_threadsafe, call.modes
        )
    return _Waiter(chunks) if call.waits_for_stream and chunks is not None else None


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
