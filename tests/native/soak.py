"""A million supersteps on one engine: what is held at the end is what was held at the beginning.

    python tests/native/soak.py cffi --supersteps 1000000

Half of them are told to the engine directly, with a reducer, packets, refused commits and checkpoints among
them; the other half are one run of a LangGraph program. The process may not grow by more than `ROOM` after the
first tenth, and the cffi engine's table of values has to be empty when a run is gone.
"""

from __future__ import annotations

import argparse
import gc
import operator
import os
import sys
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

import langgraph_engine
from langgraph_engine import registry
from langgraph_engine.protocol import (
    ChannelSpec,
    CommitRejected,
    GraphSpec,
    NodeSpec,
    TaskWrites,
)

CHECKPOINT_ID = "1ef4f797-8335-6428-8001-8a1503f9b875"
MISSING = object()
ROOM = 2 * 1024 * 1024
"""Bytes a process may grow by: a leak of one object a superstep would be many times that."""
REPORTS = 10


def resident() -> int:
    """Bytes of memory this process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Growth:
    """Watches the process grow, and tells how far the work is."""

    def __init__(self, title: str, supersteps: int) -> None:
        self._title, self._every = title, max(1, supersteps // REPORTS)
        self._first = 0
        self.bytes = 0

    def at(self, superstep: int) -> None:
        """Call it in every superstep."""
        if superstep == 0 or superstep % self._every:
            return
        gc.collect()
        now = resident()
        self._first = self._first or now
        self.bytes = now - self._first
        print(f"{self._title}: {superstep} supersteps, {self.bytes / 1024:+.0f} KiB", flush=True)


def told_directly(engine: Any, supersteps: int) -> int:
    """Bytes grown by supersteps told to the engine. Raises `AssertionError` if values are kept."""
    channels = (
        ChannelSpec("go", "ephemeral_value"),
        ChannelSpec("last", "last_value"),
        ChannelSpec("sum", "binary_operator", fold=lambda base, new: base + sum(new), initial=int),
        ChannelSpec("topic", "topic"),
        ChannelSpec("__pregel_tasks", "tasks"),
    )
    node = NodeSpec("n", ("go",), ("go", "last", "sum"))
    graph = GraphSpec(channels, (node,), {"go": ["n"]}, MISSING, Send)
    run = engine.compile(graph).restore(None)
    growth = Growth(f"{engine.name}, told directly", supersteps)
    writes: Any = [("go", object()), ("last", {}), ("sum", 1)]
    updated = run.commit([TaskWrites((), "__input__", writes, ())], None).updated
    for step in range(supersteps):
        growth.at(step)
        plan = run.plan(step, CHECKPOINT_ID, "", updated)
        written = [("go", object()), ("last", {"step": step}), ("sum", 1), ("topic", [step, step])]
        if step % 7 == 0:
            written.append(("__pregel_tasks", Send("n", step)))
        if step % 11 == 0:
            run.read(["last", "sum"], written)
        if step % 13 == 0:
            try:
                run.commit([TaskWrites((), "twice", [("last", 1), ("last", 2)], ())], None)
            except CommitRejected:
                run.checkpoint(CHECKPOINT_ID, "now", None)
        updated = run.commit(
            [
                TaskWrites(t.path, t.name, written if t is plan.tasks[-1] else [], t.triggers)
                for t in plan.tasks
            ],
            None,
        ).updated
    assert run.read("sum") == supersteps + 1
    values = getattr(run, "_values", None)
    if values is not None:
        print(f"{engine.name}: {len(values)} values in the table", flush=True)
        assert len(values) <= 8, "values nobody holds are in the table"
        del run
        assert len(values) == 0, "the run is gone, its values aren't"
    return growth.bytes


class Counter(TypedDict):
    """The program's state."""

    count: int
    total: Annotated[int, operator.add]


def as_a_program(engine: str, supersteps: int) -> int:
    """Bytes grown by one run of a LangGraph program."""
    growth = Growth(f"{engine}, as a program", supersteps)

    def step(state: Counter) -> dict[str, int]:
        growth.at(state["count"])
        return {"count": state["count"] + 1, "total": 1}

    builder = StateGraph(Counter)
    builder.add_node("step", step)
    builder.add_edge(START, "step")
    builder.add_conditional_edges(
        "step", lambda state: "step" if state["count"] < supersteps else END, ["step", END]
    )
    graph = builder.compile()
    langgraph_engine.install(engine, unsupported="raise")
    try:
        found = graph.invoke({"count": 0, "total": 0}, {"recursion_limit": supersteps + 1})
    finally:
        langgraph_engine.uninstall()
    assert found == {"count": supersteps, "total": supersteps}
    return growth.bytes


def main() -> int:
    """Run the command; 1 if the process grew."""
    parser = argparse.ArgumentParser(description="A million supersteps leave nothing behind.")
    parser.add_argument("engine", help="the engine: rust, cffi or python")
    parser.add_argument("--supersteps", type=int, default=1_000_000, metavar="N")
    args = parser.parse_args()
    grown = {
        "told directly": told_directly(registry.load(args.engine), args.supersteps // 2),
        "as a program": as_a_program(args.engine, args.supersteps // 2),
    }
    for how, size in grown.items():
        verdict = "flat" if size <= ROOM else "GREW"
        print(f"{args.engine}, {how}: {verdict} ({size / 1024:+.0f} KiB after the first tenth)")
    return 1 if max(grown.values()) > ROOM else 0


if __name__ == "__main__":
    sys.exit(main())
