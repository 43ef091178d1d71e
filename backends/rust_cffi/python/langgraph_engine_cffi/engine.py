"""The engine the facade loads as ``cffi``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_engine.protocol import PROTOCOL_VERSION
from langgraph_engine_cffi.execution import CffiExecutor
from langgraph_engine_cffi.library import capabilities
from langgraph_engine_cffi.program import CffiProgram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_engine.execute import Host, NodeCall
    from langgraph_engine.protocol import GraphSpec, Program

__all__ = ["CffiEngine"]


class CffiEngine:
    """The Rust core behind its C ABI, with numbers for Python's objects."""

    name = "cffi"
    version = "0.1.0"
    protocol_version = PROTOCOL_VERSION
    capabilities = frozenset(capabilities()["capabilities"]) | {"execute"}

    def compile(self, graph: GraphSpec) -> Program:
        """Compile a graph once."""
        return CffiProgram(graph)

    def executor(self, program: Any, calls: Mapping[str, NodeCall], host: Host) -> Any:
        """Compile how nodes are called; a node without an entry is the facade's to run."""
        return CffiExecutor(program, calls, host)
