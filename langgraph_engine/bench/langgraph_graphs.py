"""LangGraph's own benchmark graphs, read from the ``bench`` folder of its source distribution.

Nothing of it is stored here. Its ``__main__`` holds a tuple ``benchmarks`` of names, graphs and inputs; the one
entry that is asked for is evaluated, so that a worker holds no graph but the one it times. Runs are what
LangGraph's runner does: a stream that is read to its end, with durability ``exit``.
"""

from __future__ import annotations

import ast
import os
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from langgraph.graph import END
from langgraph.runtime import Runtime

from langgraph_engine.bench.workload import Program, Threads, Workload

__all__ = ["FOLDER_VARIABLE", "LANGGRAPHS_OWN"]

FOLDER_VARIABLE: Final = "BENCH_LANGGRAPH_FOLDER"
"""Tells workers where LangGraph's source distribution was unpacked; the folder that holds ``bench``."""
_CONFIG: Final = {"recursion_limit": 1_000_000_000}
_NOT_NEEDED: Final = ("pyperf", "uvloop")

Floor = Callable[[Any, Any], Any]


def _entry(name: str) -> ast.Tuple:
    """The entry of ``benchmarks`` with that name, as LangGraph's file has it."""
    for node in _tree().body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "benchmarks":
            for entry in ast.iter_child_nodes(node.value):
                if isinstance(entry, ast.Tuple) and ast.literal_eval(entry.elts[0]) == name:
                    return entry
    msg = f"LangGraph's benchmarks have no {name!r} any more; see bench/__main__.py of its source"
    raise LookupError(msg)


def _tree() -> ast.Module:
    folder = Path(os.environ[FOLDER_VARIABLE])
    return ast.parse((folder / "bench" / "__main__.py").read_text(encoding="utf-8"))


def _load(name: str, asynchronous: bool) -> tuple[Any, Any]:
    """The graph and the input of one entry."""
    sys.path.insert(0, os.environ[FOLDER_VARIABLE])
    imports: list[ast.stmt] = [
        node
        for node in _tree().body
        if isinstance(node, ast.ImportFrom | ast.Import)
        and not ast.unparse(node).split()[1].startswith(_NOT_NEEDED)
    ]
    space: dict[str, Any] = {}
    with warnings.catch_warnings():
        # LangGraph's benchmarks use what LangGraph has deprecated.
        warnings.simplefilter("ignore")
        exec(compile(ast.Module(imports, []), "bench", "exec"), space)  # noqa: S102 - LangGraph's own
        random.seed(0)
        parts = _entry(name).elts
        graph = _evaluated(parts[1 if asynchronous else 2], space)
        return graph, _evaluated(parts[3], space)


def _evaluated(expression: ast.expr, space: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(expression), "bench", "eval"), space)  # noqa: S307 - as above


def _own_letters() -> random.Random:
    """Give the nodes that draw letters a source of their own, so that each run gets the same ones.

    LangGraph draws from the common one as well, for its ids.
    """
    letters = random.Random(0)  # noqa: S311 - no secrets
    for name, module in sys.modules.items():
        if name.startswith("bench.") and hasattr(module, "choice"):
            module.choice = letters.choice  # type: ignore[attr-defined]
    return letters


def _build(name: str, floors: tuple[Floor, Floor]) -> Callable[[bool], Program]:
    """A function that builds one of LangGraph's benchmarks."""

    def build(asynchronous: bool) -> Program:
        graph, value = _load(name, asynchronous)
        letters = _own_letters()
        threads = Threads(graph.checkpointer)
        floor = floors[asynchronous]

        def run() -> Any:
            letters.seed(0)
            config: Any = threads.config(_CONFIG)
            return list(graph.stream(value, config, durability="exit"))

        async def arun() -> Any:
            letters.seed(0)
            config: Any = threads.config(_CONFIG)
            return [chunk async for chunk in graph.astream(value, config, durability="exit")]

        def by_hand() -> Any:
            letters.seed(0)
            return floor(graph, value)

        return Program(arun if asynchronous else run, by_hand, threads.delete)

    return build


# --- floors: LangGraph's functions, called by a loop; they give the chunks that a stream gives


def _function(runnable: Any, asynchronous: bool = False) -> Any:
    """The function inside a node or a router."""
    return runnable.afunc if asynchronous else runnable.func


def _router(graph: Any, node: str, asynchronous: bool = False) -> Any:
    (branch,) = graph.builder.branches[node].values()
    return _function(branch.path, asynchronous)


def _in_order(graph: Any) -> Iterator[str]:
    return (name for name in graph.nodes if name != "__start__")


def _sequential(graph: Any, value: Any) -> Any:
    return [{name: _function(graph.nodes[name].bound)(value)} for name in _in_order(graph)]


async def _sequential_async(graph: Any, value: Any) -> Any:
    names = _in_order(graph)
    return [{name: await _function(graph.nodes[name].bound, True)(value)} for name in names]


def _fan_out(graph: Any, value: Any) -> Any:
    child = graph.nodes["generate_joke"].bound
    edit, generate, bump = (
        _function(child.nodes[name].bound) for name in ("edit", "generate", "bump")
    )
    ends = _router(child, "bump")
    chunks = []
    for send in _router(graph, "__start__")(value):
        state = dict(send.arg)
        state |= edit(state)
        state |= generate(state)
        state |= bump(state)
        while ends(state) != END:
            state |= bump(state)
        chunks.append({"generate_joke": {"jokes": state["jokes"]}})
    return chunks


async def _fan_out_async(graph: Any, value: Any) -> Any:
    child = graph.nodes["generate_joke"].bound
    edit, generate, bump = (
        _function(child.nodes[name].bound, True) for name in ("edit", "generate", "bump")
    )
    ends = _router(child, "bump", True)
    chunks = []
    for send in await _router(graph, "__start__", True)(value):
        state = dict(send.arg)
        state |= await edit(state)
        state |= await generate(state)
        state |= await bump(state)
        while await ends(state) != END:
            state |= await bump(state)
        chunks.append({"generate_joke": {"jokes": state["jokes"]}})
    return chunks


def _agent(graph: Any, value: Any) -> Any:
    model, tools = (_function(graph.nodes[name].bound) for name in ("agent", "tools"))
    more, add = _router(graph, "agent"), graph.builder.channels["messages"].operator
    messages = add([], value["messages"])
    chunks = []
    while True:
        state = {"messages": messages, "remaining_steps": 1_000}
        chunks.append({"agent": model(state, Runtime(), {})})
        messages = add(messages, chunks[-1]["agent"]["messages"])
        sends = more({"messages": messages, "remaining_steps": 1_000})
        if sends == END:
            return chunks
        for send in sends:
            chunks.append({"tools": tools(send.arg, {}, Runtime())})
            messages = add(messages, chunks[-1]["tools"]["messages"])


async def _agent_async(graph: Any, value: Any) -> Any:
    model, tools = (_function(graph.nodes[name].bound, True) for name in ("agent", "tools"))
    more, add = _router(graph, "agent"), graph.builder.channels["messages"].operator
    messages = add([], value["messages"])
    chunks = []
    while True:
        state = {"messages": messages, "remaining_steps": 1_000}
        chunks.append({"agent": await model(state, Runtime(), {})})
        messages = add(messages, chunks[-1]["agent"]["messages"])
        sends = more({"messages": messages, "remaining_steps": 1_000})
        if sends == END:
            return chunks
        for send in sends:
            chunks.append({"tools": await tools(send.arg, {}, Runtime())})
            messages = add(messages, chunks[-1]["tools"]["messages"])


def _state(graph: Any, value: Any) -> Any:
    """Six nodes in a ring, two of them side by side; every node gets a state of the graph's own class."""
    make, channels = graph.builder.state_schema, graph.builder.channels
    reducers = {name: getattr(channel, "operator", None) for name, channel in channels.items()}
    values = {name: c.get() for name, c in channels.items() if c.is_available()}
    ends = _router(graph, "six")
    steps = [
        [(name, _function(graph.nodes[name].bound)) for name in names]
        for names in (["one"], ["two"], ["three", "four"], ["five"], ["six"])
    ]

    def write(update: dict[str, Any]) -> None:
        for name, new in update.items():
            reduce = reducers[name]
            values[name] = reduce(values[name], new) if reduce and name in values else new

    write(value)
    chunks = []
    while True:
        for step in steps:
            written = [(name, node(make(**values))) for name, node in step]
            for name, update in written:
                write(update)
                chunks.append({name: update})
        if ends(make(**values)) == END:
            return chunks


async def _state_async(graph: Any, value: Any) -> Any:
    # The nodes of these graphs are plain functions, in the asynchronous benchmarks too.
    return _state(graph, value)


# --- the list

_SEQUENTIAL: Final = (_sequential, _sequential_async)
_FAN_OUT: Final = (_fan_out, _fan_out_async)
_AGENT: Final = (_agent, _agent_async)
_STATE: Final = (_state, _state_async)
_USUAL: Final = re.compile(r"sequential_1000|(fanout|react).*_100x.*|.*_25x300.*")
_QUICK: Final = {"sequential_10", "fanout_to_subgraph_10x", "react_agent_10x"}


def _named() -> Iterator[tuple[str, tuple[Floor, Floor]]]:
    for size in ("10", "1000"):
        yield f"sequential_{size}", _SEQUENTIAL
    for saver in ("", "_checkpoint"):
        for size in ("10x", "100x"):
            yield f"fanout_to_subgraph_{size}{saver}", _FAN_OUT
            yield f"react_agent_{size}{saver}", _AGENT
        for size in ("25x300", "15x600", "9x1200"):
            for kind in ("wide_state", "wide_dict", "pydantic_state"):
                yield f"{kind}_{size}{saver}", _STATE


LANGGRAPHS_OWN: Final = tuple(
    Workload(
        name,
        "run",
        1,
        _build(name, floors),
        usual=_USUAL.fullmatch(name) is not None,
        quick=name in _QUICK,
    )
    for name, floors in _named()
)
"""LangGraph's benchmarks, by its own names; those that aren't usual run only when they are named."""
