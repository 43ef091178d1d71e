"""Driving an engine that runs supersteps itself: what becomes of each of its stops.

Both functions are called before every superstep of a run that nobody watches. When they return, the loop goes
on the ordinary way: there is nothing to run, or a superstep that isn't simple.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from langgraph_engine.direct_run import arun_alone, run_alone
from langgraph_engine.execute import (
    AWAIT,
    CANCELLED_ITSELF,
    COMMIT_RAISED,
    FINISHED,
    PLANNED,
    RAISED,
    TURN,
    Stop,
)
from langgraph_engine.loop_async import OwnCancels, Stepped
from langgraph_engine.protocol import CommitRejected
from langgraph_engine.refusals import refusal

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop import Loop
    from langgraph_engine.loop_async import AsyncLoop
    from langgraph_engine.loop_sync import SyncLoop

__all__ = ["arun_ahead", "run_ahead"]


def run_ahead(loop: SyncLoop) -> None:
    """Let the engine run supersteps as far as it can."""
    execution = loop.execution
    while execution is not None and not loop.pending_writes:
        stop = execution.go(loop.step, loop.checkpoint_id, loop.updated)
        loop.take_stop(stop)
        if stop.kind == PLANNED:
            loop.planned = stop.detail
            return
        if stop.kind == COMMIT_RAISED:
            _raise_rejection(loop, stop)
        if stop.kind == FINISHED:
            run_alone(loop, stop.detail, _nothing)
        else:
            task, error, _ = stop.detail
            run_alone(loop, task, partial(_raise, error))
        loop.after_tick()


async def arun_ahead(loop: AsyncLoop) -> None:
    """``run_ahead`` for the event loop."""
    execution = loop.execution
    while execution is not None and not loop.pending_writes:
        stop = execution.go(loop.step, loop.checkpoint_id, loop.updated)
        while stop.kind in (AWAIT, TURN, CANCELLED_ITSELF):
            loop.take_stop(stop)
            value = None
            if stop.kind == TURN:
                await asyncio.sleep(0)
            else:
                try:
                    value = await _awaited(loop, stop)
                except BaseException as raised:  # noqa: BLE001 - the task raises it again
                    stop = stop._replace(kind=RAISED, detail=(execution.give_up(), raised, 0))
                    break
            stop = execution.resume(value)
        loop.take_stop(stop)
        if stop.kind == PLANNED:
            loop.planned = stop.detail
            return
        if stop.kind == COMMIT_RAISED:
            _raise_rejection(loop, stop)
        if stop.kind == FINISHED:
            await arun_alone(loop, stop.detail, _anothing)
        else:
            task, error, cancels = stop.detail
            await arun_alone(loop, task, partial(_araise, error, loop.asyncio_task, cancels))
        loop.after_tick()


def _raise_rejection(loop: Loop, stop: Stop) -> NoReturn:
    _, error = stop.detail
    if isinstance(error, CommitRejected):
        raise refusal(error, loop.graph.channels) from None
    raise error


async def _awaited(loop: AsyncLoop, stop: Stop) -> Any:
    if stop.kind == CANCELLED_ITSELF:
        times, value = stop.detail
        await OwnCancels(loop.asyncio_task, times)
        return value
    awaitable, context, started = stop.detail
    if context is None:
        return await awaitable
    if started is None:
        return await loop.run_in_context(awaitable, context)
    return await Stepped(awaitable, context, started)


def _nothing(_: LiveTask) -> None:
    """The node and its writers ran already."""


async def _anothing(_: LiveTask) -> None:
    """The node and its writers ran already."""


def _raise(error: BaseException, _: LiveTask) -> None:
    raise error


async def _araise(error: BaseException, asyncio_task: Any, cancels: int, _: LiveTask) -> None:
    if cancels and isinstance(error, asyncio.CancelledError):
        await OwnCancels(asyncio_task, cancels)
    raise error
