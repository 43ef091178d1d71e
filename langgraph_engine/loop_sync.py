"""The loop of ``stream`` and ``invoke``: a saver is called from a thread pool."""

from __future__ import annotations

import concurrent.futures
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any

from langgraph.types import PregelExecutableTask
from typing_extensions import Self

from langgraph_engine import upstream
from langgraph_engine.loop import CallFutures, Loop
from langgraph_engine.memory_saver import Saved
from langgraph_engine.quiet_config import run_is_over

__all__ = ["SyncLoop"]

CONF = upstream.CONF
_SAVED = Saved()


class SyncLoop(Loop):
    """A loop whose saver, cache and tasks are called from threads."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.closing: list[Callable[[], Any]] = []
        self._executor: Any = None
        self._settling = threading.RLock()
        self.callback_manager = upstream.get_callback_manager_for_config
        saver = self.checkpointer
        self.put_writes_call = None if saver is None else saver.put_writes
        self.put_checkpoint_call = None if saver is None else self._put_after_previous

    # -- background work ------------------------------------------------------------------------

    def submit(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a call in the run's thread pool, which is made when first needed."""
        return self._open_executor().submit(function, *args, **kwargs)

    def pool_size(self) -> int:
        """How many threads the run's thread pool may have."""
        return int(self._open_executor().executor._max_workers)  # noqa: SLF001 - has no other name

    def _open_executor(self) -> Any:
        if self._executor is None:
            with self._settling:
                if self._executor is None:
                    self._executor = upstream.BackgroundExecutor(self.config)
                    self._executor.__enter__()
        return self._executor

    def _close_executor(self, *error: Any) -> bool | None:
        executor = self._executor
        return None if executor is None else executor.__exit__(*error)

    @staticmethod
    def saved() -> Saved:
        return _SAVED

    @staticmethod
    def raising(error: Exception) -> None:
        raise error

    def _put_after_previous(
        self,
        previous: concurrent.futures.Future[Any] | None,
        writes: Sequence[concurrent.futures.Future[Any]],
        config: Any,
        checkpoint: Any,
        metadata: Any,
        new_versions: Any,
    ) -> None:
        for future in writes:
            future.result()
        if previous is not None:
            previous.result()
        assert self.checkpointer is not None
        self.checkpointer.put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, task_id: str, writes: Sequence[tuple[str, Any]], *, cached: bool = False
    ) -> None:
        with self._settling:  # tasks are settled by the threads they ran in
            super().put_writes(task_id, writes, cached=cached)
        if (entry := self._cache_entry(task_id, writes, cached)) is not None:
            self.submit(self.cache.set, entry)

    # -- tasks asked for by tasks ---------------------------------------------------------------

    def accept_push(
        self, parent: PregelExecutableTask, index: int, call: upstream.Call | None = None
    ) -> PregelExecutableTask | None:
        task = self.call_pushed(parent, index, call)
        if task is not None:
            self.put_cached_writes()
        return task

    def schedule_error_handler(
        self, failed: PregelExecutableTask, error: BaseException
    ) -> PregelExecutableTask | None:
        if self.error_write_futures:  # what failed is on record before its handler starts
            futures, self.error_write_futures = self.error_write_futures, []
            concurrent.futures.wait([future for future in futures if future is not _SAVED])
        task = self.handler_scheduled(failed, error)
        if task is not None:
            self.put_cached_writes()
        return task

    def put_cached_writes(self) -> None:
        """Settle tasks whose result is in the cache."""
        if not (tasks := self.cacheable()):
            return
        for key, writes in self.cache.get(tuple(tasks)).items():
            tasks[key].writes.extend(writes)
            self.put_writes(tasks[key].id, tasks[key].writes, cached=True)

    def call_function(self, task: PregelExecutableTask) -> Any:
        """What the functional API calls to start a task from this one."""
        if self.make_runner is None:
            return run_is_over
        with self._settling:
            if self.calls is None:
                self.calls = CallFutures(
                    self, threading.Event(), concurrent.futures.Future, self.call_done
                )
        return partial(
            upstream.call_task,
            weakref.ref(task),
            retry_policy=None,
            futures=weakref.ref(self.calls),
            schedule_task=self.accept_push,
            submit=self.runner.submit,
        )

    # -- context --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self.status != "input":
            return self  # it took over
        saver = self.checkpointer
        saved = None
        if saver is not None:
            saved = self._load(saver)
        replayed: Any = self.adopt(saved)
        if replayed:
            assert saved is not None
            replayed, _ = upstream.channels_from_checkpoint(
                replayed, saved.checkpoint, saver=saver, config=self.checkpoint_config
            )
        try:
            self.begin(replayed)
        except BaseException as error:
            self._close_executor(type(error), error, error.__traceback__)
            raise
        return self

    def _load(self, saver: Any) -> Any:
        config = self.checkpoint_config
        if config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_ID):
            saved = saver.get_tuple(config)
            if saved is not None:
                self.superseded = upstream.checkpoint_superseded(saver, config, saved)
            return saved
        if replay := self.config[CONF].get(upstream.CONFIG_KEY_REPLAY_STATE):
            saved = replay.get_checkpoint(self.namespace, saver, config)
            self.config[CONF].pop(upstream.CONFIG_KEY_RESUMING, None)
            return saved
        return saver.get_tuple(config)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        try:
            if self._executor is None and not self.saves_at_exit(error):
                return self.on_exit(exc_type, error, traceback)
            stack = ExitStack()  # what is added last is done first
            stack.push(self._close_executor)
            stack.push(self.on_exit)
            for close in self.closing:
                stack.callback(close)
            return stack.__exit__(exc_type, error, traceback)
        finally:
            self.release()
