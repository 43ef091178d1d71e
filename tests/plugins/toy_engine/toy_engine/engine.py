"""The toy engine."""

from __future__ import annotations

from langgraph_engine_python.engine import PythonEngine


class ToyEngine(PythonEngine):
    """Runs graphs as the python engine does."""

    name = "toy"
    version = "1.2.3"
