from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, final

from langgraph_engine.protocol import (
    Committed,
    GraphSpec,
    Plan,
    TaskPath,
    TaskWrites,
    Version,
    Write,
)

__all__ = ["Program", "Run", "Task", "compile", "error_kinds", "inject_panic"]

@final
class Task:
    """See ``langgraph_engine.protocol.Task``."""

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
    """See ``langgraph_engine.protocol.Run``."""

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
    """See ``langgraph_engine.protocol.Program``."""

    def restore(self, checkpoint: Mapping[str, Any] | None) -> Run: ...

def compile(graph: GraphSpec) -> Program:
    """Compile a graph once."""

def error_kinds() -> list[tuple[int, str]]:
    """Every kind of error the core knows, as ``(number, name)``."""

def inject_panic(program: Program, point: str) -> None:
    """Make a program's next ``restore``, ``plan`` or ``commit`` panic. For tests."""
