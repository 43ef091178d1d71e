"""A task of a superstep the facade runs by itself, and the thread that may run it. See ``facade_execution``."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from langgraph_engine.execute import MOMENT
from langgraph_engine.forks import free_in_forks

if TYPE_CHECKING:
    from langgraph_engine.execute import NodeCall, Place
    from langgraph_engine.protocol import Task, Write

__all__ = ["StepTask", "Thread"]

_becoming_live = free_in_forks(threading.Lock())


class Thread:
    """A thread's turn at an execution.

    Attributes:
        began: When it began, in seconds of a clock that only runs forward.
        given_up: Whether nothing is to come of it.
        task: The task under way; None between two supersteps.
        reduces: Whether it may call reducers, once that was asked.
    """

    __slots__ = ("began", "given_up", "reduces", "task")

    def __init__(self, task: StepTask | None) -> None:
        self.began = monotonic()
        self.given_up = False
        self.task = task
        self.reduces: bool | None = None

    def is_over(self) -> bool:
        """Whether it is to give control back."""
        return self.given_up or monotonic() - self.began > MOMENT


class StepTask:
    """A task under way, and the facade's task it becomes if somebody looks at it.

    Attributes:
        task: The task as it was planned.
        given: The node's input.
        value: The same, then what the node or the writer before returned.
        writes: What it wrote, in order; ``extend`` may be called from any thread.
        live: The facade's task, if there is one; it writes to the same list.
        function: What is called for the node; None for a node that hands on what it is given.
        awaited: Whether what it returns is awaited.
        started: When it was called, in seconds since the epoch.
        writer: The place of the next writer.
        result: What a coroutine returned in its first step.
        then: Who takes what was awaited, and what else it is given; None until the node was called.
        own_cancels: How often a coroutine that raised had cancelled the asyncio task.
        had_turn: Whether the event loop had its turn.
        thread: The thread it is run by, if it isn't the event loop.
        over: Whether its superstep was committed.
    """

    # What a task starts with; storing it in each would be a good part of what a superstep costs.
    function: Any = None
    awaited = False
    started = 0.0
    live: Any = None
    then: Any = None
    result: Any = None
    writer = 0
    own_cancels = 0
    had_turn = False
    thread: Thread | None = None
    over = False

    def __init__(
        self,
        place: Place,
        at: tuple[int, str],
        task: Task,
        given: Any,
        call: NodeCall,
    ) -> None:
        self._place, self._at = place, at
        self.task, self.given, self.value, self.call = task, given, given, call
        self.writes: list[Write] = []

    def looked_at(self) -> Any:
        """The facade's task: made when first asked for, with what was written so far."""
        if self.live is None:
            step, checkpoint_id = self._at
            made = self._place.live_task(
                self.task, step, checkpoint_id, self.started, current=not self.over
            )
            made.value = self.given
            with _becoming_live:
                if self.live is None:
                    made.writes = self.writes
                    self.live = made
        return self.live

    def full_config(self) -> Any:
        """The config the node would see in LangGraph."""
        return self.looked_at().full_config()

    def use_config(self, config: Any) -> None:
        """From here on the task's config is this one."""
        self.looked_at().use_config(config)
