"""A task run the direct way, and the config it would have had.

Most nodes never look at their config, and building one costs more than everything else a superstep
does. So the context of a directly run task holds a ``LiveConfig``: a dict that is built the first time
anything looks into it, from what was true when the task was planned.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from langgraph_engine.forks import free_in_forks
from langgraph_engine.quiet_config import quiet_config
from langgraph_engine.task_config import executable_task, first_attempt_config

if TYPE_CHECKING:
    from langgraph.types import PregelExecutableTask

    from langgraph_engine import upstream
    from langgraph_engine.loop import Loop
    from langgraph_engine.node_plan import NodePlan
    from langgraph_engine.protocol import Task
    from langgraph_engine.task_config import TaskBasis

__all__ = ["LiveConfig", "LiveTask"]

_building = free_in_forks(threading.Lock())


class LiveTask:
    """One task of a superstep nobody is watching.

    Attributes:
        loop: The run it belongs to.
        basis: What it has in common with the other tasks of its superstep.
        task: The engine's task.
        plan: How to call its node.
        value: The node's input.
        writes: What it wrote, in order; ``extend`` may be called from any thread.
        started: When its node was called, in seconds since the epoch.
    """

    # There may be very many of them at a time.
    __slots__ = (
        "__weakref__",
        "_executable",
        "_full",
        "_scratchpad",
        "basis",
        "loop",
        "plan",
        "started",
        "task",
        "value",
        "writes",
    )

    def __init__(self, loop: Loop, task: Task, plan: NodePlan, basis: TaskBasis) -> None:
        self.loop = loop
        self.task = task
        self.plan = plan
        self.basis = basis
        self.value: Any = None
        self.writes: list[tuple[str, Any]] = []
        self.started = 0.0
        self._executable: PregelExecutableTask | None = None
        self._full: dict[str, Any] | None = None
        self._scratchpad: upstream.PregelScratchpad | None = None

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def path(self) -> tuple[Any, ...]:
        return self.task.path

    @property
    def config(self) -> Any:
        """The task's config: the real one if it was built, else one that builds itself."""
        if self._full is not None:
            return self._full
        config = LiveConfig()  # not kept: it refers to the task, and would make a cycle
        config.task = self
        return config

    def scratchpad(self) -> upstream.PregelScratchpad:
        if self._scratchpad is None:
            self._scratchpad = self.basis.scratchpad(self.task.id, self.task.namespace)
        return self._scratchpad

    def executable(self) -> PregelExecutableTask:
        """The same task as LangGraph's own class describes it."""
        if self._executable is None:
            self._executable = executable_task(
                self.basis,
                self.task,
                self.plan,
                self.value,
                writes=self.writes,
                scratchpad=self.scratchpad(),
            )
        return self._executable

    def full_config(self) -> Any:
        """The config the node would see in LangGraph, built at most once."""
        if self._full is None:
            with _building:
                if self._full is None:
                    self._full = quiet_config(self) or first_attempt_config(self)
        return self._full

    def use_config(self, config: LiveConfig) -> None:
        """From here on the task's config is the one that was just filled."""
        self._full = config

    def read(self, select: str | list[str], fresh: bool = False) -> Any:
        """Read state; ``fresh`` reflects this task's own writes."""
        return self.basis.read(self.scratchpad, self.writes, select, fresh)


class LiveConfig(dict[str, Any]):
    """A dict filled with its task's config when it is first looked into.

    Attributes:
        task: The task while the dict is empty. Set by whoever makes the dict: an engine may do so, with an
            object of its own that has ``full_config`` and ``use_config``.
    """

    __slots__ = ("task",)

    task: Any

    def _fill(self) -> None:
        task = self.task
        if task is not None:
            content = task.full_config()
            if self.task is not None:
                super().update(content)
                self.task = None
                task.use_config(self)  # what the node changes in it, its router sees

    def __getitem__(self, key: str) -> Any:
        self._fill()
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._fill()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._fill()
        super().__delitem__(key)

    def __contains__(self, key: object) -> bool:
        self._fill()
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self._fill()
        return super().__reversed__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        self._fill()
        if isinstance(other, LiveConfig):
            other._fill()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as any dict

    def __repr__(self) -> str:
        self._fill()
        return super().__repr__()

    def __or__(self, other: Any) -> Any:
        return dict(self.items()) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self.items())

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (dict(self.items()),)

    def __copy__(self) -> dict[str, Any]:
        return self.copy()

    def get(self, key: str, default: Any = None) -> Any:
        self._fill()
        return super().get(key, default)

    def keys(self) -> Any:
        self._fill()
        return super().keys()

    def values(self) -> Any:
        self._fill()
        return super().values()

    def items(self) -> Any:
        self._fill()
        return super().items()

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def pop(self, *args: Any) -> Any:
        self._fill()
        return super().pop(*args)

    def popitem(self) -> tuple[str, Any]:
        self._fill()
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._fill()
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._fill()
        super().update(*args, **kwargs)

    def clear(self) -> None:
        self.task = None
        super().clear()
