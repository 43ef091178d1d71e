"""Running the tasks of a superstep nobody is watching, and what becomes of each.

A single task runs where the loop runs. Several run in the loop's thread pool, or as asyncio tasks; each
is settled (writes kept, saved, streamed) as soon as it is done. The first failure stops the rest;
interrupts are collected. Retries, timeouts, caches and error handlers are LangGraph's runner's: tasks
that need those don't come here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

from langgraph.errors import GraphBubbleUp, GraphInterrupt, NodeCancelledError, ParentCommand
from langgraph.types import Command

from langgraph_engine import upstream
from langgraph_engine.live_task import LiveTask
from langgraph_engine.loop import Loop

__all__ = ["arun_live", "arun_quietly", "run_live", "run_quietly"]


def settle(loop: Loop, task: LiveTask, error: BaseException | None) -> None:
    """A task is done: keep and save what it wrote, or why it didn't finish."""
    writes = task.writes
    if error is None:
        if not loop.keeps_pending:
            loop.settled = True
            return
        if all(channel in upstream.CONTROL_WRITES for channel, _ in writes):
            writes.append((upstream.NO_WRITES, None))  # says the task finished
        loop.put_writes(task.id, writes)
    elif isinstance(error, GraphInterrupt):
        if error.args[0]:
            answers = [write for write in writes if write[0] == upstream.RESUME]
            loop.put_writes(task.id, [(upstream.INTERRUPT, error.args[0]), *answers])
    elif not isinstance(error, GraphBubbleUp):
        writes.append((upstream.ERROR, error))
        loop.put_writes(task.id, writes)


def _take_parent_command(task: LiveTask, error: ParentCommand) -> None:
    """A command for another graph: ours if it names us, else the caller's."""
    command: Command[Any] = error.args[0]
    namespace = task.task.namespace
    if command.graph in (namespace, upstream.recast_checkpoint_ns(namespace), task.name):
        config = task.full_config()
        for writer in task.plan.node.flat_writers:
            writer.invoke(command, config)
        return
    if command.graph == Command.PARENT:
        parent = upstream.namespace_for_parent_command(namespace)
        error.args = (replace(command, graph=parent),)
    raise error


def _note(task: LiveTask, error: Exception) -> None:
    if sys.version_info >= (3, 11):
        error.add_note(f"During task with name '{task.name}' and id '{task.id}'")


def _attempt(task: LiveTask) -> None:
    try:
        task.plan.call(task)
    except ParentCommand as error:
        _take_parent_command(task, error)
    except GraphBubbleUp:
        raise
    except asyncio.CancelledError as error:
        raise NodeCancelledError(task.name) from error
    except Exception as error:
        _note(task, error)
        raise


async def _aattempt(task: LiveTask) -> None:
    try:
        await task.plan.acall(task)
    except ParentCommand as error:
        _take_parent_command(task, error)
    except GraphBubbleUp:
        raise
    except asyncio.CancelledError as error:
        if upstream.is_user_raised_cancelled():
            raise NodeCancelledError(task.name) from error
        raise
    except Exception as error:
        _note(task, error)
        raise


def run_quietly(loop: Loop) -> None:
    """Run the superstep's tasks when there is no output to give back control for."""
    if len(loop.live) == 1:
        (task,) = loop.live.values()
        try:
            _attempt(task)
        except Exception as error:
            settle(loop, task, error)
            if not task.futures:
                raise
            for _ in _await_calls(task.futures, error):
                pass
        else:
            settle(loop, task, None)
            if task.futures:
                for _ in _await_calls(task.futures, None):
                    pass
        return
    for _ in run_live(loop):
        pass


async def arun_quietly(loop: Loop) -> None:
    """``run_quietly`` for the event loop."""
    if len(loop.live) == 1:
        (task,) = loop.live.values()
        try:
            await _aattempt(task)
        except Exception as error:
            settle(loop, task, error)
            if not task.futures:
                raise
            async for _ in _aawait_calls(task.futures, error):
                pass
        else:
            settle(loop, task, None)
            if task.futures:
                async for _ in _aawait_calls(task.futures, None):
                    pass
        return
    async for _ in arun_live(loop):
        pass


def run_live(loop: Loop) -> Iterator[None]:
    """Run the superstep's tasks; gives control back whenever there may be output."""
    yield
    tasks = tuple(loop.live.values())
    if len(tasks) > 1:
        yield from _run_several(loop, tasks)
        return
    task = tasks[0]
    failure: Exception | None = None
    try:
        _attempt(task)
    except Exception as error:
        settle(loop, task, error)
        failure = error
        if not task.futures:
            yield
            raise
    else:
        settle(loop, task, None)
    if task.futures:
        yield from _await_calls(task.futures, failure)


def _run_several(loop: Loop, tasks: tuple[LiveTask, ...]) -> Iterator[None]:
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work(task: LiveTask) -> None:
        try:
            _attempt(task)
        except BaseException as error:
            settle(loop, task, error)
            raise
        settle(loop, task, None)

    futures: dict[Any, LiveTask] = {}

    def finished(future: Any) -> None:
        if future.cancelled():
            settle(loop, futures[future], concurrent.futures.CancelledError())
        done.put(future)

    for task in tasks:
        future = loop.submit(work, task)
        futures[future] = task
    for future in futures:
        future.add_done_callback(finished)
    for _ in tasks:
        if upstream.should_stop_others({done.get()}):
            break
        yield
    yield from _await_every_call(tasks)
    yield
    upstream.raise_first_failure(set(futures))


def _await_every_call(tasks: tuple[LiveTask, ...]) -> Iterator[None]:
    for task in tasks:
        if task.futures:
            yield from _await_calls(task.futures, None)


def _await_calls(futures: Any, failure: Exception | None) -> Iterator[None]:
    """Wait for tasks a task asked for and didn't wait for itself."""
    if failure is not None:
        failed: concurrent.futures.Future[None] = concurrent.futures.Future()
        failed.set_exception(failure)
        futures.done.add(failed)
        futures.failed.add(failed)
    while futures:
        done, _ = concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            futures.pop(future)
        if upstream.should_stop_others(done):
            break
        yield
    futures.event.wait()
    yield
    upstream.raise_first_failure(futures.done.union(futures))


async def arun_live(loop: Loop) -> AsyncIterator[None]:
    """``run_live`` for the event loop."""
    yield
    tasks = tuple(loop.live.values())
    if len(tasks) > 1:
        async for _ in _arun_several(loop, tasks):
            yield
        return
    task = tasks[0]
    failure: Exception | None = None
    try:
        await _aattempt(task)
    except Exception as error:
        settle(loop, task, error)
        failure = error
        if not task.futures:
            yield
            raise
    else:
        settle(loop, task, None)
    if task.futures:
        async for _ in _aawait_calls(task.futures, failure):
            yield


async def _arun_several(loop: Loop, tasks: tuple[LiveTask, ...]) -> AsyncIterator[None]:
    done: asyncio.Queue[Any] = asyncio.Queue()

    async def work(task: LiveTask) -> None:
        await _aattempt(task)

    futures: dict[Any, LiveTask] = {}

    def finished(future: Any) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, asyncio.CancelledError):
            futures[future].writes.append((upstream.ERROR, error))
            loop.put_writes(futures[future].id, futures[future].writes)
        else:
            settle(loop, futures[future], error)
        done.put_nowait(future)

    for task in tasks:
        future = loop.submit(work, task, __name__=task.name, __cancel_on_exit__=True)
        futures[future] = task
        future.add_done_callback(finished)
    for _ in tasks:
        if upstream.should_stop_others({await done.get()}):
            break
        yield
    for task in tasks:
        if task.futures:
            async for _ in _aawait_calls(task.futures, None):
                yield
    yield
    upstream.raise_first_failure(set(futures), timeout_exc_cls=asyncio.TimeoutError)


async def _aawait_calls(futures: Any, failure: Exception | None) -> AsyncIterator[None]:
    if failure is not None:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(failure)
        futures.done.add(failed)
        futures.failed.add(failed)
    while futures:
        done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            futures.pop(future)
        if upstream.should_stop_others(done):
            break
        yield
    await futures.event.wait()
    yield
    upstream.raise_first_failure(futures.done.union(futures), timeout_exc_cls=asyncio.TimeoutError)
