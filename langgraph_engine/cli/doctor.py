"""``langgraph-engine doctor``: what is installed, what is patched, and proof of it."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

import langgraph_engine
from langgraph_engine import installation, registry, startup_hook
from langgraph_engine.cli import named_graph
from langgraph_engine.cli.engines_table import table
from langgraph_engine.versions import LANGGRAPH_RANGE, check_langgraph

if TYPE_CHECKING:
    from langgraph_engine.cli.arguments import Arguments
    from langgraph_engine.installation import Installation

__all__ = ["command"]


def command(arguments: Arguments) -> int:
    """Install the engine, print the report, and return 1 if a method is not the engine's own."""
    hook = startup_hook.state()
    installation.install(arguments.engine)
    # After installing: importing a graph's module may already run graphs.
    graph = named_graph.load(arguments.graph) if arguments.graph else None
    print(_versions())
    print(_table_of_engines())
    print(_startup_hook(hook))
    installed = installation.current
    if installed is None:
        print("\nNothing is patched: the engine asked for is stock LangGraph.")
        return 0
    healthy = _report_methods(installed)
    if graph is not None:
        healthy = _report_graph(arguments.graph or "", graph, installed) and healthy
    return 0 if healthy else 1


def _versions() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return "\n".join(
        (
            f"langgraph-engine  {langgraph_engine.__version__}",
            f"langgraph         {check_langgraph()} (tested: {LANGGRAPH_RANGE})",
            f"python            {python} at {sys.executable}",
        )
    )


def _table_of_engines() -> str:
    lines = table(registry.catalog()).splitlines()
    return "\nengines\n" + "\n".join(f"  {line}" for line in lines)


def _startup_hook(state: str) -> str:
    value = os.environ.get(startup_hook.VARIABLE)
    if not value:
        meaning = "a program started here runs on stock LangGraph unless it calls install()"
        return f"\nstart-up hook     {startup_hook.VARIABLE} is not set: {meaning}"
    if value != registry.STOCK and state == "not armed":
        state = "did not run; use `langgraph-engine run` instead (python -S switches hooks off)"
    return f"\nstart-up hook     {startup_hook.VARIABLE}={value}: {state}"


def _report_methods(installed: Installation) -> bool:
    """Print, for each patched method, the proof that the one called is the engine's own."""
    from langgraph_engine.pregel import METHODS
    from langgraph_engine.upstream import Pregel

    print(f"\npatched           {Pregel.__module__}.{Pregel.__qualname__}, by engine")
    print(f"                  '{installed.engine_name}', unsupported='{installed.unsupported}'")
    taken = _trial(installed.engine_name)
    healthy, width = True, max(map(len, METHODS))
    for method, replacement in METHODS.items():
        on_class = Pregel.__dict__[method] is replacement
        overriding = _overriding(Pregel, method, replacement)
        proofs = (
            "is the engine's own" if on_class else f"is {_whereabouts(Pregel.__dict__[method])}",
            f"overridden by {', '.join(overriding)}" if overriding else "overridden by no subclass",
            "a trial call ran on the engine"
            if method in taken
            else "A TRIAL CALL DID NOT REACH THE ENGINE",
        )
        healthy = healthy and method in taken
        print(f"  {method:<{width}}  {'; '.join(proofs)}")
    return healthy


def _overriding(base: type, method: str, replacement: object) -> list[str]:
    """Subclasses, however deep, that have a method of that name of their own."""
    found = []
    waiting: list[type] = list(base.__subclasses__())
    while waiting:
        subclass = waiting.pop()
        waiting += subclass.__subclasses__()
        if subclass.__dict__.get(method, replacement) is not replacement:
            found.append(f"{subclass.__module__}.{subclass.__qualname__}")
    return sorted(set(found))


def _whereabouts(function: object) -> str:
    code = getattr(function, "__code__", None)
    return f"wrapped by {code.co_filename}:{code.co_firstlineno}" if code else f"{function!r}"


def _trial(engine: str) -> set[str]:
    """Call every method of a one-node graph and return those the engine counted as its own."""
    import asyncio

    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import StateUpdate

    builder: StateGraph[Any, Any, Any, Any] = StateGraph(dict)
    builder.add_node("node", lambda state: state)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "trial"}}
    updates = [[StateUpdate({}, "node")]]

    async def asynchronously() -> None:
        await graph.ainvoke({}, thread)
        async for _ in graph.astream({}, thread):
            pass
        await graph.aupdate_state(thread, {}, "node")
        await graph.abulk_update_state(thread, updates)
        await graph.aget_state(thread)
        async for _ in graph.aget_state_history(thread):
            pass

    before = langgraph_engine.stats()["native"].get(engine, {})
    graph.invoke({}, thread)
    for _ in graph.stream({}, thread):
        pass
    graph.update_state(thread, {}, "node")
    graph.bulk_update_state(thread, updates)
    graph.get_state(thread)
    for _ in graph.get_state_history(thread):
        pass
    asyncio.run(asynchronously())
    after = langgraph_engine.stats()["native"].get(engine, {})
    return {method for method, runs in after.items() if runs > before.get(method, 0)}


def _report_graph(target: str, graph: Any, installed: Installation) -> bool:
    """Print which methods a graph's own class leads to, and what would be handed back."""
    from langgraph_engine.coverage import explain
    from langgraph_engine.pregel import METHODS

    print(f"\ngraph             {target}, a {type(graph).__module__}.{type(graph).__qualname__}")
    healthy, width = True, max(map(len, METHODS))
    for method, replacement in METHODS.items():
        owner = next(cls for cls in type(graph).__mro__ if method in cls.__dict__)
        if owner.__dict__[method] is not replacement:
            healthy = False
            print(f"  {method:<{width}}  {owner.__qualname__}.{method} is called first")
    if healthy:
        print("  its class     leads to the engine's own methods")
    for name, part in (("the graph", graph), *graph.get_subgraphs(recurse=True)):
        reasons = explain(part, installed.engine)
        verdict = f"handed back: {'; '.join(reasons)}" if reasons else "nothing handed back"
        print(f"  {name:<12}  {verdict}")
    return healthy
