"""Coroutines that run together in a superstep: each node's is an asyncio task, with nothing wrapped around it.

    start     the node's function is called in a context of its own; what it returns becomes an asyncio task
    start_in  a plain function is called by a thread, and has a future instead (``plain_functions``)
    conclude  the task is done: the node's writers write, and the superstep makes of it what it makes of any task

LangGraph has a task of the runner's wait for the node's own. Here what comes after the node is done by the
callback of the node's task, so there is one task and one callback for each node.

Most coroutines never wait, and there may be very many. So all of a superstep's take their first steps in one callback of the
event loop (``FirstSteps``), where they would have had a callback each, one behind the other. What is over by then is concluded in
another, and its asyncio task is gone before the next one is made.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from langgraph_engine.node_plan import PLAIN
from langgraph_engine.turns import call_back

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop_async import AsyncLoop
    from langgraph_engine.plain_functions import PlainFunctions

__all__ = ["FirstSteps", "NodeCoroutine"]

_TASKS_HAVE_CONTEXTS = sys.version_info >= (3, 11)

_create_task = asyncio.BaseEventLoop.create_task
_call_soon = asyncio.BaseEventLoop.call_soon
_REPLACEABLE = frozenset({"create_task", "call_soon"})
_NO_CALLS = frozenset({dict, type(None)})
"""Writers that call nobody for these call nobody at all."""

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
        "_begun",
        "_context",
        "_done",
        "_error",
        "_follows",
        "_judge",
        "_over",
        "_value",
        "given_up",
        "stopped",
        "task",
    )

    def __init__(self, task: LiveTask, judge: Judge, done: Done) -> None:
        self.task = task
        self.stopped = self.given_up = False
        self._judge, self._done = judge, done
        self._context: Any = None  # that of its node
        self._asyncio_task: Any = None  # nor is there one once the node returned in its first step
        self._begun = self._over = self._follows = False
        self._error: BaseException | None = None

    @classmethod
    def may_run(cls, task: LiveTask) -> bool:
        """Whether the task's node is a coroutine function, and what follows it awaits nothing."""
        return _TASKS_HAVE_CONTEXTS and task.plan.is_coroutine()

    def start(self) -> None:
        """Call the node, and make an asyncio task of what it returns."""
        self._call()
        self._asyncio_task.add_done_callback(self)

    def start_in(self, functions: PlainFunctions, function: Any) -> None:
        """Have the node, a plain function, called in a thread."""
        loop: AsyncLoop = self.task.loop  # type: ignore[assignment]  # only one of these has coroutines
        self._begun = True
        try:
            self._context, call = self.task.plan.prepared(self.task, function)
        except Exception as error:  # noqa: BLE001 - it is the node's, as any it raises later
            self._fail(error)
            self._asyncio_task.add_done_callback(self)
        else:
            self._asyncio_task = functions.add(self.task.plan, self._context, call, self)
        loop.takes_part(self._asyncio_task, self)

    def take_first_step(self, ready: deque[Any]) -> None:
        """Call the node, and run what it returns up to where it waits, as an asyncio task whose turn it is.

        Args:
            ready: The event loop's callbacks.

        Raises:
            KeyboardInterrupt, SystemExit: Out of the node, whose task ended so.
        """
        if self.stopped:
            return
        self._call()
        asyncio_task = self._asyncio_task
        try:
            if not asyncio_task.done():
                self._take_turn(ready)
        finally:
            if not asyncio_task.done():
                asyncio_task.add_done_callback(self)
            else:
                self._end(asyncio_task)

    def waits(self) -> bool:
        """Whether its asyncio task, which isn't over, will have it concluded."""
        return self._asyncio_task is not None and not self._asyncio_task.done()

    def _take_turn(self, ready: deque[Any]) -> None:
        """Do what the event loop was just asked to do next for the node's asyncio task."""
        # It comes last, unless a thread, or a finalizer, asked for something as well; nobody else takes anything out.
        at = len(ready) - 1
        while (handle := ready[at])._context is not self._context:  # noqa: SLF001 - as above
            at -= 1
        del ready[at]
        handle._run()  # noqa: SLF001 - as the event loop does

    def is_unseen(self) -> bool:
        """Whether nothing of the user's, nor anybody who looks, sees when it is concluded, as it returned."""
        return (
            self._begun
            and self._asyncio_task is None
            and type(self._value) in _NO_CALLS
            and self.task.plan.writes_unseen
        )

    def _call(self) -> None:
        """Call the node; what it returned, or raised, is an asyncio task's, or a future's, from here on."""
        self._begun = True
        try:
            coroutine, self._context = self.task.plan.started(self.task)
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._run(coroutine)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):
            # As out of the coroutine that LangGraph calls the node in.
            ended, error = error, RuntimeError("coroutine raised StopIteration")
            error.__cause__ = ended
        self._context = None
        self._asyncio_task = self.task.loop.event_loop.create_future()
        self._asyncio_task.set_exception(error)

    def _run(self, coroutine: Any) -> None:
        loop: AsyncLoop = self.task.loop  # type: ignore[assignment]  # as above
        self._asyncio_task = loop.start_coroutine(self, coroutine, self._context)

    def _end(self, asyncio_task: Any) -> None:
        """What was the event loop's to call is over; of what returned something only that is kept."""
        loop: AsyncLoop = self.task.loop  # type: ignore[assignment]  # as above
        loop.coroutine_ended(asyncio_task)
        if not asyncio_task.cancelled() and asyncio_task.exception() is None:
            self._value = asyncio_task.result()
            self._asyncio_task = None
            if type(self._value) in PLAIN:  # nothing follows
                self._context = None

    def __call__(self, asyncio_task: Any) -> None:
        """The asyncio task is done."""
        self._end(asyncio_task)
        self.conclude()

    def conclude(self) -> None:
        """Conclude the node's task, or go on with what its coroutine returned."""
        error: BaseException | None = None
        following = None
        asyncio_task = self._asyncio_task
        was_cancelled = not self._begun if asyncio_task is None else asyncio_task.cancelled()

        def conclude(task: LiveTask) -> None:
            nonlocal following
            result = self._value if asyncio_task is None else asyncio_task.result()
            if self._follows:
                task.plan.concluded(task, result)
            else:
                following = task.plan.returned(task, result)

        if self.given_up or (self.stopped and was_cancelled):
            error = asyncio.CancelledError()
        else:
            try:
                self._judge(self.task, conclude)
            except BaseException as raised:  # noqa: BLE001 - kept for the run to raise
                error = raised
        self._value = None
        if following is not None:
            self._follows = True
            self._run(following)
            self._asyncio_task.add_done_callback(self)
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
        self.given_up = self._begun and (self._asyncio_task is None or self._asyncio_task.done())
        self._stop()

    def _stop(self, message: Any = None) -> None:
        self.stopped = True
        if self._asyncio_task is not None:
            self._asyncio_task.cancel(message)


class FirstSteps:
    """The first steps of coroutines that run together, in one callback of the event loop.

    Stands for one of the run's nodes until all are taken, and what ended then is concluded.

    Args:
        loop: The run.
        tasks: Whose coroutines they are.
        make: Makes what stands for a task, as its turn comes.
    """

    def __init__(
        self,
        loop: AsyncLoop,
        tasks: Iterable[LiveTask],
        make: Callable[[LiveTask], NodeCoroutine],
    ) -> None:
        self._loop, self._event_loop = loop, loop.event_loop
        self._make = make
        self._waiting = deque(tasks)
        self._ended: deque[NodeCoroutine] = deque()
        self._unseen = not loop.keeps_pending and loop.quiet
        self._closed = False
        self._over: Any = None

    @staticmethod
    def may_be_taken(event_loop: Any) -> bool:
        """Whether an event loop is one of asyncio's own, and makes tasks as asyncio does."""
        kind = type(event_loop)
        return (
            getattr(kind, "create_task", None) is _create_task
            and getattr(kind, "call_soon", None) is _call_soon
            and type(getattr(event_loop, "_ready", None)) is deque
            and _REPLACEABLE.isdisjoint(vars(event_loop))
            and event_loop.get_task_factory() is None
            and not event_loop.get_debug()
        )

    def begin(self) -> None:
        """Have them taken in the event loop's next turn."""
        self._over = self._event_loop.create_future()
        self._loop.takes_part(self._over, self)
        self._event_loop.call_soon(self._take)

    def close(self) -> None:
        """The run is over: what isn't concluded is stopped."""
        self._closed = True
        for node in self._ended:
            node.close()

    def _take(self) -> None:
        ready = self._event_loop._ready  # noqa: SLF001 - as asked before
        try:
            while self._waiting:
                node = self._make(self._waiting.popleft())
                try:
                    if self._closed:
                        node.close()
                    node.take_first_step(ready)
                finally:
                    if not node.waits():
                        self._end(node)
        finally:
            self._go_on(self._take, self._waiting)

    def _end(self, node: NodeCoroutine) -> None:
        if self._unseen and node.is_unseen():
            node.conclude()
            return
        if not self._ended:
            self._event_loop.call_soon(self._conclude)
        self._ended.append(node)

    def _conclude(self) -> None:
        try:
            while self._ended:
                call_back(self._event_loop, self._ended.popleft().conclude)
        finally:
            self._go_on(self._conclude, self._ended)

    def _go_on(self, callback: Callable[[], None], rest: deque[Any]) -> None:
        """Whoever interrupted the event loop may go on with it; else look whether all is over."""
        if rest:
            self._event_loop.call_soon(callback)
        elif not (self._waiting or self._ended or self._over.done()):
            self._loop.coroutine_ended(self._over)
            self._over.set_result(None)
