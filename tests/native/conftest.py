"""What the tests of the core's two bindings share: a graph, and short ways to talk to it.

Every test here is run on each native engine that is installed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from langgraph_engine import registry
from langgraph_engine.protocol import PULL, ChannelSpec, Engine, GraphSpec, NodeSpec, TaskWrites

INNARDS = {"rust": "langgraph_engine_rust._native", "cffi": "langgraph_engine_cffi.library"}
"""Each native engine, and the module of it that lists the core's errors and injects panics."""
NATIVE = [info.name for info in registry.available() if info.name in INNARDS]

CHECKPOINT_ID = "1ef4f797-8335-6428-8001-8a1503f9b875"
MISSING = object()


class Packet:
    """What LangGraph calls ``Send``."""

    def __init__(self, node: str, arg: Any) -> None:
        self.node, self.arg = node, arg


def join(base: Any, values: Any) -> Any:
    """A reducer: a list of everything written."""
    return [*([] if base is MISSING else base), *values]


@dataclass
class Graph:
    """A graph under test: channels ``go`` and ``sum``, one node ``n``, and whatever is added."""

    engine: Engine
    fold: Callable[[Any, Any], Any] = join
    custom: Any = None
    more: tuple[ChannelSpec, ...] = ()
    program: Any = field(init=False)
    run: Any = field(init=False)

    def __post_init__(self) -> None:
        channels = [
            ChannelSpec("go", "ephemeral_value"),
            ChannelSpec("sum", "binary_operator", fold=self.fold, initial=lambda: MISSING),
            *self.more,
            ChannelSpec("__pregel_tasks", "tasks"),
        ]
        if self.custom is not None:
            channels.append(ChannelSpec("own", "custom", custom=self.custom))
        node = NodeSpec("n", ("go",), ("go", "sum"))
        spec = GraphSpec(tuple(channels), (node,), {"go": ["n"]}, MISSING, Packet)
        self.program = self.engine.compile(spec)
        self.run = self.program.restore(None)

    def write(self, *writes: tuple[str, Any], version: Any = None) -> set[str]:
        """Commit writes that are no superstep's."""
        return self.run.commit([TaskWrites((), "__input__", writes, ())], version).updated

    def step(self, *writes: tuple[str, Any], version: Any = None) -> set[str]:
        """Commit the writes of node ``n``."""
        entry = TaskWrites((PULL, "n"), "n", list(writes), ("go",))
        return self.run.commit([entry], version).updated

    def plan(self) -> Any:
        """Plan the next superstep."""
        return self.run.plan(0, CHECKPOINT_ID, "", None)

    def saved(self) -> dict[str, Any]:
        """The checkpoint of the present state."""
        return self.run.checkpoint(CHECKPOINT_ID, "now", None)


@pytest.fixture(params=NATIVE)
def engine(request: pytest.FixtureRequest) -> Engine:
    """A native engine."""
    return registry.load(request.param)


@pytest.fixture
def innards(engine: Engine) -> Any:
    """The engine's ``error_kinds`` and ``inject_panic``."""
    return importlib.import_module(INNARDS[engine.name])


@pytest.fixture
def graph(engine: Engine) -> Graph:
    return Graph(engine)


@pytest.fixture
def graph_of(engine: Engine) -> Any:
    """``Graph`` itself, for a test that chooses its reducer or channels."""
    return functools.partial(Graph, engine)
