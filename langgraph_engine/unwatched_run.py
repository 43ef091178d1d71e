"""An ``invoke`` from outside that nobody watches, run without a loop for as long as none is needed.

A loop is what streams, saves, retries and describes tasks. A run that does none of that, and whose supersteps are all
simple, is over before anybody asks for one: its input is committed, the engine runs it, its output is read.

    UnwatchedRun.of(call)     None if the call isn't of that kind
        go                    the engine runs as far as it can  (``execute``, whose ``Place`` this is)
        ended                 ... and that was all
        loop                  ... or it wasn't: the loop that goes on from there

The loop is also made when a node looks at its config, or raises: tasks belong to a loop. Then what the engine says is
handed on to it. Whoever asks first makes it, in any thread, also after the run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from langgraph.errors import EmptyInputError
from langgraph.runtime import RunControl
from langgraph.types import Command

from langgraph_engine import upstream
from langgraph_engine.checkpoint_ids import unsaved_id
from langgraph_engine.committing import commit, commit_and_plan, warn_unknown
from langgraph_engine.compiled import compiled
from langgraph_engine.execute import PLANNED, Stop
from langgraph_engine.forks import free_in_forks
from langgraph_engine.listeners import UnheardRun
from langgraph_engine.loop_async import shared_task
from langgraph_engine.protocol import TaskWrites

if TYPE_CHECKING:
    from langgraph_engine.compiled import CompiledGraph
    from langgraph_engine.execute import Execution, Streamed
    from langgraph_engine.hand_over import HandOver
    from langgraph_engine.invocation import Invocation
    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop import Loop
    from langgraph_engine.protocol import Plan, Run, Task, Write
    from langgraph_engine.streams import Latest

__all__ = ["UnwatchedRun"]

_becoming_looped = free_in_forks(threading.RLock())
_ORDINARY = ("stream_mode", "output_keys")
"""What an ``invoke`` sets itself, and nothing else may be asked for."""
_FIRST = 0
"""The first superstep after the input."""


class UnwatchedRun:
    """A run without a loop, or with the one that was made for it. See ``execute.Place``.

    Attributes:
        graph: What was compiled of the graph.
        execution: Runs it; None once it is over.
        stopped: Where the engine stopped last.
        failed: What it, or the event loop, raised instead.
        hand_over: Hands it over to threads, once it needs any.
    """

    __slots__ = (
        "_at",
        "_call",
        "_keys",
        "_loop",
        "_make_loop",
        "_moved_on",
        "_over",
        "_planned",
        "_run",
        "asyncio_task",
        "control",
        "event_loop",
        "execution",
        "failed",
        "graph",
        "hand_over",
        "output_key_set",
        "stop",
        "stopped",
    )

    namespace = ""
    saver: Any = None
    counts_versions = False
    saves_each = False
    streamed: Streamed | None = None

    def __init__(
        self, call: Invocation, graph: CompiledGraph, make_loop: Callable[[], Any]
    ) -> None:
        self._call, self.graph, self._make_loop = call, graph, make_loop
        keys = self._keys = call.graph.output_channels
        self.output_key_set = frozenset((keys,) if isinstance(keys, str) else keys)
        self.stop = call.config["recursion_limit"]
        self.control = call.control = RunControl()
        self.event_loop = call.event_loop
        self.asyncio_task = shared_task(call.event_loop) if call.is_async else None
        self._loop: Loop | None = None
        self._moved_on = self._over = False
        self._planned: Plan | None = None
        self._run: Run = graph.program.restore(None)
        self.execution: Execution | None = None
        self.stopped: Stop | None = None
        self.failed: list[BaseException] = []
        self.hand_over: HandOver | None = None

    @classmethod
    def of(
        cls, call: Invocation, kwargs: Mapping[str, Any], make_loop: Callable[[], Any]
    ) -> UnwatchedRun | None:
        """The run of a call, begun; None if it takes a loop from the start.

        Args:
            call: The call.
            kwargs: Its arguments beside input and config.
            make_loop: Makes a loop for it, ready to take the run over; called once at most, by any thread.

        Raises:
            EmptyInputError: The input says nothing.
            InvalidUpdateError: A channel refused the input.
        """
        if (
            len(kwargs) > len(_ORDINARY)
            or call.input is None
            or isinstance(call.input, Command)
            or not call.is_unwatched()
        ):
            return None
        graph = compiled(call.graph, call.engine)
        if graph.executor is None:
            return None
        run = cls(call, graph, make_loop)
        if kwargs["output_keys"] is not run._keys or not run.output_key_set <= graph.lasting:
            return None
        run._take_input()
        run.execution = graph.executor.begin(run._run, run)
        return run

    def _take_input(self) -> None:
        graph, keys = self.graph, self._call.graph.input_channels
        writes = [*upstream.map_input(keys, self._call.input)]
        if not writes:
            raise EmptyInputError(f"Received no input for {keys}")
        committed = (TaskWrites((), upstream.INPUT, writes, ()),)
        checkpoint_id = unsaved_id()
        if graph.plans_ahead:
            updated, self._planned = commit_and_plan(
                self._run,  # type: ignore[arg-type]  # plans_ahead says what it can do
                graph.channels,
                committed,
                None,
                (_FIRST, checkpoint_id, self.namespace),
            )
        else:
            updated = commit(self._run, graph.channels, committed, None)
        self._at = Stop(PLANNED, _FIRST, checkpoint_id, updated, False, None)

    # -- running it -----------------------------------------------------------------------------

    def go(self) -> Stop:
        """Have the engine run supersteps from the first one."""
        assert self.execution is not None
        _, step, checkpoint_id, updated, _, _ = self._at
        return self.execution.go(step, checkpoint_id, updated)

    def run_on_after(self, value: Any) -> Stop:
        """Have the engine go on with what it stopped for."""
        assert self.execution is not None
        return self.execution.resume(value)

    def ended(self, latest: Latest) -> bool:
        """Whether that was all, and nobody made a loop. Then ``latest`` has the last state."""
        stop = self.stopped
        if stop is None or stop.kind != PLANNED or stop.detail is None:
            return False
        tasks, ignored = stop.detail
        if tasks or ignored:
            return False
        value = self._run.read(self._keys)
        with _becoming_looped:
            if self._loop is not None:
                return False
            self._over = True
        self.execution = None  # which refers back to this
        if stop.due:
            latest.value = value
        return True

    def loop(self) -> Any:
        """The loop, of whoever made the run, which goes on from where that is."""
        with _becoming_looped:
            if self._loop is None:
                self._call.announced(UnheardRun(self._call.config, is_async=self._call.is_async))
                loop = self._make_loop()
                loop.take_over(self)
                if self._over:
                    loop.release()
                self._loop = loop
            return self._loop

    def raise_failure(self) -> None:
        """Raise, in the loop, what was raised before there was one."""
        self.execution = None  # the loop has it
        if self.failed:
            raise self.failed.pop()

    def taken_over(self) -> Stop | None:
        """What the loop has to go on with."""
        stop, self.stopped = self.stopped, None
        return stop

    def begun_at(self) -> tuple[Run, Stop, bool]:
        """What a loop takes over: the engine's run, where it is, and whether a superstep was committed."""
        return self._run, self._at, self._moved_on

    # -- what the engine asks and says ----------------------------------------------------------

    @property
    def reduces_in_threads(self) -> bool:
        """Whether threads may combine what tasks wrote."""
        return self.graph.reduces_in_threads()

    @property
    def calls(self) -> Any:
        return None if self._loop is None else self._loop.calls

    @property
    def planned(self) -> Plan | None:
        return self._planned if self._loop is None else self._loop.planned

    @planned.setter
    def planned(self, plan: Plan | None) -> None:
        if self._loop is None:
            self._planned = plan
        else:
            self._loop.planned = plan

    def live_task(
        self, task: Task, step: int, checkpoint_id: str, started: float, *, current: bool
    ) -> LiveTask:
        """The task, for code that looks at it."""
        loop: Loop = self._loop or self.loop()
        return loop.live_task(task, step, checkpoint_id, started, current=current)

    def moved_on(self) -> None:
        """The first superstep was committed."""
        with _becoming_looped:
            self._moved_on = True
            if self._loop is not None:
                self._loop.moved_on()

    def take_stop(self, stop: Stop) -> None:
        """Where the run is."""
        with _becoming_looped:
            self._at = stop._replace(detail=None)  # which may refer back to this
            if self._loop is not None:
                self._loop.take_stop(stop)

    def show(self, mode: str, chunk: Any) -> None:
        """There is no stream to show it in."""

    def wrote(self, task_id: str, path: tuple[Any, ...], writes: list[Write]) -> None:
        """There is no saver to save it."""

    def committed(self, step: int, checkpoint_id: str, updated: set[str]) -> None:
        """There is no saver to save it."""

    def wrote_nowhere(self, name: str, path: tuple[Any, ...], channel: str) -> None:
        """A task wrote to a channel the graph doesn't have."""
        warn_unknown(name, path, channel)
