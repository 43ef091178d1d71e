"""The engine the facade loads as ``python``."""

from __future__ import annotations

from langgraph_engine.protocol import CHANNEL_KINDS, PROTOCOL_VERSION, GraphSpec
from langgraph_engine_python.program import PythonProgram

__all__ = ["PythonEngine"]


class PythonEngine:
    """The readable engine: plain Python, the specification the others are compared with."""

    name = "python"
    version = "0.1.0"
    protocol_version = PROTOCOL_VERSION
    capabilities = frozenset(f"channel:{kind}" for kind in CHANNEL_KINDS)

    def compile(self, graph: GraphSpec) -> PythonProgram:
        return PythonProgram(graph)
