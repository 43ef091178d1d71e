"""What a workload is: a program that is timed, the answer it must give, and its floor.

The *floor* of a workload is a loop written by hand that calls the same functions in the same order, and nothing
else: nodes, routers, and reducers where they are more than an addition. No engine can be faster; what
an engine takes beyond it is the engine's own time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import uuid4

__all__ = ["BOTH", "Mode", "Program", "Threads", "Workload"]

Mode = Literal["sync", "async"]
BOTH: Final[tuple[Mode, ...]] = ("sync", "async")


@dataclass(frozen=True)
class Program:
    """A workload that was built, in the worker that times it.

    Attributes:
        run: One run on whatever engine is installed; gives the answer, or a coroutine of it.
        floor: The same work in a loop written by hand; gives the same answer in the same way.
        clean_up: Called after runs, outside the time that is measured; may return a coroutine.
    """

    run: Callable[[], Any]
    floor: Callable[[], Any] | None = None
    clean_up: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Workload:
    """One program and how its time is reported.

    Attributes:
        name: What ``--only`` selects.
        unit: What the time is divided by: ``superstep``, ``task``, ``invoke`` or ``run``.
        units: How many of them one run has.
        build: Makes the program; told whether its nodes are asynchronous.
        answer: What it must return; None where stock LangGraph's answer is what counts.
        modes: In which modes it makes sense.
        quick: Whether the quick profile has it.
        usual: Whether the full profile has it.
        group: Workloads of one group are compared with each other, so they take turns as well.
        size: What the workloads of a group differ in: nodes, tasks, runs at a time.
    """

    name: str
    unit: str
    units: int
    build: Callable[[bool], Program]
    answer: Any = None
    modes: tuple[Mode, ...] = BOTH
    quick: bool = True
    usual: bool = True
    group: str = ""
    size: int = 0


@dataclass
class Threads:
    """A thread of its own for each run of a graph with a saver, deleted after they were timed.

    A saver that keeps every run would make each turn slower than the one before.
    """

    saver: Any
    _used: list[str] = field(default_factory=list)

    def config(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config with a fresh ``thread_id``, where there is a saver."""
        if self.saver is None:
            return config
        self._used.append(str(uuid4()))
        configurable = {**config.get("configurable", {}), "thread_id": self._used[-1]}
        return {**config, "configurable": configurable}

    def delete(self) -> None:
        """Delete what the saver kept of the runs so far."""
        for thread in self._used:
            self.saver.delete_thread(thread)
        self._used.clear()

    async def adelete(self) -> None:
        """Delete it through the saver's asynchronous methods: some savers have no others."""
        for thread in self._used:
            await self.saver.adelete_thread(thread)
        self._used.clear()
