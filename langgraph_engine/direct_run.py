"""Running the tasks of a superstep nobody is watching, and what becomes of each.

A single task runs where the loop runs. Several run in the loop's thread pool (with the calling thread's
help, see ``shared_run``, if nobody takes output meanwhile), or as asyncio tasks; each
is settled (writes kept, saved, streamed) as soon as it is done. The first failure stops the rest;
interrupts are collected. Retries, timeouts, caches and error handlers are LangGraph's runner's: tasks
that need those don't come here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.errors import GraphBubbleUp, GraphInterrupt, NodeCancelledError, ParentCommand
from langgraph.types import Command

from langgraph_engine import upstream
from langgraph_engine.coroutines import FirstSteps, NodeCoroutine
from langgraph_engine.hand_over import hand_over_of
from langgraph_engine.live_task import LiveTask
from langgraph_engine.loop import Loop
from langgraph_engine.loop_sync import SyncLoop
from langgraph_engine.plain_functions import PlainFunctions
from langgraph_engine.shared_run import SharedRun, may_share
from langgraph_engine.turns import turn_is_due

if TYPE_CHECKING:
    from langgraph_engine.loop_async import AsyncLoop

__all__ = [
    "arun_alone",
    "arun_live",
    "arun_quietly",
    "arun_watched",
    "run_alone",
    "run_live",
    "run_quietly",
    "run_watched",
    "settle",
]


def settle(loop: Loop, task: LiveTask, error: BaseException | None) -> None:
    """A task is done: keep and save what it wrote, or why it didn't finish."""
    writes = task.writes
    if error is None:
        if not loop.keeps_pending and loop.quiet:
            loop.settled = True
            return
        if all(channel in upstream.CONTROL_WRITES for channel, _ in writes):
            writes.append((upstream.NO_WRITES, None))  # says the task finished
        if loop.keeps_pending:
            loop.put_writes(task.id, writes)
        else:
            loop.settled = True
            loop.show_update(task, writes)
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
        for writer in task.plan.kept_node.flat_writers:
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
    task.started = time.time()
    _judge(task, task.plan.call)


def _judge(task: LiveTask, call: Callable[[LiveTask], None]) -> None:
    """Run a task by ``call``; what is raised is what the superstep makes of what the node raised."""
    try:
        call(task)
    except ParentCommand as error:
        _take_parent_command(task, error)
    except GraphBubbleUp:
        raise
    except asyncio.CancelledError as error:
        raise NodeCancelledError(task.name) from error
    except Exception as error:
        _note(task, error)
        raise


_TURNS_UNTIL_STOPPED = 3


async def _aattempt(task: LiveTask) -> None:
    if task.loop.failed and task.loop.config.get("max_concurrency"):
        # It got its turn because another task failed; whether that stops the rest is known soon.
        for _ in range(_TURNS_UNTIL_STOPPED):
            await asyncio.sleep(0)
    task.started = time.time()
    await _ajudge(task, task.plan.acall)


async def _ajudge(task: LiveTask, call: Callable[[LiveTask], Awaitable[None]]) -> None:
    try:
        await call(task)
    except ParentCommand as error:
        _take_parent_command(task, error)
    except GraphBubbleUp:
        raise
    except asyncio.CancelledError as error:
        if upstream.is_user_raised_cancelled():
            raise NodeCancelledError(task.name) from error
        raise
    except Exception as error:
        task.loop.failed = True
        _note(task, error)
        raise


def run_quietly(loop: SyncLoop) -> None:
    """Run the superstep's tasks when there is no output to give back control for."""
    if len(loop.live) > 1:
        if may_share():
            SharedRun(loop, _attempt, settle).run()
            return
        for _ in run_live(loop):
            pass
        return
    (task,) = loop.live.values()
    task.started = time.time()
    run_alone(loop, task, task.plan.call)


def run_alone(loop: SyncLoop, task: LiveTask, call: Callable[[LiveTask], None]) -> None:
    """Run the superstep's only task by ``call``, and settle it."""
    failure = None
    try:
        _judge(task, call)
    except Exception as error:
        settle(loop, task, error)
        if not loop.calls:
            raise
        failure = error
    else:
        settle(loop, task, None)
    if loop.calls:
        for _ in _await_calls(loop.calls, failure):
            pass


def run_live(loop: SyncLoop) -> Iterator[None]:
    """Run the superstep's tasks; gives control back whenever there may be output."""
    if len(loop.live) > 1:
        return SharedRun(loop, _attempt, settle).run_watched()
    (task,) = loop.live.values()
    return run_watched(loop, task)


def run_watched(
    loop: Loop, task: LiveTask, call: Callable[[LiveTask], None] | None = None
) -> Iterator[None]:
    """Run the superstep's only task, its node if not by ``call``; gives control back whenever there may be output."""
    yield
    failure = None
    try:
        if call is None:
            _attempt(task)
        else:
            _judge(task, call)
    except Exception as error:
        settle(loop, task, error)
        if not loop.calls:
            yield
            raise
        failure = error
    else:
        settle(loop, task, None)
    if loop.calls:
        yield from _await_calls(loop.calls, failure)


def _outcomes(loop: Loop, futures: dict[Any, LiveTask]) -> set[Any]:
    """Everything the superstep started: its tasks, and the calls they made."""
    calls = loop.calls
    return set(futures) if calls is None else {*futures, *calls.done, *calls}


def _await_calls(futures: Any, failure: Exception | None) -> Iterator[None]:
    """Wait for tasks a task asked for and didn't wait for itself."""
    if failure is not None:
        failed: concurrent.futures.Future[None] = concurrent.futures.Future()
        failed.set_exception(failure)
        futures.done.add(failed)
        futures.failed.add(failed)
    while futures and not upstream.should_stop_others(futures.failed):
        done, _ = concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            futures.pop(future)
        if upstream.should_stop_others(done):
            break
        yield
    if not upstream.should_stop_others(futures.failed):
        futures.event.wait()
    yield
    upstream.raise_first_failure(futures.done.union(futures))


async def arun_quietly(loop: AsyncLoop) -> None:
    """``run_quietly`` for the event loop."""
    if len(loop.live) > 1:
        await _arun_together(loop)
        return
    (task,) = loop.live.values()
    task.started = time.time()
    await arun_alone(loop, task, task.plan.acall)


async def arun_alone(
    loop: AsyncLoop, task: LiveTask, call: Callable[[LiveTask], Awaitable[None]]
) -> None:
    """``run_alone`` for the event loop."""
    failure = None
    try:
        await _ajudge(task, call)
    except Exception as error:
        await _turn(loop)
        settle(loop, task, error)
        if not loop.calls:
            raise
        failure = error
    else:
        await _turn(loop)
        settle(loop, task, None)
    if loop.calls:
        async for _ in _aawait_calls(loop.calls, failure):
            pass


async def _turn(loop: AsyncLoop) -> None:
    """Let the event loop have a turn before a task is settled, if one is due.

    A functional call made in a coroutine is only taken in then. Between settling and committing there is no turn: a
    saver sees what a reducer did to a message, its id above all.
    """
    if turn_is_due(loop.event_loop):
        await asyncio.sleep(0)


def arun_live(loop: AsyncLoop) -> AsyncIterator[None]:
    """``run_live`` for the event loop."""
    tasks = tuple(loop.live.values())
    if len(tasks) > 1:
        return _arun_several(loop, tasks)
    return arun_watched(loop, tasks[0])


async def arun_watched(
    loop: AsyncLoop, task: LiveTask, call: Callable[[LiveTask], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """``run_watched`` for the event loop."""
    yield
    failure = None
    try:
        if call is None:
            await _aattempt(task)
        else:
            await _ajudge(task, call)
    except Exception as error:
        await _turn(loop)
        settle(loop, task, error)
        if not loop.calls:
            yield
            raise
        failure = error
    else:
        await _turn(loop)
        settle(loop, task, None)
    if loop.calls:
        async for _ in _aawait_calls(loop.calls, failure):
            yield


async def _arun_several(loop: AsyncLoop, tasks: tuple[LiveTask, ...]) -> AsyncIterator[None]:
    yield
    over = _Over(loop.event_loop)
    loop.call_done = over.add_call
    futures = _start_all(loop, tasks, over.add)
    running = len(tasks)
    all_well = True
    while running or loop.calls:
        future = await over.next()
        if type(future) is not _Called:
            running -= 1
        else:
            future = future.future
            if loop.calls is not None:
                loop.calls.pop(future, None)
        if _fails(future):
            all_well = False
            if upstream.should_stop_others({future}):
                break
        yield
    yield
    if all_well and loop.calls is None:
        return
    upstream.raise_first_failure(_outcomes(loop, futures), timeout_exc_cls=asyncio.TimeoutError)


class _Called(NamedTuple):
    """The future of what a task called."""

    future: Any


class _Over:
    """The futures that are over, one after the other, for one who waits for them."""

    def __init__(self, event_loop: Any) -> None:
        self._event_loop = event_loop
        self._futures: deque[Any] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def add(self, future: Any) -> None:
        """This one is over."""
        self._futures.append(future)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def add_call(self, future: Any) -> None:
        """What a task called is over."""
        self.add(_Called(future))

    async def next(self) -> Any:
        """The next one, as soon as there is one."""
        while not self._futures:
            self._waiting = self._event_loop.create_future()
            await self._waiting
        return self._futures.popleft()


def _fails(future: Any) -> bool:
    return future.cancelled() or future.exception() is not None


async def _arun_together(loop: AsyncLoop) -> None:
    """``_arun_several`` when there is no output to give back control for: wakes up once."""
    running = len(loop.live)
    over = loop.event_loop.create_future()
    all_well = True

    def ended(future: Any) -> None:
        nonlocal all_well
        if over.done():
            return
        fails = _fails(future)
        all_well = all_well and not fails
        if not (running or loop.calls) or (fails and upstream.should_stop_others({future})):
            over.set_result(None)

    def task_done(future: Any) -> None:
        nonlocal running
        running -= 1
        ended(future)

    def call_done(future: Any) -> None:
        if loop.calls is not None:
            loop.calls.pop(future, None)
        ended(future)

    loop.call_done = call_done
    futures = _start_all(loop, tuple(loop.live.values()), task_done)
    await over
    if all_well and loop.calls is None:
        return
    upstream.raise_first_failure(_outcomes(loop, futures), timeout_exc_cls=asyncio.TimeoutError)


def _start_all(
    loop: AsyncLoop, tasks: tuple[LiveTask, ...], done: Callable[[Any], None]
) -> dict[Any, LiveTask]:
    """Start each task as an asyncio task; ``done`` is told when it was settled.

    Returns:
        What stands for the tasks, without those that ended well: those nobody asks about.
    """
    futures: dict[Any, LiveTask] = {}

    def ended(future: Any, error: BaseException | None) -> None:
        task = futures.pop(future) if error is None else futures[future]
        try:
            if isinstance(error, asyncio.CancelledError):
                task.writes.append((upstream.ERROR, error))
                loop.put_writes(task.id, task.writes)
            else:
                settle(loop, task, error)
        finally:
            done(future)

    def finished(future: Any) -> None:
        ended(future, asyncio.CancelledError() if future.cancelled() else future.exception())

    def begun(task: LiveTask) -> NodeCoroutine:
        node = NodeCoroutine(task, _judge, ended)
        futures[node] = task
        task.started = time.time()
        return node

    coroutines: list[LiveTask] = []

    def start_coroutines() -> None:
        if coroutines and FirstSteps.may_be_taken(loop.event_loop):
            FirstSteps(loop, coroutines, begun).begin()
        else:
            for task in coroutines:
                begun(task).start()
        coroutines.clear()

    one_by_one = loop.config.get("max_concurrency")
    functions: PlainFunctions | None = None
    for task in tasks:
        if not one_by_one and NodeCoroutine.may_run(task):
            function = task.plan.plain_function()
            if function is not None:
                if functions is None:
                    functions = PlainFunctions(loop.event_loop, hand_over_of(loop))
                begun(task).start_in(functions, function)
            else:
                coroutines.append(task)
            continue
        start_coroutines()  # in the order of the tasks
        future = loop.submit(_aattempt, task, __name__=task.name, __cancel_on_exit__=True)
        futures[future] = task
        future.add_done_callback(finished)
    start_coroutines()
    if functions:
        if len(functions) < len(tasks) or turn_is_due(loop.event_loop):
            # Once the coroutines before them took their first steps.
            loop.event_loop.call_soon(functions.start)
        else:
            loop.saving_together(functions.start)
    return futures


async def _aawait_calls(futures: Any, failure: Exception | None) -> AsyncIterator[None]:
    if failure is not None:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(failure)
        futures.done.add(failed)
        futures.failed.add(failed)
    while futures and not upstream.should_stop_others(futures.failed):
        done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            futures.pop(future)
        if upstream.should_stop_others(done):
            break
        yield
    if not upstream.should_stop_others(futures.failed):
        await futures.event.wait()
    yield
    upstream.raise_first_failure(futures.done.union(futures), timeout_exc_cls=asyncio.TimeoutError)
