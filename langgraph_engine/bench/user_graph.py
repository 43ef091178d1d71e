"""A user's own graph as a workload, and how much of its time passes inside its nodes."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from langchain_core.runnables import RunnableLambda

from langgraph_engine.bench.workload import Program, Threads
from langgraph_engine.upstream import Pregel

__all__ = ["NodeClock", "Target"]

_START: Final = "__start__"


@dataclass(frozen=True)
class Target:
    """A graph of a user's, and what it is run on.

    Attributes:
        graph: ``module:graph``.
        input: What the graph is given; plain data, as JSON has it.
        config: The config of each run; with a saver, each run gets a ``thread_id`` of its own.
    """

    graph: str
    input: Any
    config: dict[str, Any]

    def text(self) -> str:
        """The target as a worker is told it: a JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Target:
        """The target that `text` was made of."""
        return cls(**json.loads(text))

    def load(self) -> Any:
        """Import the graph."""
        from langgraph_engine.cli.named_graph import load

        return load(self.graph)

    def program(self, graph: Any, asynchronous: bool) -> Program:
        """Runs of the graph, as a worker times them."""
        saver = graph.checkpointer
        threads = Threads(None if isinstance(saver, bool) else saver)

        def run() -> Any:
            return graph.invoke(self.input, threads.config(self.config))

        def arun() -> Any:
            return graph.ainvoke(self.input, threads.config(self.config))

        if asynchronous:
            return Program(arun, clean_up=threads.adelete)
        return Program(run, clean_up=threads.delete)


class NodeClock:
    """Runs while at least one node is at work: nodes side by side count once.

    What nodes wait for counts as theirs, and so does a graph that a node calls by itself; a subgraph that *is* a
    node doesn't: its own nodes do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work = 0
        self._since = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        with self._lock:
            return self._seconds

    def watch(self, graph: Any) -> bool:
        """Put the clock around the nodes of a graph and its subgraphs; before the graph runs.

        Returns:
            Whether the nodes can be told from LangGraph: those of a ``StateGraph`` can. The node of an
            ``@entrypoint`` waits for tasks, and LangGraph works meanwhile.
        """
        if not hasattr(graph, "builder"):
            return False
        known = True
        for name, node in graph.nodes.items():
            inner = node.bound
            if name == _START:
                continue
            if isinstance(inner, Pregel):
                known = self.watch(inner) and known
            elif hasattr(inner, "func") and hasattr(inner, "afunc"):
                # LangGraph looked at the function's signature before; only what is called changes.
                inner.func = inner.func and self._around(inner.func)
                inner.afunc = inner.afunc and self._around_async(inner.afunc)
            else:
                node.bound = RunnableLambda(
                    self._around(inner.invoke), self._around_async(inner.ainvoke)
                )
        return known

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._enter()
            try:
                return function(*args, **kwargs)
            finally:
                self._leave()

        return timed

    def _around_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def timed(*args: Any, **kwargs: Any) -> Any:
            self._enter()
            try:
                return await function(*args, **kwargs)
            finally:
                self._leave()

        return timed

    def _enter(self) -> None:
        with self._lock:
            if not self._at_work:
                self._since = time.perf_counter()
            self._at_work += 1

    def _leave(self) -> None:
        with self._lock:
            self._at_work -= 1
            if not self._at_work:
                self._seconds += time.perf_counter() - self._since
