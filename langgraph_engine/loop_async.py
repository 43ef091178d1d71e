"""The loop of ``astream`` and ``ainvoke``: a saver is awaited in the event loop."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import AsyncExitStack
from contextvars import Context
from functools import partial
from types import TracebackType
from typing import Any

from langgraph.types import PregelExecutableTask
from typing_extensions import Self

from langgraph_engine import upstream
from langgraph_engine.coroutines import FirstSteps, NodeCoroutine
from langgraph_engine.execute import Streamed
from langgraph_engine.hand_over import HandOver
from langgraph_engine.loop import CallFutures, Loop
from langgraph_engine.quiet_config import run_is_over

__all__ = ["AsyncLoop", "OwnCancels", "Stepped", "run_in_context", "shared_task"]

CONF = upstream.CONF
_TASKS_HAVE_CONTEXTS = sys.version_info >= (3, 11)
_TASKS_START_EAGERLY = sys.version_info >= (3, 12)


class Stepped:
    """Awaits a coroutine whose every step runs in a context of its own.

    The coroutine takes the awaiting task for its own. If it cancels that, it alone is cancelled, as it would
    be in a task it doesn't share.

    Args:
        coroutine: The coroutine.
        context: Its context.
        started: If it took its first step already: what it waits for, and how often the task had been
            cancelled before that step.
    """

    __slots__ = ("_context", "_coroutine", "_started")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        context: Context,
        started: tuple[Any, int] | None = None,
    ) -> None:
        self._coroutine = coroutine
        self._context = context
        self._started = started

    def __await__(self) -> Generator[Any, Any, Any]:
        run, coroutine = self._context.run, self._coroutine
        task: Any = asyncio.current_task()
        cancels, own_cancels = task.cancelling(), 0
        try:
            if self._started is None:
                waiting_for = run(coroutine.send, None)
            else:
                waiting_for, cancels = self._started
            while True:
                own_cancels += task.cancelling() - cancels
                # Every step may be cancelled, and whatever it is, it is the coroutine's to handle.
                try:
                    value = yield waiting_for
                except GeneratorExit:
                    run(coroutine.close)
                    raise
                except BaseException as error:  # noqa: BLE001
                    cancels = task.cancelling()
                    waiting_for = run(coroutine.throw, error)
                else:
                    cancels = task.cancelling()
                    waiting_for = run(coroutine.send, value)
        except StopIteration as finished:
            if own_cancels := own_cancels + task.cancelling() - cancels:
                yield from _cancelled_itself(task, own_cancels)
            return finished.value
        except asyncio.CancelledError:
            if own_cancels := own_cancels + task.cancelling() - cancels:
                yield from _cancelled_itself(task, own_cancels)
            raise


class OwnCancels:
    """Awaits nothing, for a coroutine that took its only step and cancelled the task that often."""

    __slots__ = ("_task", "_times")

    def __init__(self, task: Any, times: int) -> None:
        self._task, self._times = task, times

    def __await__(self) -> Generator[Any, Any, None]:
        return _cancelled_itself(self._task, self._times)


def _cancelled_itself(task: Any, times: int) -> Generator[Any, Any, None]:
    """Take a coroutine's cancelling from the task. Raises it, if the coroutine didn't meet it yet."""
    for _ in range(times):
        task.uncancel()
    yield  # where a cancelling that is still to come is raised


def run_in_context(event_loop: Any, awaitable: Any, context: Context) -> Any:
    """Something to await for a node's coroutine to run in a context of its own.

    LangGraph makes an asyncio task of it. So does Python 3.12 here, one that starts at once and
    costs no turn of the event loop if it never waits. Python 3.11 can't; there it is stepped through
    in its context by the task that waits for it: its own, or, if it runs alone in its superstep, the
    caller's. Python 3.10 has no contexts for coroutines, in LangGraph neither.
    """
    if not (_TASKS_HAVE_CONTEXTS and asyncio.iscoroutine(awaitable)):
        return awaitable
    create_task: Any = asyncio.create_task
    if event_loop.get_task_factory() is not None:
        return create_task(awaitable, context=context)
    if _TASKS_START_EAGERLY:
        make_task: Any = asyncio.Task
        return make_task(awaitable, loop=event_loop, context=context, eager_start=True)
    return Stepped(awaitable, context)


def shared_task(event_loop: Any) -> Any:
    """The asyncio task that steps through the coroutines of a run called now; None if they need tasks of their own."""
    if (
        not _TASKS_HAVE_CONTEXTS
        or _TASKS_START_EAGERLY
        or event_loop.get_task_factory() is not None
    ):
        return None  # see run_in_context
    return asyncio.current_task(event_loop)


class AsyncLoop(Loop):
    """A loop whose saver, cache and tasks are awaited."""

    is_async = True
    saves_writes_at_once = _TASKS_START_EAGERLY
    use_astream = False
    hand_over: HandOver | None = None
    """Hands the run over to threads, once it needs any."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.event_loop = self._options.event_loop
        self._executor: Any = None
        self._coroutines: dict[Any, NodeCoroutine | FirstSteps] = {}
        self.callback_manager = upstream.get_async_callback_manager_for_config
        saver = self.checkpointer
        self._save_error: Exception | None = None
        self._saved: Any = None  # the future of everything that is saved already
        self._saves_soon = False
        self.put_writes_call = None if saver is None else saver.aput_writes
        self.put_checkpoint_call = None if saver is None else self._put_after_previous
        if self.in_memory:
            assert saver is not None
            self.put_checkpoint_call = self._put_now

    # -- background work ------------------------------------------------------------------------

    def submit(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Start a coroutine as one of the run's tasks."""
        if self._executor is None:
            self._executor = upstream.AsyncBackgroundExecutor(self.config)
        return self._executor.submit(function, *args, **kwargs)

    def start_coroutine(self, node: NodeCoroutine, coroutine: Any, context: Context) -> Any:
        """Make a node's coroutine one of the run's asyncio tasks."""
        create_task: Any = self.event_loop.create_task  # Python 3.10's takes no context
        asyncio_task = create_task(coroutine, context=context)
        self._coroutines[asyncio_task] = node
        return asyncio_task

    def takes_part(self, future: Any, node: NodeCoroutine | FirstSteps) -> None:
        """Make the future of a node that a thread calls, or of several nodes, one of the run's."""
        self._coroutines[future] = node

    def coroutine_ended(self, asyncio_task: Any) -> None:
        """One of the nodes' asyncio tasks is done."""
        self._coroutines.pop(asyncio_task, None)

    async def _close_executor(self, *error: Any) -> bool | None:
        for node in tuple(self._coroutines.values()):
            node.close()
        while running := tuple(self._coroutines):
            await asyncio.wait(running)
            await asyncio.sleep(0)  # for what follows them
        self.save_unsaved()
        executor = self._executor
        if executor is not None:
            await executor.__aexit__(*error)
            # What ended just now may have had something to save.
            while saving := [task for task in executor.tasks if not task.done()]:
                await asyncio.wait(saving)
        return None

    def run_in_context(self, awaitable: Any, context: Context) -> Any:
        """Something to await for a node's coroutine to run in a context of its own; see the function."""
        return run_in_context(self.event_loop, awaitable, context)

    def begin_execution(self, streamed: Streamed | None = None) -> None:
        self.is_called()
        super().begin_execution(streamed)

    def is_called(self) -> None:
        """Take note of who runs it from here on: whoever takes the next chunk of a stream."""
        self.asyncio_task = shared_task(self.event_loop)

    def save_soon(self) -> None:
        if not self._saves_soon:
            self._saves_soon = True
            self.event_loop.call_soon(self._save_now)

    def saving_together(self, start: Callable[[], None]) -> None:
        """Call something that may have tasks end at once; what they write is saved then, and takes no turn of the event loop."""
        self._saves_soon = True
        try:
            start()
        finally:
            self._save_now()

    def _save_now(self) -> None:
        self._saves_soon = False
        self.save_unsaved()

    def saved(self) -> Any:
        if self._saved is None:
            self._saved = self.event_loop.create_future()
            self._saved.set_result(None)
        return self._saved

    @staticmethod
    async def raising(error: Exception) -> None:
        raise error

    def _put_now(
        self, _: Any, __: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any
    ) -> None:
        if self._save_error is not None:  # nothing is saved after what couldn't be
            raise self._save_error
        assert self.checkpointer is not None
        try:
            self.checkpointer.put(config, checkpoint, metadata, new_versions)
        except Exception as error:
            self._save_error = error
            raise

    async def _put_after_previous(
        self,
        previous: asyncio.Task[Any] | None,
        writes: Sequence[asyncio.Task[Any]],
        config: Any,
        checkpoint: Any,
        metadata: Any,
        new_versions: Any,
    ) -> None:
        if writes:
            await asyncio.gather(*writes)
        if previous is not None:
            await previous
        assert self.checkpointer is not None
        await self.checkpointer.aput(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, task_id: str, writes: Sequence[tuple[str, Any]], *, cached: bool = False
    ) -> None:
        super().put_writes(task_id, writes, cached=cached)
        if (entry := self._cache_entry(task_id, writes, cached)) is not None:
            self.submit(self.cache.aset, entry)

    # -- tasks asked for by tasks ---------------------------------------------------------------

    async def accept_push(
        self, parent: PregelExecutableTask, index: int, call: upstream.Call | None = None
    ) -> PregelExecutableTask | None:
        task = self.call_pushed(parent, index, call)
        if task is not None:
            await self.put_cached_writes()
        return task

    async def schedule_error_handler(
        self, failed: PregelExecutableTask, error: BaseException
    ) -> PregelExecutableTask | None:
        if self.error_write_futures:  # what failed is on record before its handler starts
            futures, self.error_write_futures = self.error_write_futures, []
            await asyncio.gather(*futures)
        task = self.handler_scheduled(failed, error)
        if task is not None:
            await self.put_cached_writes()
        return task

    async def put_cached_writes(self) -> None:
        """Settle tasks whose result is in the cache."""
        if not (tasks := self.cacheable()):
            return
        for key, writes in (await self.cache.aget(tuple(tasks))).items():
            tasks[key].writes.extend(writes)
            self.put_writes(tasks[key].id, tasks[key].writes, cached=True)

    def call_function(self, task: PregelExecutableTask) -> Any:
        """What the functional API calls to start a task from this one."""
        if self.make_runner is None:
            return run_is_over
        if self.calls is None:
            self.calls = CallFutures(self, asyncio.Event(), asyncio.Future, self.call_done)
        return partial(
            upstream.acall_task,
            weakref.ref(task),
            stream=self.use_astream,
            retry_policy=None,
            futures=weakref.ref(self.calls),
            schedule_task=self.accept_push,
            submit=self.runner.submit,
            loop=self.event_loop,
        )

    # -- context --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self.status != "input":
            return self  # it took over
        saver = self.checkpointer
        saved = None
        if saver is not None:
            saved = await self._load(saver)
        replayed: Any = self.adopt(saved)
        if replayed:
            assert saved is not None
            replayed, _ = await upstream.achannels_from_checkpoint(
                replayed, saved.checkpoint, saver=saver, config=self.checkpoint_config
            )
        try:
            self.begin(replayed)
        except BaseException as error:
            await self._close_executor(type(error), error, error.__traceback__)
            raise
        return self

    async def _load(self, saver: Any) -> Any:
        config = self.checkpoint_config
        if config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_ID):
            saved = await saver.aget_tuple(config)
            if saved is not None:
                self.superseded = await upstream.acheckpoint_superseded(saver, config, saved)
            return saved
        if replay := self.config[CONF].get(upstream.CONFIG_KEY_REPLAY_STATE):
            saved = await replay.aget_checkpoint(self.namespace, saver, config)
            self.config[CONF].pop(upstream.CONFIG_KEY_RESUMING, None)
            return saved
        return await saver.aget_tuple(config)

    def release(self) -> None:
        """Let go of threads, and as any loop does."""
        super().release()
        if self.hand_over is not None:
            self.hand_over.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self.save_unsaved()
        unused = self._executor is None and not self._coroutines
        if self.direct and unused and not self.saves_at_exit(error):
            try:
                return self.on_exit(exc_type, error, traceback)
            finally:
                self.release()
        # Saving goes on when the caller is cancelled; the exception carries the task that does it.
        closing = asyncio.create_task(self._close(exc_type, error, traceback))
        try:
            return await asyncio.shield(closing)
        except asyncio.CancelledError as cancelled:
            cancelled.args = (*cancelled.args, closing)
            raise

    async def _close(self, *error: Any) -> bool | None:
        stack = AsyncExitStack()  # what is added last is done first
        stack.push_async_exit(self._close_executor)
        stack.push(self.on_exit)
        try:
            return await stack.__aexit__(*error)
        finally:
            self.release()
