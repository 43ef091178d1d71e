"""Plain functions of asynchronous runs: what they see and what becomes of them is as on stock, where each is handed to a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import gc
import itertools
import operator
import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import Command, Interrupt, Send, interrupt
from pydantic import BaseModel, field_validator

import langgraph_engine
from langgraph_engine import compiled, hand_over
from langgraph_engine.meeting import LockMeeting
from langgraph_engine.plain_functions import PlainFunctions

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]
REQUEST = contextvars.ContextVar("REQUEST", default="none")
Log = list[Any]

pytestmark = pytest.mark.since_python_3_11("a node's config isn't in the context its thread has")


class State(TypedDict, total=False):
    count: int
    seen: Annotated[list[Any], operator.add]


def in_loop() -> bool:
    """Whether this is the event loop's thread: the tests run it in the main one."""
    return threading.current_thread() is threading.main_thread()


def _step(state: State) -> State:
    return {"count": state.get("count", 0) + 1}


def _again(state: State) -> str:
    return "node" if state["count"] < 4 else END


def _loop(node: Any, router: Any = _again, schema: Any = State, **options: Any) -> Any:
    """``node`` again and again, until ``router`` says it is over."""
    builder = StateGraph(schema)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_conditional_edges("node", router, ["node", END])
    return builder.compile(**options)


def _row(*nodes: Any, schema: Any = State, **options: Any) -> Any:
    """Nodes, one after the other."""
    builder = StateGraph(schema)
    names = [f"node{number}" for number in range(len(nodes))]
    for name, node in zip(names, nodes, strict=True):
        builder.add_node(name, node)
    builder.add_edge(START, names[0])
    for name, following in itertools.pairwise(names):
        builder.add_edge(name, following)
    return builder.compile(**options)


# --- applications: each notes what its functions saw


def _threads_and_contexts(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(("node", in_loop(), REQUEST.get(), get_config()["metadata"]["langgraph_step"]))
        REQUEST.set("set by the node")
        return _step(state)

    def router(state: State) -> str:
        log.append(("router", in_loop(), REQUEST.get(), get_config()["metadata"]["langgraph_step"]))
        REQUEST.set("set by the router")
        return _again(state)

    return _loop(node, router)


def _what_is_injected(log: Log) -> Any:
    def node(state: State, config: RunnableConfig, runtime: Runtime[Any]) -> State:
        log.append((config["metadata"]["langgraph_step"], runtime.execution_info.node_attempt))
        return _step(state)

    return _loop(node)


def _reducers_of_the_users(log: Log) -> Any:
    def reducer(before: list[Any], added: list[Any]) -> list[Any]:
        log.append(in_loop())
        return [*before, *added]

    schema = TypedDict("schema", {"count": int, "seen": Annotated[list[Any], reducer]})  # noqa: UP013 - it isn't global
    return _loop(
        lambda state: {**_step(state), "seen": [in_loop()]},
        lambda state: "node" if state["count"] < 4 else END,
        schema=schema,
    )


def _messages(log: Log) -> Any:
    class Chat(TypedDict, total=False):
        count: int
        messages: Annotated[list[Any], add_messages]

    def node(state: Chat) -> Any:
        log.append([message.content for message in state["messages"]])
        return {**_step(state), "messages": [("ai", "no")]}  # type: ignore[typeddict-item]

    graph = _loop(node, lambda state: "node" if state["count"] < 4 else END, schema=Chat)
    return RunnableLambda(graph.invoke, graph.ainvoke) | (
        lambda state: [message.content for message in state["messages"]]
    )


def _validated(log: Log) -> Any:
    class Checked(BaseModel):
        count: int = 0

        @field_validator("count")
        @classmethod
        def noted(cls, value: int) -> int:
            log.append(("validator", in_loop()))
            return value

    def node(state: Checked) -> Any:
        log.append(("node", in_loop()))
        return {"count": state.count + 1}

    return _loop(node, lambda state: "node" if state.count < 3 else END, schema=Checked)


def _dataclasses(log: Log) -> Any:
    @dataclass
    class Counted:
        count: int = 0

        def __post_init__(self) -> None:
            log.append(in_loop())

    def node(state: Counted) -> Any:
        return Counted(state.count + 1)

    return _loop(node, lambda state: "node" if state.count < 3 else END, schema=Counted)


def _coroutines_between(log: Log) -> Any:
    async def awaited(state: State) -> State:
        await asyncio.sleep(0)
        log.append(("awaited", in_loop()))
        return _step(state)

    def plain(state: State) -> State:
        log.append(("plain", in_loop()))
        return _step(state)

    return _row(plain, plain, awaited, plain, awaited, awaited, plain)


def _callbacks_come_first(log: Log) -> Any:
    event_loops: list[Any] = []

    async def first(state: State) -> State:
        event_loops.append(asyncio.get_running_loop())
        return _step(state)

    def calls(state: State) -> State:
        log.append("node")
        event_loops[0].call_soon_threadsafe(log.append, "what it asked of the event loop")
        return _step(state)

    def router(state: State) -> str:
        log.append("router")
        event_loops[0].call_soon_threadsafe(log.append, "what that asked of the event loop")
        return "node1" if state["count"] < 4 else END

    builder = StateGraph(State)
    builder.add_node("node0", first)
    builder.add_node("node1", calls)
    builder.add_edge(START, "node0")
    builder.add_edge("node0", "node1")
    builder.add_conditional_edges("node1", router, ["node1", END])
    return builder.compile()


def _commands_and_packets(log: Log) -> Any:
    def first(state: State) -> Any:
        return Command(update=_step(state), goto="second")

    def second(state: State) -> State:
        return {"seen": ["second"]}

    def third(sent: Any) -> State:
        log.append(sent)
        return {"seen": [sent]}

    builder = StateGraph(State)
    builder.add_node("first", first, destinations=("second",))
    builder.add_node("second", second)
    builder.add_node("third", third)
    builder.add_edge(START, "first")
    builder.add_conditional_edges("second", lambda _: [Send("third", "sent")], ["third"])
    return builder.compile()


def _tasks_side_by_side(log: Log) -> Any:
    def writes(number: int) -> Any:
        return lambda _: {"seen": [number]}

    builder = StateGraph(State)
    for number in range(4):
        builder.add_node(f"node{number}", writes(number))
        builder.add_edge("start", f"node{number}")
        builder.add_edge(f"node{number}", "end")
    builder.add_node("start", _step)
    builder.add_node("end", _step)
    builder.add_edge(START, "start")
    return builder.compile()


def _a_runnable_in_its_place(log: Log) -> Any:
    def inner(state: State) -> State:
        log.append(("inner", REQUEST.get(), in_loop()))
        return _step(state)

    def node(state: State) -> Any:
        REQUEST.set("set by the node")
        return RunnableLambda(inner)

    def router(state: State) -> Any:
        REQUEST.set("set by the router")
        return RunnableLambda(lambda given: log.append(("asked", REQUEST.get())) or _again(given))

    return _loop(node, router)


def _subgraphs(log: Log) -> Any:
    def inner(state: State) -> State:
        log.append((get_config()["metadata"]["langgraph_checkpoint_ns"].split(":")[0], in_loop()))
        return _step(state)

    return _row(_step, _row(inner, inner), _step)


def _raises(error: Any) -> Callable[[Log], Any]:
    def graph(log: Log) -> Any:
        def node(state: State) -> State:
            log.append(state["count"])
            if state["count"] == 2:
                raise error("by the user")
            return _step(state)

        return _loop(node)

    return graph


def _router_raises(error: Any) -> Callable[[Log], Any]:
    def graph(log: Log) -> Any:
        def router(state: State) -> str:
            log.append(state["count"])
            if state["count"] == 2:
                raise error("by the user")
            return "node"

        return _loop(_step, router)

    return graph


class Odd(BaseException):
    """Neither an error nor asyncio's."""


ERRORS: tuple[type[BaseException], ...] = (
    ValueError,
    StopIteration,
    StopAsyncIteration,
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
    concurrent.futures.TimeoutError,
    concurrent.futures.InvalidStateError,
    Odd,
)


def _bad_writes(log: Log) -> Any:
    return _row(_step, lambda _: 7)


def _bad_updates(log: Log) -> Any:
    return _row(_step, lambda _: Command(update=[("count", 1), ("count", 2)]))


def _too_many_steps(log: Log) -> Any:
    return _loop(_step, lambda _: "node")


def _interrupted(log: Log) -> Any:
    def asks(state: State) -> State:
        log.append("asks")
        try:
            return {"count": interrupt("how many?")}
        except GraphInterrupt as asked:  # with an id that differs from run to run
            log.append([found.value for found in asked.args[0]])
            raise GraphInterrupt([Interrupt("how many?", id="1")]) from None

    return _row(_step, asks, _step)


APPS: dict[str, Callable[[Log], Any]] = {
    app.__name__.strip("_"): app
    for app in (
        _threads_and_contexts,
        _what_is_injected,
        _reducers_of_the_users,
        _messages,
        _validated,
        _dataclasses,
        _coroutines_between,
        _callbacks_come_first,
        _commands_and_packets,
        _a_runnable_in_its_place,
        _subgraphs,
        _bad_writes,
        _bad_updates,
        _too_many_steps,
        _interrupted,
    )
}
for _error in ERRORS:
    _name = f"{_error.__module__.partition('.')[0]}_{_error.__name__}"
    APPS[f"node_raises_{_name}"] = _raises(_error)
    APPS[f"router_raises_{_name}"] = _router_raises(_error)


async def _ainvoked(graph: Any, given: Any, config: Any) -> Any:
    return await graph.ainvoke(given, config)


async def _streamed(graph: Any, given: Any, config: Any) -> Any:
    modes = ["updates", "values"]
    if isinstance(graph, RunnableLambda) or not hasattr(graph, "nodes"):
        return [chunk async for chunk in graph.astream(given, config)]
    return [chunk async for chunk in graph.astream(given, config, stream_mode=modes)]


async def _saved(graph: Any, given: Any, config: Any) -> Any:
    if not hasattr(graph, "nodes"):
        return None
    graph.checkpointer = InMemorySaver()
    config = {**config, "configurable": {"thread_id": "1"}}
    try:
        await graph.ainvoke(given, config)
    finally:
        history = [snapshot async for snapshot in graph.aget_state_history(config)]
        saved = [
            (s.values, s.next, s.metadata["step"], [(t.name, str(t.error)) for t in s.tasks])
            for s in history
        ]
    return saved


WAYS = {way.__name__.strip("_"): way for way in (_ainvoked, _streamed, _saved)}


def _outcome(app: Callable[[Log], Any], way: Any) -> Any:
    """What comes of a run, and what its functions noted."""
    log: Log = []
    graph = app(log)
    REQUEST.set("set by the caller")

    async def main() -> Any:
        return await way(graph, {"count": 0}, {"recursion_limit": 9})

    try:
        result = asyncio.run(main())
    except BaseException as error:
        result = _told(error)
    return result, log


def _told(error: BaseException | None) -> Any:
    if error is None:
        return None
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    own = [name for name in frames if name in ("node", "router")]
    notes = [note.partition(" and id ")[0] for note in getattr(error, "__notes__", ())]
    return type(error), str(error), notes, own, _told(error.__cause__)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("engine", ENGINES)
def test_it_ends_as_on_stock(engine: str, app: str, way: str) -> None:
    stock = _outcome(APPS[app], WAYS[way])
    langgraph_engine.install(engine, unsupported="raise")
    assert _outcome(APPS[app], WAYS[way]) == stock


# --- how often the event loop is left, and when not


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was handed over to threads."""
    calls: list[Any] = []
    submit = concurrent.futures.ThreadPoolExecutor.submit

    def counted(self: Any, func: Any, *args: Any) -> Any:
        calls.append(func)
        return submit(self, func, *args)

    monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", counted)
    return calls


def test_a_thread_goes_on_by_itself(either: str | None, handed_over: list[Any]) -> None:
    """As long as it takes no more than a moment, which a busy machine may make of it."""
    graph = _loop(_step)

    async def main() -> int:
        handed_over.clear()
        assert await graph.ainvoke({"count": 0}) == {"count": 4, "seen": []}
        return len(handed_over)

    fewest = min(asyncio.run(main()) for _ in range(20))
    # Four supersteps, of a node and an edge.
    assert fewest == (8 if either is None else 1)


def test_a_thread_waits_for_a_stream(either: str | None, handed_over: list[Any]) -> None:
    graph = _loop(_step)

    async def main() -> int:
        handed_over.clear()
        counts = [chunk["node"]["count"] async for chunk in graph.astream({"count": 0})]
        assert counts == [1, 2, 3, 4]
        return len(handed_over)

    fewest = min(asyncio.run(main()) for _ in range(20))
    assert fewest == (8 if either is None else 1)


@pytest.mark.usefixtures("installed")
def test_whoever_replaces_how_functions_are_handed_over_is_asked() -> None:
    """A stream needs a thread for each superstep, of a node and an edge, and a saver its own."""
    handed_over: list[Any] = []

    async def main() -> None:
        event_loop: Any = asyncio.get_running_loop()
        hand_over = event_loop.run_in_executor

        def counted(*args: Any) -> Any:
            handed_over.append(args)
            return hand_over(*args)

        await asyncio.to_thread(int)
        event_loop.run_in_executor = counted
        assert [chunk["node"]["count"] async for chunk in _loop(_step).astream({"count": 0})]

    asyncio.run(main())
    assert len(handed_over) >= 4


class _Awaited:
    """Can be awaited, and nothing else."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def __await__(self) -> Any:
        return self._future.__await__()


@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.usefixtures("either")
def test_whoever_hands_functions_over_may_give_any_awaitable(*, is_coroutine: bool) -> None:

    async def main() -> Any:
        event_loop: Any = asyncio.get_running_loop()
        hand_over = event_loop.run_in_executor

        async def awaiting(*args: Any) -> Any:
            return await hand_over(*args)

        event_loop.run_in_executor = (
            awaiting if is_coroutine else lambda *args: _Awaited(hand_over(*args))
        )
        return (await _loop(_step).ainvoke({"count": 0}))["count"]

    assert asyncio.run(main()) == 4


@pytest.mark.usefixtures("either")
def test_an_event_loop_may_be_closed_at_once(caplog: pytest.LogCaptureFixture) -> None:
    graph = _loop(_step)

    async def main() -> int:
        return len([chunk async for chunk in graph.astream({"count": 0})])

    for _ in range(20):
        event_loop = asyncio.new_event_loop()
        assert event_loop.run_until_complete(main()) == 4
        event_loop.close()
    time.sleep(0.05)
    assert caplog.text == ""


@pytest.mark.usefixtures("installed")
def test_a_function_in_its_place_is_seen() -> None:
    """Whoever replaces what LangGraph awaits has it awaited."""
    graph = _loop(_step)
    assert asyncio.run(graph.ainvoke({"count": 0}))["count"] == 4

    async def instead(state: State) -> State:
        assert in_loop()
        return {"count": 9}

    graph.nodes["node"].bound.afunc = instead
    assert asyncio.run(graph.ainvoke({"count": 0}))["count"] == 9
    other = functools.partial(graph.nodes["node"].bound.func)
    graph.nodes["node"].bound.afunc = functools.partial(asyncio.to_thread, other)
    assert asyncio.run(graph.ainvoke({"count": 0}))["count"] == 4


# --- runs that are stopped


class Held:
    """A node that waits in its thread until it is let go."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.counts: list[int] = []

    def __call__(self, state: State) -> State:
        self.counts.append(state["count"])
        if state["count"] == 2:
            self.reached.set()
            assert self.let_go.wait(60)
        return _step(state)


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.usefixtures("either")
def test_a_cancelled_run_calls_no_more_nodes(*, saved: bool) -> None:
    held = Held()
    saver = InMemorySaver() if saved else None
    graph = _loop(held, checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}

    async def main() -> Any:
        run = asyncio.create_task(graph.ainvoke({"count": 0}, config))
        assert await asyncio.to_thread(held.reached.wait, 60)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        held.let_go.set()
        await asyncio.get_running_loop().shutdown_default_executor()
        if saver is None:
            return None
        found = await graph.aget_state(config)
        return found.values["count"], found.next, found.metadata["step"]

    assert asyncio.run(main()) == ((2, ("node",), 2) if saved else None)
    assert held.counts == [0, 1, 2]


@pytest.mark.usefixtures("either")
def test_a_run_out_of_time_calls_no_more_nodes() -> None:
    held = Held()

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_loop(held).ainvoke({"count": 0}), 0.2)
        held.let_go.set()

    asyncio.run(main())
    assert held.counts == [0, 1, 2]


@pytest.mark.usefixtures("either")
def test_a_run_whose_turn_never_comes_is_cancelled() -> None:
    graph, counts = _loop(_step), []

    def node(state: State) -> State:
        counts.append(state["count"])
        return _step(state)

    async def main() -> None:
        event_loop = asyncio.get_running_loop()
        event_loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        busy = threading.Event()
        occupied = event_loop.run_in_executor(None, busy.wait, 60)
        run = asyncio.create_task(_loop(node).ainvoke({"count": 0}))
        await asyncio.sleep(0.05)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        busy.set()
        await occupied
        assert (await graph.ainvoke({"count": 0}))["count"] == 4

    asyncio.run(main())
    assert counts == []


@pytest.mark.usefixtures("either")
def test_a_stream_that_is_left_calls_no_more_nodes() -> None:
    counts: list[int] = []

    def node(state: State) -> State:
        counts.append(state["count"])
        return _step(state)

    async def main() -> None:
        chunks = _loop(node).astream({"count": 0})
        async for _ in chunks:
            break
        await asyncio.sleep(0.05)
        await chunks.aclose()

    asyncio.run(main())
    assert counts == [0]


@pytest.mark.usefixtures("either")
def test_without_threads_it_says_what_stock_says() -> None:

    async def main() -> None:
        await asyncio.get_running_loop().shutdown_default_executor()
        await _loop(_step).ainvoke({"count": 0})

    with pytest.raises(RuntimeError, match="Executor shutdown has been called") as raised:
        asyncio.run(main())
    assert raised.value.__notes__[0].startswith("During task with name 'node' and id ")


@pytest.mark.usefixtures("either")
def test_an_executor_that_takes_nothing_any_more_is_heard() -> None:

    async def main() -> None:
        executor = concurrent.futures.ThreadPoolExecutor()
        executor.shutdown()
        asyncio.get_running_loop().set_default_executor(executor)
        await _loop(_step).ainvoke({"count": 0})

    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown") as raised:
        asyncio.run(main())
    assert raised.value.__notes__[0].startswith("During task with name 'node' and id ")


# --- tasks side by side

QUICK = 4
"""So many runs make a node one that ends in a moment."""


def _wide(node: Callable[[int], State], width: int = 6, **options: Any) -> Any:
    """So many tasks of one node in a superstep, each given its number."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_conditional_edges(
        START, lambda _: [Send("node", n) for n in range(width)], ["node"]
    )
    return builder.compile(**options)


async def _made_quick(graph: Any) -> None:
    """Run a graph until its nodes are known to end in a moment."""
    for _ in range(QUICK):
        await graph.ainvoke({"count": 0})


def _several_times(graph: Any, first: Any, then: Any) -> tuple[list[Any], Any]:
    """Run a graph until its nodes are known to be quick, then once more; what came of the runs."""

    async def run(given: Any) -> Any:
        chunks = graph.astream(given, stream_mode=["updates", "values"])
        try:
            return [chunk async for chunk in chunks]
        except BaseException as error:
            return _told(error)

    async def main() -> Any:
        return [await run(first) for _ in range(QUICK)], await run(then)

    return asyncio.run(main())


def _each_sees_its_own(log: Log) -> Any:
    def node(number: int) -> State:
        found = REQUEST.get(), in_loop(), get_config()["metadata"]["langgraph_path"][1]
        REQUEST.set(f"set by {number}")
        return {"seen": [(number, *found)]}

    return _wide(node)


def _one_returns_a_runnable(log: Log) -> Any:
    def node(number: int) -> Any:
        REQUEST.set("set by the node")
        if number == 3:
            return RunnableLambda(lambda given: {"seen": [(given, REQUEST.get(), in_loop())]})
        return {"seen": [number]}

    return _wide(node)


def _what_is_injected_is_each_tasks(log: Log) -> Any:
    def node(number: int, config: RunnableConfig, runtime: Runtime[Any]) -> State:
        attempt = runtime.execution_info.node_attempt
        return {"seen": [(number, config["metadata"]["langgraph_path"][1], attempt)]}

    return _wide(node)


def _coroutines_among_them(log: Log) -> Any:
    async def awaited(state: State) -> State:
        log.append("awaited")  # its first step comes before the functions
        await asyncio.sleep(0)
        return {"seen": ["awaited"]}

    def plain(state: State) -> State:
        log.append("plain")
        return {"seen": ["plain"]}

    builder = StateGraph(State)
    for name, node in (("a", awaited), ("b", plain), ("c", plain)):
        builder.add_node(name, node)
        builder.add_edge(START, name)
    return builder.compile()


def _one_raises(error: Any) -> Callable[[Log], Any]:
    def graph(log: Log) -> Any:
        def node(state: Any) -> State:
            if state.get("count"):
                raise error("by the user")
            return {"seen": [1]}

        def other(state: Any) -> State:
            return {"seen": [2]}

        builder = StateGraph(State)
        for name, function in (("node", node), ("other", other)):
            builder.add_node(name, function)
            builder.add_edge(START, name)
        return builder.compile()

    return graph


def _some_interrupt(log: Log) -> Any:
    def node(number: int) -> State:
        if number % 2:
            raise GraphInterrupt([Interrupt(f"how many? {number}", id=str(number))])
        return {"seen": [number]}

    return _wide(node)


WIDE: dict[str, Callable[[Log], Any]] = {
    app.__name__.strip("_"): app
    for app in (
        _each_sees_its_own,
        _one_returns_a_runnable,
        _what_is_injected_is_each_tasks,
        _coroutines_among_them,
        _tasks_side_by_side,
        _some_interrupt,
    )
}
for _error in ERRORS:
    WIDE[f"one_raises_{_error.__module__.partition('.')[0]}_{_error.__name__}"] = _one_raises(
        _error
    )


@pytest.mark.parametrize("app", WIDE)
@pytest.mark.parametrize("engine", ENGINES)
def test_tasks_side_by_side_end_as_on_stock(engine: str, app: str) -> None:
    def outcome() -> Any:
        log: Log = []
        REQUEST.set("set by the caller")
        before, last = _several_times(WIDE[app](log), {"count": 0}, {"count": 1})
        # Which of them ends first isn't certain on stock.
        return [_in_some_order(chunks) for chunks in (*before, last)], log

    stock = outcome()
    langgraph_engine.install(engine, unsupported="raise")
    assert outcome() == stock


def _in_some_order(chunks: Any) -> Any:
    return sorted(map(repr, chunks)) if isinstance(chunks, list) else chunks


def test_one_thread_calls_quick_functions(either: str | None, handed_over: list[Any]) -> None:
    graph = _wide(lambda number: {"seen": [number]}, 20)

    async def main() -> Any:
        counts = []
        for _ in range(20):
            handed_over.clear()
            assert await graph.ainvoke({"count": 0}) == {"count": 0, "seen": [*range(20)]}
            counts.append(len(handed_over))
        return counts

    counts = asyncio.run(main())
    # The edge has one as well.
    assert counts[0] == 21
    # The thread of the run before is there.
    assert min(counts) == (21 if either is None else 0)


@pytest.mark.usefixtures("either")
def test_functions_may_wait_for_each_other() -> None:
    """Though they ended in a moment till now."""
    together = threading.Barrier(3)

    def node(number: int) -> State:
        if waits:
            together.wait(60)
        return {"seen": [number]}

    graph = _wide(node, 3)

    async def main() -> Any:
        nonlocal waits
        await _made_quick(graph)
        waits = True
        return [(await graph.ainvoke({"count": 0}))["seen"] for _ in range(3)]

    waits = False
    assert asyncio.run(main()) == [[0, 1, 2]] * 3


@pytest.mark.usefixtures("either")
def test_a_function_may_wait_for_what_becomes_of_another() -> None:
    """Its chunk is there before the other one has ended, though both ended in a moment till now."""
    taken = threading.Event()

    def node(number: int) -> State:
        if waits and number == 2:
            assert taken.wait(20)
        return {"seen": [number]}

    graph = _wide(node, 3)

    async def main() -> Any:
        nonlocal waits
        await _made_quick(graph)
        waits = True
        seen = []
        async for chunk in graph.astream({"count": 0}):
            seen += chunk["node"]["seen"]
            if len(seen) == 2:
                taken.set()
        return seen

    waits = False
    assert sorted(asyncio.run(main())[:2]) == [0, 1]
    assert taken.is_set()


@pytest.mark.usefixtures("either")
def test_what_was_not_begun_is_not_called_once_a_run_is_cancelled() -> None:
    let_go = threading.Event()
    called: list[int] = []

    def node(number: int) -> State:
        called.append(number)
        if waits:
            event_loop.call_soon_threadsafe(reached.set)
            assert let_go.wait(60)
        return {"seen": [number]}

    graph = _wide(node)

    async def main() -> None:
        nonlocal waits, event_loop, reached
        event_loop, reached = asyncio.get_running_loop(), asyncio.Event()
        event_loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        await _made_quick(graph)
        called.clear()
        waits = True
        run = asyncio.create_task(graph.ainvoke({"count": 0}))
        await reached.wait()
        await asyncio.sleep(0.03)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        let_go.set()
        await event_loop.shutdown_default_executor()

    waits = False
    event_loop: Any = None
    reached: Any = None
    asyncio.run(main())
    assert called == [0]


@pytest.mark.usefixtures("either")
def test_side_by_side_without_threads_it_says_what_stock_says() -> None:
    writes = [lambda _, n=n: {"seen": [n]} for n in range(3)]
    builder = StateGraph(State)
    for number, node in enumerate(writes):
        builder.add_node(f"node{number}", node)
        builder.add_edge(START, f"node{number}")
    graph = builder.compile()

    async def main() -> None:
        await _made_quick(graph)
        await asyncio.get_running_loop().shutdown_default_executor()
        await graph.ainvoke({"count": 0})

    with pytest.raises(RuntimeError, match="Executor shutdown has been called") as raised:
        asyncio.run(main())
    assert len(raised.value.__notes__) == 1


# --- an event loop that waits for a moment, as the functions before ended in one


@pytest.mark.usefixtures("either")
def test_a_function_may_wait_for_the_event_loop() -> None:
    def node(state: State) -> State:
        if state["count"] == 6:
            asked = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.001, "answer"), event_loop)
            return {**_step(state), "seen": [asked.result(60)]}
        return _step(state)

    async def main() -> Any:
        nonlocal event_loop
        event_loop = asyncio.get_running_loop()
        graph = _loop(node, lambda state: "node" if state["count"] < 12 else END)
        return [chunk["node"] async for chunk in graph.astream({"count": 0})]

    event_loop: Any = None
    chunks = asyncio.run(main())
    assert [chunk["count"] for chunk in chunks] == [*range(1, 13)]
    assert [chunk.get("seen") for chunk in chunks] == [None] * 6 + [["answer"]] + [None] * 5


@pytest.mark.usefixtures("either")
def test_what_is_asked_of_the_event_loop_comes_before_the_chunk() -> None:
    log: Log = []

    def node(state: State) -> State:
        event_loop.call_soon_threadsafe(log.append, ("callback", state["count"] + 1))
        return _step(state)

    async def main() -> None:
        nonlocal event_loop
        event_loop = asyncio.get_running_loop()
        graph = _loop(node, lambda state: "node" if state["count"] < 9 else END)
        async for chunk in graph.astream({"count": 0}):
            log.append(("chunk", chunk["node"]["count"]))

    event_loop: Any = None
    asyncio.run(main())
    assert log == [(what, count) for count in range(1, 10) for what in ("callback", "chunk")]


@pytest.mark.usefixtures("either")
def test_others_have_their_turn_between_two_chunks() -> None:
    turns = 0

    async def main() -> list[int]:
        async def take_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        taking = asyncio.create_task(take_turns())
        graph = _loop(_step, lambda state: "node" if state["count"] < 40 else END)
        seen = [turns async for _ in graph.astream({"count": 0}, {"recursion_limit": 50})]
        taking.cancel()
        return seen

    seen = asyncio.run(main())
    assert len(seen) == 40
    assert all(before < after for before, after in itertools.pairwise(seen))


@pytest.mark.usefixtures("either")
def test_a_function_may_have_its_run_cancelled() -> None:
    counts: list[int] = []

    def node(state: State) -> State:
        counts.append(state["count"])
        if state["count"] == 6:
            event_loop.call_soon_threadsafe(run.cancel)
        return _step(state)

    async def main() -> None:
        nonlocal event_loop, run
        event_loop = asyncio.get_running_loop()

        async def take_chunks() -> None:
            graph = _loop(node, lambda state: "node" if state["count"] < 12 else END)
            async for _ in graph.astream({"count": 0}):
                pass

        run = asyncio.create_task(take_chunks())
        with pytest.raises(asyncio.CancelledError):
            await run

    event_loop: Any = None
    run: Any = None
    asyncio.run(main())
    assert counts == [*range(7)]


@pytest.mark.usefixtures("either")
def test_what_comes_from_elsewhere_is_not_kept_waiting() -> None:
    """A pipe that a function wrote to is read a few supersteps later at most."""
    reading, writing = os.pipe()
    read = written = 0
    late: list[int] = []

    def node(state: State) -> State:
        nonlocal written
        os.write(writing, b"x")
        written += 1
        time.sleep(0.0003)
        return _step(state)

    def ready() -> None:
        nonlocal read
        read += len(os.read(reading, 100))

    async def main() -> None:
        event_loop = asyncio.get_running_loop()
        event_loop.add_reader(reading, ready)
        graph = _loop(node, lambda state: "node" if state["count"] < 60 else END)
        async for _ in graph.astream({"count": 0}, {"recursion_limit": 99}):
            late.append(written - read)  # noqa: PERF401 - as it was then
        event_loop.remove_reader(reading)

    try:
        asyncio.run(main())
    finally:
        os.close(reading)
        os.close(writing)
    assert len(late) == 60
    assert max(late) <= 5


@pytest.mark.usefixtures("installed")
def test_a_run_ends_whose_event_loop_was_interrupted_as_it_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it waited for had ended, and nobody was told. It is the run that is interrupted, or the event loop around it."""
    begin = hand_over.HandOver.begin

    def interrupted(self: Any, job: Any) -> Any:
        if not is_quick or not isinstance(job, PlainFunctions):
            return begin(self, job)
        monkeypatch.undo()
        helper = threading.Thread(target=job.run)
        helper.start()
        helper.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(hand_over.HandOver, "begin", interrupted)
    graph = _wide(lambda number: {"seen": [number]}, 3)
    is_quick = False
    event_loop = asyncio.new_event_loop()
    try:
        event_loop.run_until_complete(_made_quick(graph))
        is_quick = True
        run = event_loop.create_task(graph.ainvoke({"count": 0}))
        with pytest.raises(KeyboardInterrupt):
            event_loop.run_until_complete(run)
        event_loop.run_until_complete(asyncio.wait([run], timeout=20))
        assert run.done()
        if not isinstance(run.exception(), KeyboardInterrupt):
            assert run.result()["seen"] == [0, 1, 2]
    finally:
        event_loop.close()


@pytest.mark.parametrize("way", ["stream", "invoke", "fail"])
@pytest.mark.usefixtures("installed")
def test_no_thread_waits_for_a_run_that_is_over(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_over, "_COMES_AGAIN_WITHIN", 60)

    def router(state: State) -> str:
        if way == "fail" and state["count"] == 3:
            raise ValueError("no way to go")
        return _again(state)

    async def main() -> None:
        graph = _loop(_step, router, checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        if way == "stream":
            async for _ in graph.astream({"count": 0}, config):
                pass
        elif way == "invoke":
            await graph.ainvoke({"count": 0}, config)
        else:
            with pytest.raises(ValueError, match="no way to go"):
                await graph.ainvoke({"count": 0}, config)

    began = time.monotonic()
    asyncio.run(main())  # waits for its threads
    assert time.monotonic() - began < 30


async def _awaits(state: State) -> State:
    await asyncio.sleep(0.002)  # longer than a thread waits
    return _step(state)


def _edges_after_waiting() -> Any:
    """A coroutine that waits, then an edge that is a plain function, and again."""
    return _loop(_awaits, lambda state: "node" if state["count"] < 12 else END)


def test_the_event_loop_waits_for_a_thread_it_asked_for(
    monkeypatch: pytest.MonkeyPatch, either: str | None, handed_over: list[Any]
) -> None:
    """What takes but a moment each time is waited for, and not told later."""
    told: list[Any] = []
    tell = hand_over._tell
    monkeypatch.setattr(hand_over, "_tell", lambda *args: (told.append(args), tell(*args)))

    async def main() -> tuple[int, int]:
        handed_over.clear()
        told.clear()
        chunks = [chunk async for chunk in _edges_after_waiting().astream({"count": 0})]
        assert [chunk["node"]["count"] for chunk in chunks] == [*range(1, 13)]
        return len(told), len(handed_over)

    fewest = min(asyncio.run(main()) for _ in range(20))
    # Nothing is known before the first.
    assert fewest <= (0 if either is None else 1, 12)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whether a thread's first job was done, of those the event loop waited for."""
    found: list[Any] = []
    wait = hand_over._Stay.wait

    def noted(self: Any) -> bool | None:
        is_done = wait(self)
        found.append(is_done)
        return is_done

    monkeypatch.setattr(hand_over._Stay, "wait", noted)
    return found


@pytest.mark.usefixtures("installed")
def test_busy_threads_are_not_waited_for_each_time(waited: list[Any]) -> None:
    """Whose jobs are waited for in vain are not waited for the next times."""

    async def main() -> None:
        executor = concurrent.futures.ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(executor)

        def router(state: State) -> str:
            if state["count"] >= 3:
                executor.submit(time.sleep, 0.01)  # so that the next one comes late
            return "node" if state["count"] < 12 else END

        async for _ in _loop(_awaits, router).astream({"count": 0}):
            pass

    asyncio.run(main())
    assert waited.count(False) <= 2


@pytest.mark.usefixtures("installed")
def test_a_thread_that_waits_in_vain_does_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a coroutine waits between two functions, threads leave at once."""
    looks = 0
    finished = LockMeeting.finished

    def counted(self: LockMeeting, seconds: float) -> bool | None:
        nonlocal looks
        looks += 1
        return finished(self, seconds)

    monkeypatch.setattr(LockMeeting, "finished", counted)
    monkeypatch.setattr(compiled, "meetings", lambda _: LockMeeting)
    graph = _edges_after_waiting()

    async def main() -> None:
        async for _ in graph.astream({"count": 0}):
            pass

    asyncio.run(main())
    assert looks <= 1


# --- runs that follow one another


def test_a_thread_waits_for_a_run_that_comes_in_a_moment(
    either: str | None, handed_over: list[Any]
) -> None:
    graph = _row(_step)

    async def main() -> list[int]:
        counts = []
        for _ in range(20):
            handed_over.clear()
            assert (await graph.ainvoke({"count": 0}))["count"] == 1
            counts.append(len(handed_over))
        return counts

    counts = asyncio.run(main())
    # That the second one comes in a moment isn't known before.
    assert counts[:2] == [1, 1]
    assert min(counts) == (1 if either is None else 0)


@pytest.mark.usefixtures("either")
def test_no_thread_is_there_for_a_run_that_comes_later(handed_over: list[Any]) -> None:
    graph = _row(_step)

    async def main() -> list[int]:
        counts = []
        for _ in range(5):
            for _ in range(5):
                handed_over.clear()
                await graph.ainvoke({"count": 0})
            await asyncio.sleep(0.02)
            handed_over.clear()
            await graph.ainvoke({"count": 0})
            counts.append(len(handed_over))
        return counts

    assert 1 in asyncio.run(main())  # but for threads that a busy machine keeps


@pytest.mark.usefixtures("installed")
def test_a_thread_that_stayed_leaves_after_a_moment() -> None:
    graph = _row(_step)

    def is_there() -> bool:
        gc.collect()
        return any(type(it) is hand_over._Stay for it in gc.get_objects())

    async def main() -> None:
        for _ in range(10):
            await graph.ainvoke({"count": 0})
        for _ in range(1_000):
            if not is_there():
                return
            await asyncio.sleep(0.01)
        pytest.fail("it is there still")

    asyncio.run(main())


@pytest.mark.usefixtures("either")
def test_event_loops_have_their_own_threads() -> None:
    """Runs of a graph, each in the other event loop than the one before."""
    threads: dict[str, set[int]] = {"a": set(), "b": set()}
    which = "a"

    def node(state: State) -> State:
        threads[which].add(threading.get_ident())
        return _step(state)

    graph = _row(node)
    event_loops = {name: asyncio.new_event_loop() for name in threads}
    try:
        for number in range(40):
            which = "ab"[number % 2]
            for _ in range(1 + number % 3):
                run = graph.ainvoke({"count": number})
                assert event_loops[which].run_until_complete(run)["count"] == number + 1
    finally:
        for event_loop in event_loops.values():
            event_loop.run_until_complete(event_loop.shutdown_default_executor())
            event_loop.close()
    assert threads["a"].isdisjoint(threads["b"])


@pytest.mark.usefixtures("either")
def test_a_thread_that_stays_is_not_asked_past_whoever_has_the_threads_by_then() -> None:
    where: list[str] = []

    def node(state: State) -> State:
        where.append(threading.current_thread().name.partition("_")[0])
        return _step(state)

    graph = _row(node)

    async def main() -> None:
        event_loop = asyncio.get_running_loop()
        for number in range(10):
            for _ in range(3):
                await graph.ainvoke({"count": 0})
            own = concurrent.futures.ThreadPoolExecutor(1, f"own {number}")
            event_loop.set_default_executor(own)
            where.clear()
            await graph.ainvoke({"count": 0})
            assert where == [f"own {number}"]
        await graph.ainvoke({"count": 0})
        own.shutdown(wait=False)
        with pytest.raises(RuntimeError, match="after shutdown"):
            await graph.ainvoke({"count": 0})

    asyncio.run(main())


@pytest.mark.usefixtures("installed")
def test_a_run_that_was_stopped_leaves_its_thread_to_nobody() -> None:
    goes_on = threading.Event()

    def node(state: State) -> State:
        if state["count"] == 7:
            goes_on.wait(60)
        return _step(state)

    graph = _row(node)

    async def main() -> None:
        for _ in range(10):
            goes_on.clear()
            for _ in range(3):
                await graph.ainvoke({"count": 0})
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(graph.ainvoke({"count": 7}), 0.01)
            assert (await graph.ainvoke({"count": 0}))["count"] == 1
            goes_on.set()

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
def test_the_first_function_of_a_run_is_waited_for(
    way: str, waited: list[Any], either: str | None
) -> None:
    """Where the last one of the run before took but a moment."""
    graph = _row(_step)

    async def main() -> None:
        for _ in range(10):
            if way == "ainvoke":
                await graph.ainvoke({"count": 0})
            else:
                assert [chunk async for chunk in graph.astream({"count": 0})]
            await asyncio.sleep(0.01)  # no thread is there any more

    asyncio.run(main())
    assert (True in waited) is (either is not None)


# --- runs side by side


@pytest.mark.usefixtures("either")
def test_slow_functions_take_turns() -> None:
    """Where there are fewer threads than runs, each has its turn after every function."""
    order: list[str] = []

    def node(state: State) -> State:
        order.append(get_config()["configurable"]["run"])
        time.sleep(0.02)
        return _step(state)

    async def main() -> None:
        executor = concurrent.futures.ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(executor)
        graph = _row(node, node, node, node)
        runs = (graph.ainvoke({"count": 0}, {"configurable": {"run": run}}) for run in "ab")
        await asyncio.gather(*runs)

    asyncio.run(main())
    assert order == ["a", "b"] * 4


@pytest.mark.usefixtures("installed")
def test_many_runs_at_a_time() -> None:
    saver = InMemorySaver()
    plain, saving = _loop(_step), _loop(_step, checkpointer=saver)

    async def run(number: int) -> Any:
        config: Any = {"configurable": {"thread_id": str(number)}}
        graph = saving if number % 3 == 0 else plain
        if number % 2:
            return (await graph.ainvoke({"count": 0, "seen": [number]}, config))["seen"]
        chunks = graph.astream({"count": 0, "seen": [number]}, config, stream_mode="values")
        return [chunk async for chunk in chunks][-1]["seen"]

    async def main() -> Any:
        return await asyncio.gather(*map(run, range(200)))

    assert asyncio.run(main()) == [[number] for number in range(200)]
    assert len(saver.storage) == len(range(0, 200, 3))


@pytest.mark.usefixtures("installed")
def test_the_event_loop_goes_on_meanwhile() -> None:
    ticks = 0

    def node(state: State) -> State:
        time.sleep(0.02)
        return _step(state)

    async def main() -> None:
        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        await _row(*[node] * 10).ainvoke({"count": 0})
        ticking.cancel()

    asyncio.run(main())
    assert ticks > 10
