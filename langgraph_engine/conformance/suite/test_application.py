"""Application level: small LangGraph programs, on stock and then on the installed engine."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeAlias, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

import langgraph_engine
from langgraph_engine import registry
from langgraph_engine.compiled import graph_spec
from langgraph_engine.conformance.plugin import require
from langgraph_engine.protocol import Engine

pytestmark = pytest.mark.level("application")

Build: TypeAlias = Callable[[], Any]
Use: TypeAlias = Callable[[Any], Any]
SameOnBoth: TypeAlias = Callable[[Build, Use], Any]


@pytest.fixture
def same_on_both(engine: Engine, request: pytest.FixtureRequest) -> Iterator[SameOnBoth]:
    """Use a program on stock and on the engine, and compare what was seen.

    Nothing may be handed back to stock, and an engine has to have been the one that ran it.
    """
    registered = {info.name for info in registry.available()}
    if engine.name not in registered or registry.load(engine.name) is not engine:
        require(request.node, ["registered"])

    def run(build: Build, use: Use) -> Any:
        kinds = {f"channel:{channel.kind}" for channel in graph_spec(build()).channels}
        require(request.node, kinds)
        langgraph_engine.uninstall()
        expected = use(build())
        before = _native_runs(engine.name)
        langgraph_engine.install(engine.name, unsupported="raise")
        assert use(build()) == expected
        assert _native_runs(engine.name) > before
        return expected

    yield run
    langgraph_engine.uninstall()


def _native_runs(name: str) -> int:
    return sum(langgraph_engine.stats()["native"].get(name, {}).values())


class Counting(TypedDict):
    """A number and what happened to it."""

    number: int
    said: Annotated[list[str], operator.add]


def looping() -> Any:
    """A node that repeats itself by a conditional edge."""

    def add(state: Counting) -> dict[str, Any]:
        return {"number": state["number"] + 1, "said": [f"now {state['number'] + 1}"]}

    def on(state: Counting) -> str:
        return "add" if state["number"] < 4 else END

    builder = StateGraph(Counting)
    builder.add_node("add", add)
    builder.add_edge(START, "add")
    builder.add_conditional_edges("add", on, ["add", END])
    return builder


def test_a_loop_runs_until_its_condition_fails(same_on_both: SameOnBoth) -> None:
    def use(graph: Any) -> Any:
        modes = ["values", "updates"]
        return [
            graph.invoke({"number": 0, "said": []}),
            list(graph.stream({"number": 1, "said": ["hi"]}, stream_mode=modes)),
        ]

    final, _ = same_on_both(lambda: looping().compile(), use)
    assert final["number"] == 4


def test_a_loop_runs_the_same_in_an_event_loop(same_on_both: SameOnBoth) -> None:
    async def watch(graph: Any) -> Any:
        return [
            await graph.ainvoke({"number": 0, "said": []}),
            [chunk async for chunk in graph.astream({"number": 1, "said": []})],
        ]

    final, _ = same_on_both(lambda: looping().compile(), lambda graph: asyncio.run(watch(graph)))
    assert final["number"] == 4


def test_checkpoints_are_those_of_stock(same_on_both: SameOnBoth) -> None:
    def use(graph: Any) -> Any:
        config = {"configurable": {"thread_id": "t"}}
        graph.invoke({"number": 0, "said": []}, config)
        graph.invoke({"number": 3}, config)
        return [
            {
                "keys": list(saved.checkpoint),
                "values": saved.checkpoint["channel_values"],
                "versions": _counts(saved.checkpoint["channel_versions"]),
                "seen": {k: _counts(v) for k, v in saved.checkpoint["versions_seen"].items()},
                "updated": saved.checkpoint["updated_channels"],
                "step": saved.metadata["step"],
                "source": saved.metadata["source"],
                "writes": sorted((name, repr(value)) for _, name, value in saved.pending_writes),
            }
            for saved in graph.checkpointer.list(config)
        ]

    seen = same_on_both(lambda: looping().compile(checkpointer=InMemorySaver()), use)
    assert len(seen) > 6


def _counts(versions: dict[str, str]) -> dict[str, int]:
    """The counting part of a saver's versions; the rest of them is random."""
    return {name: int(version.split(".")[0]) for name, version in versions.items()}


def test_packets_fan_out_and_a_deferred_node_collects(same_on_both: SameOnBoth) -> None:
    def spread(state: Counting) -> list[Send]:
        return [Send("square", {"number": number}) for number in range(state["number"])]

    def square(state: Counting) -> dict[str, Any]:
        return {"said": [str(state["number"] ** 2)]}

    def build() -> Any:
        builder = StateGraph(Counting)
        builder.add_node("square", square)
        builder.add_node("slow", lambda _: {"said": ["slow"]})
        builder.add_node("slower", lambda _: {"said": ["slower"]})
        builder.add_node("collect", lambda state: {"number": len(state["said"])}, defer=True)
        builder.add_conditional_edges(START, spread, ["square"])
        builder.add_edge(START, "slow")
        builder.add_edge("slow", "slower")
        builder.add_edge(["square", "slower"], "collect")
        return builder.compile()

    final = same_on_both(build, lambda graph: graph.invoke({"number": 3, "said": []}))
    assert final == {"number": 5, "said": ["slow", "0", "1", "4", "slower"]}


def test_a_waiting_edge_waits_for_all(same_on_both: SameOnBoth) -> None:
    def build() -> Any:
        builder = StateGraph(Counting)
        for name in ("a", "b", "b2"):
            builder.add_node(name, lambda _, name=name: {"said": [name]})
        builder.add_node("join", lambda state: {"number": len(state["said"])})
        builder.add_edge(START, "a")
        builder.add_edge(START, "b")
        builder.add_edge("b", "b2")
        builder.add_edge(["a", "b2"], "join")
        return builder.compile()

    final = same_on_both(build, lambda graph: graph.invoke({"number": 0, "said": []}))
    assert final["number"] == 3


def test_an_interrupted_run_resumes(same_on_both: SameOnBoth) -> None:
    def ask(state: Counting) -> dict[str, Any]:
        return {"said": [*state["said"], interrupt("how many?")]}

    def build() -> Any:
        builder = StateGraph(Counting)
        builder.add_node("ask", ask)
        builder.add_node("after", lambda _: Command(update={"number": 9}, goto=END))
        builder.add_edge(START, "ask")
        builder.add_edge("ask", "after")
        return builder.compile(checkpointer=InMemorySaver(), interrupt_before=["after"])

    def use(graph: Any) -> Any:
        config = {"configurable": {"thread_id": "t"}}
        stopped = graph.invoke({"number": 0, "said": []}, config)
        questions = [question.value for question in stopped.pop("__interrupt__")]
        waiting = graph.get_state(config).next
        resumed = graph.invoke(Command(resume="three"), config)
        before = graph.get_state(config).next
        return [stopped, questions, waiting, resumed, before, graph.invoke(None, config)]

    *_, final = same_on_both(build, use)
    assert final == {"number": 9, "said": ["three"]}


def test_a_subgraph_runs_inside_its_parent(same_on_both: SameOnBoth) -> None:
    def build() -> Any:
        outer = StateGraph(Counting)
        outer.add_node("inner", looping().compile())
        outer.add_node("last", lambda _: {"said": ["done"]})
        outer.add_edge(START, "inner")
        outer.add_edge("inner", "last")
        return outer.compile()

    def use(graph: Any) -> Any:
        return [
            ([step.split(":")[0] for step in namespace], chunk)
            for namespace, chunk in graph.stream({"number": 2, "said": []}, subgraphs=True)
        ]

    chunks = same_on_both(build, use)
    assert ["inner"] in [namespace for namespace, _ in chunks]


def test_errors_are_those_of_stock(same_on_both: SameOnBoth) -> None:
    def fail(state: Counting) -> dict[str, Any]:
        raise LookupError("nothing here", state["number"])

    def build() -> Any:
        builder = StateGraph(Counting)
        builder.add_node("fail", fail)
        builder.add_node("a", lambda _: {"number": 1})
        builder.add_node("b", lambda _: {"number": 2})
        builder.add_node("again", lambda _: Command(goto="again"))
        builder.add_conditional_edges(
            START, lambda state: state["said"], ["fail", "a", "b", "again"]
        )
        return builder.compile()

    def use(graph: Any) -> Any:
        return [_raised(graph, names) for names in (["fail"], ["a", "b"], ["again"])]

    kinds = [kind for kind, *_ in same_on_both(build, use)]
    assert kinds == ["LookupError", "InvalidUpdateError", "GraphRecursionError"]


def _raised(graph: Any, names: list[str]) -> tuple[str, tuple[Any, ...], list[str]]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what is compared
        graph.invoke({"number": 0, "said": names}, {"recursion_limit": 5})
    error = caught.value
    # A note ends in the task's id, and that hangs from the time the run began.
    notes = [note.split(" and id ")[0] for note in getattr(error, "__notes__", [])]
    return type(error).__name__, error.args, notes
