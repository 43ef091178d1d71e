"""Runs without a loop: there is none where nobody needs one, and wherever one is made the run is as on stock."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.errors import GraphDrained
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

import langgraph_engine
from langgraph_engine.loop import Loop
from langgraph_engine.unwatched_run import UnwatchedRun

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]


class State(TypedDict, total=False):
    seen: Annotated[list[Any], operator.add]
    last: Any


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    langgraph_engine.install(request.param, unsupported="raise")
    yield request.param
    langgraph_engine.uninstall()


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[Loop]:
    """The loops that were made."""
    made: list[Loop] = []
    init = Loop.__init__

    def counted(self: Loop, *args: Any) -> None:
        made.append(self)
        init(self, *args)

    monkeypatch.setattr(Loop, "__init__", counted)
    return made


def _on_stock(engine: str, program: Callable[[], Any]) -> Any:
    langgraph_engine.install("langgraph")
    try:
        return program()
    finally:
        langgraph_engine.install(engine, unsupported="raise")


def _builder(*nodes: Any) -> Any:
    builder = StateGraph(State)
    builder.add_sequence([(f"node-{at}", node) for at, node in enumerate(nodes)])
    builder.add_edge(START, "node-0")
    return builder


def _one(state: State) -> State:
    return {"seen": [1], "last": len(state["seen"])}


async def _waits(state: State) -> State:
    await asyncio.sleep(0.001)
    return {"seen": [2]}


async def _does_not_wait(state: State) -> State:
    return {"seen": [3]}


CONFIGS: list[Any] = [None, {}, {"configurable": {"thread_id": 1, "own": 2}, "recursion_limit": 9}]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("nodes", [(_one, _one), (_waits, _one, _does_not_wait)])
def test_a_run_nobody_looks_at_has_no_loop(
    engine: str, loops: list[Loop], nodes: Any, config: Any
) -> None:
    graph = _builder(*nodes).compile()

    def program() -> Any:
        given: Any = {"seen": [0]}
        if _waits in nodes:
            return asyncio.run(graph.ainvoke(given, config))
        return graph.invoke(given, config)

    expected = _on_stock(engine, program)
    assert program() == expected
    assert loops == []


def _fails(_: State) -> State:
    raise ValueError("no")


def _looks(_: State) -> State:
    return {"last": sorted(get_config()["configurable"])}


def _drains(_: State, runtime: Runtime[Any]) -> State:
    runtime.control.request_drain("enough")  # type: ignore[union-attr]
    return {"last": 1}


def _sends(_: State) -> Any:
    return Command(goto=[Send("node-1", {"seen": [at]}) for at in range(3)])


LOOPED: dict[str, Any] = {
    "a node that fails": (_builder(_one, _fails), {}, {}),
    "a node that looks at its config": (_builder(_one, _looks), {}, {}),
    "a node that looks at its config first": (_builder(_looks, _one, _one), {}, {}),
    "a drain": (_builder(_drains, _one), {}, {}),
    "packets": (_builder(_sends, lambda state: {"last": state["seen"]}), {}, {}),
    "a limit": (_builder(*[_one] * 9), {}, {"recursion_limit": 5}),
    "no limit": (_builder(_one), {}, {"recursion_limit": 0}),
    "a saver": (
        _builder(_one),
        {"checkpointer": InMemorySaver()},
        {"configurable": {"thread_id": "1"}},
    ),
    "a cache": (_builder(_one), {"cache": InMemoryCache()}, {}),
    "an interrupt": (_builder(_one, _one), {"interrupt_before": ["node-1"]}, {}),
    "a server's user": (_builder(_one), {}, {"configurable": {"langgraph_auth_user": "me"}}),
    "a checkpoint": (_builder(_one), {}, {"configurable": {"checkpoint_id": "1"}}),
    "tags": (_builder(_one), {}, {"tags": ["own"]}),
    "a config of the graph's": (_builder(_one), {"config": {"configurable": {"own": 1}}}, {}),
}


def _ending(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:
        notes = [note.split(" and id ")[0] for note in getattr(error, "__notes__", [])]
        return type(error), str(error), notes


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("case", LOOPED)
def test_a_run_that_needs_one_has_one_loop(
    engine: str, loops: list[Loop], case: str, is_async: bool
) -> None:
    builder, options, config = LOOPED[case]
    options = dict(options)
    graph_config = options.pop("config", None)

    def program() -> Any:
        graph = builder.compile(**options)
        if graph_config:
            graph.config = graph_config
        given: Any = {"seen": [0]}
        if is_async:
            return _ending(lambda: asyncio.run(graph.ainvoke(given, config)))
        return _ending(lambda: graph.invoke(given, config))

    options = {k: type(v)() if k in ("checkpointer", "cache") else v for k, v in options.items()}
    expected = _on_stock(engine, program)
    options = {k: type(v)() if k in ("checkpointer", "cache") else v for k, v in options.items()}
    assert program() == expected
    # A run that may not begin has none either.
    assert len(loops) == (0 if case == "no limit" else 1)
    if case == "a drain":
        assert expected[0] is GraphDrained


@pytest.mark.parametrize("given", [None, {}, {"nobody's": 1}, 7])
def test_input_that_says_nothing_is_refused_as_on_stock(engine: str, given: Any) -> None:
    graph = _builder(_one).compile()

    def program() -> Any:
        return _ending(lambda: graph.invoke(given))

    assert program() == _on_stock(engine, program)


def test_a_config_may_be_looked_at_after_the_run(engine: str, loops: list[Loop]) -> None:
    contexts: list[contextvars.Context] = []

    def keeps_its_context(_: State) -> State:
        contexts.append(contextvars.copy_context())
        return {"seen": [1]}

    def program() -> Any:
        contexts.clear()
        found: list[Any] = []
        assert _builder(keeps_its_context, _one).compile().invoke({"seen": [0]})["last"] == 2

        def look() -> None:
            config = get_config()
            found.append((sorted(config), config["metadata"]["langgraph_node"]))

        thread = threading.Thread(target=contexts[0].run, args=(look,))
        thread.start()
        thread.join()
        return found

    assert program() == _on_stock(engine, program)
    assert len(loops) == 1
    assert loops[0].execution is None


def test_a_run_is_cancelled_before_it_has_a_loop(engine: str, loops: list[Loop]) -> None:
    def program() -> Any:
        closed: list[str] = []

        async def waits(_: State) -> State:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                closed.append("closed")
                raise
            raise AssertionError("nobody cancelled it")

        async def run() -> Any:
            running = asyncio.ensure_future(_builder(waits).compile().ainvoke({"seen": []}))
            await asyncio.sleep(0.02)
            assert not loops
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            return closed

        return asyncio.run(run())

    assert program() == ["closed"]


@pytest.mark.parametrize("is_async", [False, True])
def test_what_is_raised_as_a_run_ends_is_raised(
    engine: str, monkeypatch: pytest.MonkeyPatch, is_async: bool
) -> None:
    ended = UnwatchedRun.ended

    def interrupted(run: UnwatchedRun, latest: Any) -> bool:
        ended(run, latest)
        raise KeyboardInterrupt

    monkeypatch.setattr(UnwatchedRun, "ended", interrupted)
    graph = _builder(_one).compile()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(graph.ainvoke({"seen": []})) if is_async else graph.invoke({"seen": []})


@pytest.mark.parametrize("node", [_one, _looks, _waits, _does_not_wait])
def test_a_run_leaves_nothing_to_collect(engine: str, node: Any) -> None:
    graph = _builder(node, _one).compile()
    event_loop = asyncio.new_event_loop()

    def run() -> None:
        if node in (_waits, _does_not_wait):
            event_loop.run_until_complete(graph.ainvoke({"seen": [0]}))
        else:
            graph.invoke({"seen": [0]})

    run()
    gc.collect()
    gc.disable()
    try:
        run()
        assert gc.collect() == 0
    finally:
        gc.enable()
        event_loop.close()


@pytest.mark.parametrize("limit", [2.5, 1000.0, 2**63, 10**30])
def test_a_limit_may_be_any_number(engine: str, limit: Any) -> None:
    def program() -> Any:
        return _ending(
            lambda: (
                _builder(*[_one] * 4).compile().invoke({"seen": [0]}, {"recursion_limit": limit})
            )
        )

    assert program() == _on_stock(engine, program)
