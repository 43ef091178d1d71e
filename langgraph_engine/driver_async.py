"""Driving a loop in an event loop: ``ainvoke`` and ``astream``. The twin of ``driver_sync``."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import TracebackType
from typing import Any

from langgraph_engine import upstream
from langgraph_engine.direct_run import arun_live, arun_quietly, arun_watched
from langgraph_engine.execute import STREAMED, Stop
from langgraph_engine.invocation import Invocation
from langgraph_engine.listeners import announce
from langgraph_engine.loop_async import AsyncLoop
from langgraph_engine.protocol import Engine
from langgraph_engine.running_ahead import (
    GOES_ON,
    WAITS,
    arest,
    arun_ahead,
    awaited,
    is_planned,
    may_run_ahead,
)
from langgraph_engine.streams import Chunks, Latest, QueueChunks
from langgraph_engine.unwatched_run import UnwatchedRun

__all__ = ["achunks_of", "afinal_state"]


class _RootRun:
    """The root run as callback handlers see it: started, and failed if anything inside fails."""

    __slots__ = ("_call", "manager")

    def __init__(self, call: Invocation) -> None:
        self._call = call
        self.manager: Any = None

    async def __aenter__(self) -> None:
        call = self._call
        if call.manager is None:
            call.apply_defaults()
            manager = call.unheard_run()
            if manager is None:
                callbacks = call.make_callbacks()
                manager = announce(callbacks, call.input, **call.announcement())
                if callbacks.handlers:
                    manager = await manager
            call.announced(manager)
        self.manager = call.manager

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        if error is not None and self.manager.handlers:
            await asyncio.shield(self.manager.on_chain_error(error))

    async def ended(self, loop: AsyncLoop) -> None:
        self._call.check_end(loop)
        if self.manager.handlers:
            await self.manager.on_chain_end(loop.output)


def _made_loop(call: Invocation, latest: Latest) -> AsyncLoop:
    loop: AsyncLoop = call.make_loop(AsyncLoop, latest.put, _threadsafe(call, latest.put), latest)
    return loop


def _loop_taking_over(call: Invocation, latest: Latest) -> AsyncLoop:
    """The loop of a run that did without one."""
    call.apply_defaults()
    loop = _made_loop(call, latest)
    _prepare_runner(call, loop, None, _threadsafe(call, latest.put))
    return loop


async def _ran_to_the_end(run: UnwatchedRun, latest: Latest) -> bool:
    """Run without a loop. False if there has to be one."""
    try:
        stop = run.go()
        while stop.kind in WAITS:
            stop = await awaited(run, stop)
        run.stopped = stop
        return run.ended(latest)
    except BaseException as error:  # noqa: BLE001 - it is raised again inside the loop
        run.failed.append(error)
        return False
    finally:
        if run.hand_over is not None:
            run.hand_over.close()


async def _open(call: Invocation, loop: AsyncLoop, latest: Latest) -> None:
    call.opened(loop)
    if loop.lifecycle_events:
        await _emit_lifecycle(call, loop)
    loop.use_astream = _streams_elsewhere(call.manager)
    _prepare_runner(call, loop, None, _threadsafe(call, latest.put))
    loop.begin_execution()


async def _run_to_the_end(call: Invocation, loop: AsyncLoop, begun: UnwatchedRun | None) -> None:
    """Run supersteps till there is none left; ``begun`` is the run the loop took over."""
    # With something to wait for beside it, LangGraph's runner lets the failure of a task
    # that runs alone stop the calls it made; without, it waits for them.
    waiter = loop.event_loop.create_future if call.waits_for_stream else None
    waits = call.durability == "sync"
    while True:
        if loop.execution is not None:
            await arun_ahead(loop, None if begun is None else begun.taken_over())
            begun = None
        if not loop.tick():
            break
        if loop.live:
            await arun_quietly(loop)
        else:
            async for _ in await _run_tasks(call, loop, waiter):
                pass
        loop.after_tick()
        if loop.lifecycle_events:
            await _emit_lifecycle(call, loop)
        if waits and loop.put_checkpoint_future is not None:
            await loop.put_checkpoint_future


async def afinal_state(
    graph: upstream.AnyPregel, engine: Engine, input: Any, config: Any, kwargs: dict[str, Any]
) -> Latest:
    """Run to the end when nobody takes chunks on the way; what the last chunks would have held."""
    call = Invocation(graph, engine, input, config, is_async=True, **kwargs)
    latest = Latest()
    run = UnwatchedRun.of(call, kwargs, partial(_loop_taking_over, call, latest))
    if run is not None:
        if await _ran_to_the_end(run, latest):
            return latest
        run.loop()  # from here on the call is announced
    root = _RootRun(call)
    async with root:
        async with _made_loop(call, latest) if run is None else run.loop() as loop:
            if run is None:
                await _open(call, loop, latest)
            else:
                run.raise_failure()
            await _run_to_the_end(call, loop, run)
        if loop.lifecycle_events:
            await _emit_lifecycle(call, loop)
        latest.settle(loop.output)
        await root.ended(loop)
    return latest


async def achunks_of(
    graph: upstream.AnyPregel, engine: Engine, input: Any, config: Any, kwargs: dict[str, Any]
) -> AsyncIterator[Any]:
    """Run to the end, giving chunks as they come."""
    call = Invocation(graph, engine, input, config, is_async=True, **kwargs)
    root = _RootRun(call)
    async with root:
        chunks = QueueChunks(call) if call.waits_for_stream else Chunks(call)
        put = _threadsafe(call, chunks.put)
        async with call.make_loop(AsyncLoop, chunks.put, put, None) as loop:
            call.opened(loop)
            await _emit_lifecycle(call, loop)
            loop.use_astream = _streams_elsewhere(root.manager)
            waiter = _prepare_runner(call, loop, chunks, put)
            waits = call.durability == "sync"
            try:
                loop.begin_execution(call.streamed())
                while True:
                    stop = None
                    if may_run_ahead(loop) and not chunks:
                        loop.is_called()
                        stop = loop.run_on()
                        assert loop.execution is not None
                        resume = loop.execution.resume
                        while stop.kind in GOES_ON:
                            if stop.kind != STREAMED:
                                stop = await awaited(loop, stop)
                                continue
                            loop.take_stop(stop)
                            for chunk in stop.detail:
                                yield chunk
                            loop.is_called()
                            stop = resume(None)
                    ticks = await _ticks(call, loop, stop, waiter)
                    if ticks is None:
                        break
                    async for _ in ticks:
                        for chunk in chunks.taken():
                            yield chunk
                    loop.after_tick()
                    await _emit_lifecycle(call, loop)
                    if waits and loop.put_checkpoint_future is not None:
                        await loop.put_checkpoint_future
            finally:
                if waiter is not None:
                    await waiter.close()
        await _emit_lifecycle(call, loop)
        for chunk in chunks.taken():
            yield chunk
        await root.ended(loop)


def _threadsafe(call: Invocation, put: Callable[..., None]) -> Callable[[Any], Any]:
    """``put`` for other threads than the event loop's."""
    return partial(call.event_loop.call_soon_threadsafe, put)


def _streams_elsewhere(manager: Any) -> bool:
    """Whether a handler that isn't this stream's own streams, so that nodes have to."""
    own = (upstream.StreamMessagesHandler, upstream.StreamToolCallHandler)
    return any(
        upstream.is_stream_handler(handler) and not isinstance(handler, own)
        for handler in manager.handlers
    )


async def _ticks(
    call: Invocation, loop: AsyncLoop, stop: Stop | None, waiter: Any
) -> AsyncIterator[None] | None:
    """Runs the superstep's tasks, or what an engine left of one; gives control back whenever there may be output."""
    if stop is not None and not is_planned(loop, stop):
        return arun_watched(loop, *arest(loop, stop))
    if not loop.tick():
        return None
    return arun_live(loop) if loop.live else await _run_tasks(call, loop, waiter)


async def _run_tasks(call: Invocation, loop: AsyncLoop, waiter: Any) -> AsyncIterator[None]:
    await loop.put_cached_writes()
    return loop.runner.atick(
        [task for task in loop.tasks.values() if not task.writes],
        timeout=call.graph.step_timeout,
        get_waiter=waiter,
        schedule_task=loop.accept_push,
    )


async def _emit_lifecycle(call: Invocation, loop: Any) -> None:
    if loop.lifecycle_events:
        for tell, event in call.lifecycle_events(loop):
            await tell(event)


class _Waiter:
    """Makes tasks that end when the stream has a chunk; one at a time."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._waiting: asyncio.Task[None] | None = None

    def __call__(self) -> asyncio.Task[None]:
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.get_running_loop().create_task(self._queue.wait())
        return self._waiting

    async def close(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


def _prepare_runner(
    call: Invocation, loop: AsyncLoop, chunks: Chunks | None, put: Any
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
            put, call.modes
        )
    return _Waiter(chunks.queue) if isinstance(chunks, QueueChunks) else None
