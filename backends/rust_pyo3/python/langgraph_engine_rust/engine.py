"""The engine the facade loads as ``rust``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_engine.protocol import CHANNEL_KINDS, PROTOCOL_VERSION
from langgraph_engine_rust import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from langgraph_engine.execute import Executor, Host, NodeCall
    from langgraph_engine.meeting import Meeting
    from langgraph_engine.protocol import GraphSpec, Program

__all__ = ["RustEngine"]


class RustEngine:
    """The production engine: the Rust core, with Python objects as its values."""

    name = "rust"
    version = "0.1.0"
    protocol_version = PROTOCOL_VERSION
    capabilities = frozenset(
        {"execute", "meeting", "messages", *(f"channel:{kind}" for kind in CHANNEL_KINDS)}
    )

    def compile(self, graph: GraphSpec) -> Program:
        """Compile a graph once."""
        return _native.compile_graph(graph)

    def executor(self, program: Program, calls: Mapping[str, NodeCall], host: Host) -> Executor:
        """Take in how nodes are called, each when it first runs; a node without an entry is the facade's to run."""
        return _native.make_executor(program, calls, host)

    def meeting(self, *, awaited: bool = False) -> Meeting:
        """Make a place for an event loop and a thread to meet."""
        return _native.Meeting(awaited=awaited)

    def merge_messages(
        self,
        plain: set[type],
        number: Callable[[Any], None],
        otherwise: Callable[[Any, Any], Any],
    ) -> Callable[[Any, Any], Any]:
        """Make a reducer of message histories."""
        return _native.MessageMerger(plain, number, otherwise)
