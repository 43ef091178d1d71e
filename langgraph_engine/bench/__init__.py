"""Times LangGraph programs on stock LangGraph and on every engine, side by side in one run.

::

    python -m langgraph_engine.bench                     everything, several minutes
    python -m langgraph_engine.bench --quick             a smaller profile, under 90 seconds
    python -m langgraph_engine.bench --only chain,loop --engines rust --json bench.json

What is timed is LangGraph's own work: the nodes do next to nothing. ``workloads`` says what runs,
``worker`` is the process each engine gets, ``measure`` asks the workers in turn, ``results`` prints,
stores and judges.
"""

from __future__ import annotations

__all__: list[str] = []
