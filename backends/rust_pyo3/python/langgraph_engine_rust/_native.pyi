# What each class and method does is written once, in langgraph_engine.protocol.
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, final

from langgraph_engine.execute import Host, NodeCall, Place, Stop
from langgraph_engine.protocol import (
    Committed,
    GraphSpec,
    Plan,
    TaskPath,
    TaskWrites,
    Version,
    Write,
)
from langgraph_engine.protocol import Program as AnyProgram
from langgraph_engine.protocol import Run as AnyRun

__all__ = [
    "Execution",
    "Executor",
    "Program",
    "Run",
    "Task",
    "compile_graph",
    "error_kinds",
    "inject_panic",
    "make_executor",
]

@final
class Task:
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> TaskPath: ...
    @property
    def triggers(self) -> tuple[str, ...]: ...
    @property
    def input(self) -> Any: ...
    @property
    def namespace(self) -> str: ...

@final
class Run:
    def plan(
        self, step: int, checkpoint_id: str, namespace: str, updated: Collection[str] | None
    ) -> Plan: ...
    def push(
        self,
        name: str,
        path: TaskPath,
        parts: Sequence[str],
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> Task: ...
    def commit(self, writes: Sequence[TaskWrites], version: Version | None) -> Committed: ...
    def read(self, keys: str | Sequence[str], writes: Iterable[Write] | None = None) -> Any: ...
    def state(self, name: str) -> Any: ...
    def max_version(self) -> Version | None: ...
    def see(self, name: str) -> None: ...
    def unseen(self, name: str) -> bool: ...
    def checkpoint(
        self, checkpoint_id: str, timestamp: str, updated: Collection[str] | None
    ) -> dict[str, Any]: ...

@final
class Program:
    def restore(self, checkpoint: Mapping[str, Any] | None) -> Run: ...

@final
class Execution:
    def go(self, step: int, checkpoint_id: str, updated: Collection[str] | None) -> Stop: ...
    def resume(self, value: Any) -> Stop: ...
    def resume_in_thread(self) -> Stop | None: ...
    def give_up(self) -> Any: ...

@final
class Executor:
    def begin(self, run: AnyRun, place: Place) -> Execution: ...

def compile_graph(graph: GraphSpec) -> Program: ...
def make_executor(program: AnyProgram, calls: Mapping[str, NodeCall], host: Host) -> Executor: ...
def error_kinds() -> list[tuple[int, str]]: ...
def inject_panic(program: Program, point: str) -> None: ...
