"""Times LangGraph programs on stock LangGraph and on every engine, side by side in one run.

::

    nox -s bench                                         everything, about a quarter of an hour
    nox -s bench -- --quick                              a smaller profile, under a minute
    nox -s bench -- --docs                               everything, and docs/benchmarks.md written anew
    nox -s bench -- --only chain,loop --engines rust --judge

What is timed is LangGraph's own work: the nodes do next to nothing, and the *floor* says how little.

To read it: ``workload`` says what a workload is, ``own_graphs`` (with ``own_nodes`` and ``own_floors``) and
``langgraph_graphs`` what runs; ``worker`` is the process each engine gets, ``processes`` the other end of its
pipes, ``measure`` asks the workers in turn. ``results`` sums up, prints and judges; ``document`` stores,
``plots`` and ``page`` write the documentation. ``user_graph`` is for ``langgraph-engine bench``.
"""

from __future__ import annotations

__all__: list[str] = []
