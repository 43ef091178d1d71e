"""Coroutines that run together in a superstep: each node's is an asyncio task, with nothing wrapped around it.

    start     the node's function is called in a context of its own; what it returns becomes an asyncio task
    start_in  a plain function is called by a thread, and has a future instead (``plain_functions``)
    finish    the task is done: the node's writers write, and the superstep makes of it what it makes of any task

LangGraph has a task of the runner's wait for the node's own. Here what comes after the node is done by the
callback of the node's task, so there is one task and one callback for each node.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop_async import AsyncLoop
    from langgraph_engine.plain_functions import PlainFunctions

__all__ = ["NodeCoroutine"]

_TASKS_HAVE_CONTEXTS = sys.version_info >= (3, 11)

Judge = Callable[["LiveTask", Callable[["LiveTask"], None]], None]
Done = Callable[["NodeCoroutine", BaseException | None], None]


class NodeCoroutine:
    """A node's coroutine, and what the superstep makes of it. Stands for a future of the task.

    It is the callback of the node's asyncio task as well: there may be very many of both at a time.

    Attributes:
        task: The task.
        stopped: Whether the run stopped it, rather than the node itself.
        given_up: Whether nothing is to come of it but that it was stopped. LangGraph stops tasks twice, because of one that
            failed, and when the run closes. What a node returns between the two isn't taken any more.
    """

    __slots__ = (
        "_asyncio_task",
        "_context",
        "_done",
        "_error",
        "_follows",
        "_judge",
        "_over",
        "given_up",
        "stopped",
        "task",
    )

    def __init__(self, task: LiveTask, judge: Judge, done: Done) -> None:
        self.task = task
        self.stopped = self.given_up = False
        self._judge, self._done = judge, done
        self._over = self._follows = False
        self._error: BaseException | None = None

    @classmethod
    def may_run(cls, task: LiveTask) -> bool:
        """Whether the task's node is a coroutine function, and what follows it awaits nothing."""
        return _TASKS_HAVE_CONTEXTS and task.plan.is_coroutine()

    def start(self) -> None:
        """Call the node, and make an asyncio task of what it returns."""
        try:
            coroutine, self._context = self.task.plan.started(self.task)
        except Exception as error:  # noqa: BLE001 - it is the node's, as any it raises later
            self._asyncio_task = self.task.loop.event_loop.create_future()
            self._asyncio_task.set_exception(error)
            self._asyncio_task.add_done_callback(self)
        else:
            self._run(coroutine)

    def start_in(self, functions: PlainFunctions) -> bool:
        """Have the node called in a thread, if it is a plain function; whether it is."""
        call = self.task.plan.plain_function()
        if call is None:
            return False
        loop: AsyncLoop = self.task.loop  # type: ignore[assignment]  # as below
        try:
            self._context, function = self.task.plan.prepared(self.task, call)
        except Exception as error:  # noqa: BLE001 - as above
            self._asyncio_task = loop.event_loop.create_future()
            self._asyncio_task.set_exception(error)
            self._asyncio_task.add_done_callback(self)
        else:
            self._asyncio_task = functions.add(self.task.plan, self._context, function, self)
        loop.takes_part(self._asyncio_task, self)
        return True

    def _run(self, coroutine: Any) -> None:
        loop: AsyncLoop = self.task.loop  # type: ignore[assignment]  # only one of these has coroutines
        self._asyncio_task = loop.start_coroutine(self, coroutine, self._context)
        self._asyncio_task.add_done_callback(self)

    def __call__(self, asyncio_task: Any) -> None:
        """The asyncio task is done: conclude the node's task, or go on with what its coroutine returned."""
        loop: AsyncLoop = self.task.loop  # type: ignore[assignment]  # as above
        loop.coroutine_ended(asyncio_task)
        error: BaseException | None = None
        following = None

        def conclude(task: LiveTask) -> None:
            nonlocal following
            result = asyncio_task.result()
            if self._follows:
                task.plan.concluded(task, result)
            else:
                following = task.plan.returned(task, result)

        if self.given_up or (self.stopped and asyncio_task.cancelled()):
            error = asyncio.CancelledError()
        else:
            try:
                self._judge(self.task, conclude)
            except BaseException as raised:  # noqa: BLE001 - kept for the run to raise
                error = raised
        if following is not None:
            self._follows = True
            self._run(following)
            return
        self._error, self._over = error, True
        done = self._done
        del self._done  # behind it are the superstep's futures, of which this is one
        done(self, error)

    # -- as a future ----------------------------------------------------------------------------

    def done(self) -> bool:
        """Whether it is over."""
        return self._over

    def cancelled(self) -> bool:
        """Whether the run stopped it before it was over."""
        return self._error is not None and isinstance(self._error, asyncio.CancelledError)

    def exception(self) -> BaseException | None:
        """Why it failed."""
        return self._error

    def cancel(self, message: Any = None) -> None:
        """Stop it, because another one failed."""
        self.given_up = True
        self._stop(message)

    def close(self) -> None:
        """Stop it, because the run is over."""
        # One that goes on after it was stopped before may still return something, and that is taken.
        self.given_up = self._asyncio_task.done()
        self._stop()

    def _stop(self, message: Any = None) -> None:
        self.stopped = True
        self._asyncio_task.cancel(message)
