"""The engine the facade loads as ``cffi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_engine.protocol import PROTOCOL_VERSION
from langgraph_engine_cffi.library import capabilities
from langgraph_engine_cffi.program import CffiProgram

if TYPE_CHECKING:
    from langgraph_engine.protocol import GraphSpec, Program

__all__ = ["CffiEngine"]


class CffiEngine:
    """The Rust core behind its C ABI, with numbers for Python's objects."""

    name = "cffi"
    version = "0.1.0"
    protocol_version = PROTOCOL_VERSION
    capabilities = frozenset(capabilities()["capabilities"])

    def compile(self, graph: GraphSpec) -> Program:
        """Compile a graph once."""
        return CffiProgram(graph)
