"""Runs that end badly leave nothing behind: no thread, no asyncio task, no open file, no memory.

Each test makes one run end the same way many times over, on one engine, with a handler watching or
without, and looks at what is there afterwards that wasn't there before.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import operator
import os
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any, TypedDict

import anyio
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import (
    GraphRecursionError,
    InvalidUpdateError,
    NodeCancelledError,
    NodeTimeoutError,
)
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt

import langgraph_engine

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]

RUNS = 13
"""Runs each test makes: with every ending, watched and not, over a thousand on each engine."""

PATIENCE = 5.0
"""Seconds after which a thread or a task that should be gone counts as left behind."""

SYNC: dict[str, Callable[[Any], None]] = {}
ASYNC: dict[str, Callable[[Any], Awaitable[None]]] = {}
SINCE_PYTHON_3_11: dict[str, str] = {}
"""Endings that LangGraph itself doesn't come to on Python 3.10, and what happens there."""


def _ending(function: Any) -> Any:
    """Registers a way for one run to end; it is called with the run's config."""
    kind = ASYNC if asyncio.iscoroutinefunction(function) else SYNC
    kind[function.__name__.strip("_")] = function
    return function


def _since_python_3_11(reason: str) -> Callable[[Any], Any]:
    def note(function: Any) -> Any:
        SINCE_PYTHON_3_11[function.__name__.strip("_")] = reason
        return function

    return note


class Watching(BaseCallbackHandler):
    """Hears everything, so that no short way is taken."""


@pytest.fixture(params=ENGINES, autouse=True)
def installed(request: pytest.FixtureRequest) -> Iterator[str]:
    langgraph_engine.install(request.param, unsupported="raise")
    yield request.param
    langgraph_engine.uninstall()


@pytest.fixture(params=["quiet", "watched"])
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    callbacks = [Watching()] if request.param == "watched" else []
    return {"callbacks": callbacks, "configurable": {"thread_id": "1"}}


@pytest.fixture(autouse=True)
def nothing_logged() -> Iterator[None]:
    """Pytest would keep what is logged, and with it the exceptions and all they refer to."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def keyboard() -> Iterator[None]:
    """Ctrl-C is `KeyboardInterrupt`, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def only_new_objects() -> Iterator[None]:
    """The collector forgets what was there before a test: what it finds then is new."""
    gc.freeze()
    yield
    gc.unfreeze()


# -- graphs that can be made to end badly -----------------------------------------------------------


class Seen(TypedDict, total=False):
    seen: Annotated[list[Any], operator.add]


running = 0
"""How many nodes are at work; those of an asynchronous run are in its event loop's thread."""


async def _waits(state: Seen) -> Seen:
    """Waits until it is cancelled, and takes its time then."""
    global running
    running += 1
    try:
        await asyncio.Event().wait()
    finally:
        running -= 1
        await asyncio.sleep(0)
    return {}


async def _afails(state: Seen) -> Seen:
    await asyncio.sleep(0)
    raise ZeroDivisionError("node")


def _fails(state: Seen) -> Seen:
    raise ZeroDivisionError("node")


def _done(state: Seen) -> Seen:
    return {"seen": ["done"]}


def _asks(state: Seen) -> Seen:
    return {"seen": [interrupt("?")]}


def _graph(*nodes: Any, **options: Any) -> Any:
    """Nodes that run side by side, then one more."""
    builder = StateGraph(Seen)
    builder.add_node("last", _done)
    for at, node in enumerate(nodes):
        builder.add_node(f"node-{at}", node, **options)
        builder.add_edge(START, f"node-{at}")
        builder.add_edge(f"node-{at}", "last")
    return builder.compile(checkpointer=InMemorySaver())


class FullSaver(InMemorySaver):
    """A disk that is full."""

    def put(self, *args: Any) -> Any:
        raise OSError("disk full")

    async def aput(self, *args: Any) -> Any:
        await asyncio.sleep(0)
        raise OSError("disk full")


class SlowSaver(InMemorySaver):
    """Never gets done with what the nodes wrote."""

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] == 1:
            await _waits({})
        return await super().aput(config, checkpoint, metadata, new_versions)


class PonderingSaver(InMemorySaver):
    """Takes a few turns of the event loop to save what a node wrote."""

    at_work = 0

    async def aput_writes(self, *args: Any) -> None:
        self.at_work += 1
        for _ in range(5):
            await asyncio.sleep(0)
        await super().aput_writes(*args)
        self.at_work -= 1


# -- endings from a thread ---------------------------------------------------------------------------


@_ending
def _node_fails(config: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        _graph(_fails).invoke({}, config)


@_ending
def _parallel_node_fails(config: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        _graph(_fails, _done, _done).invoke({}, config)


@_ending
def _node_in_subgraph_fails(config: Any) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            list(_graph(_graph(_fails, _done)).stream({}, config, subgraphs=True))


@_ending
def _retries_run_out(config: Any) -> None:
    policy = RetryPolicy(
        initial_interval=0.0001, max_attempts=2, jitter=False, retry_on=ZeroDivisionError
    )
    with pytest.raises(ZeroDivisionError):
        _graph(_fails, retry_policy=policy).invoke({}, config)


@_ending
def _interrupted(config: Any) -> None:
    assert _graph(_asks).invoke({}, config)["__interrupt__"]


@_ending
def _interrupted_in_parallel(config: Any) -> None:
    graph = _graph(_asks, _asks, _graph(_asks))
    assert len(graph.invoke({}, config)["__interrupt__"]) == 3


@_ending
def _interrupted_then_failed(config: Any) -> None:
    def asks_and_fails(state: Seen) -> Seen:
        return {"seen": [1 / interrupt("?")]}

    graph = _graph(asks_and_fails)
    graph.invoke({}, config)
    with pytest.raises(ZeroDivisionError):
        graph.invoke(Command(resume=0), config)


@_ending
def _stopped_before_a_node(config: Any) -> None:
    assert list(_graph(_done).stream({}, config, interrupt_before="*"))


@_ending
def _out_of_steps(config: Any) -> None:
    with pytest.raises(GraphRecursionError):
        _graph(_done).invoke({}, {**config, "recursion_limit": 1})


@_ending
def _two_writes_refused(config: Any) -> None:
    builder = StateGraph(dict)
    for name in ("left", "right"):
        builder.add_node(name, lambda state: {"one": 1})
        builder.add_edge(START, name)
    with pytest.raises(InvalidUpdateError):
        builder.compile().invoke({"one": 0}, config)


@_ending
def _saver_fails(config: Any) -> None:
    for durability in ("sync", "async", "exit"):
        graph = _graph(_done).copy({"checkpointer": FullSaver()})
        with pytest.raises(OSError, match="disk full"):
            graph.invoke({}, config, durability=durability)


@_ending
def _stream_closed(config: Any) -> None:
    stream = _graph(_done, _done).stream({}, config, stream_mode=["updates", "tasks"])
    next(stream)
    stream.close()


@_ending
def _stream_dropped(config: Any) -> None:
    next(_graph(_graph(_done, _done)).stream({}, config, stream_mode="values", subgraphs=True))


@_ending
def _failed_between_chunks(config: Any) -> None:
    def fails(chunk: Any) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        list(map(fails, _graph(_done, _done).stream({}, config)))


@_ending
def _step_times_out(config: Any) -> None:
    over = threading.Event()

    class SavesAtTheEnd(InMemorySaver):
        def put(self, *args: Any) -> Any:
            over.set()
            return super().put(*args)

    def until_over(state: Seen) -> Seen:
        over.wait(PATIENCE)
        return {}

    graph = _graph(until_over).copy({"checkpointer": SavesAtTheEnd()})
    graph.step_timeout = 0.001
    with pytest.raises(TimeoutError):
        graph.invoke({}, config, durability="exit")


@_ending
def _task_fails(config: Any) -> None:
    failing = task(_fails)

    @entrypoint(checkpointer=InMemorySaver())
    def program(input: Any) -> Any:
        unawaited = failing({})
        return [failing({}).result(), unawaited]

    with pytest.raises(ZeroDivisionError):
        program.invoke({}, config)


@_ending
def _task_asks(config: Any) -> None:
    asking = task(_asks)

    @entrypoint(checkpointer=InMemorySaver())
    def program(input: Any) -> Any:
        return [future.result() for future in (asking({}), asking({}))]

    assert program.invoke({}, config)["__interrupt__"]


@_ending
def _node_is_interrupted_at_the_keyboard(config: Any) -> None:
    def strikes(state: Seen) -> Seen:
        signal.raise_signal(signal.SIGINT)
        return {}

    with pytest.raises(KeyboardInterrupt):
        _graph(strikes).invoke({}, config)


@_ending
def _wait_is_interrupted_at_the_keyboard(config: Any) -> None:
    # Python forgets a thread that is interrupted while it is started: all three have to be there.
    started, struck = threading.Barrier(3, timeout=PATIENCE), threading.Event()

    def strikes(state: Seen) -> Seen:
        started.wait()
        try:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        finally:  # the main thread may be this one
            struck.set()
        return {}

    def waits(state: Seen) -> Seen:
        started.wait()
        struck.wait(PATIENCE)
        return {}

    with pytest.raises(KeyboardInterrupt):
        _graph(strikes, waits, waits).invoke({}, config)


# -- endings in an event loop ------------------------------------------------------------------------


async def _until_running(count: int = 1) -> None:
    # The nodes of a run start at any of its turns.
    turns = 100_000  # more than any run takes: the loop ends if they never start
    while running < count and turns:
        await asyncio.sleep(0)
        turns -= 1
    assert running >= count


async def _cancelled(graph: Any, config: Any, nodes: int = 1, times: int = 1) -> None:
    run = asyncio.ensure_future(graph.ainvoke({}, config))
    await _until_running(nodes)
    for _ in range(times):
        run.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await run


async def _consume(graph: Any, config: Any, **options: Any) -> None:
    async for _ in graph.astream({}, config, **options):
        pass


@_ending
async def _cancelled_alone(config: Any) -> None:
    await _cancelled(_graph(_waits), config)


@_ending
async def _cancelled_in_parallel(config: Any) -> None:
    await _cancelled(_graph(_waits, _waits, _done), config, nodes=2)


@_ending
async def _cancelled_again_and_again(config: Any) -> None:
    await _cancelled(_graph(_waits, _waits), config, nodes=2, times=3)


@_ending
async def _cancelled_in_subgraphs(config: Any) -> None:
    await _cancelled(_graph(_graph(_waits), _graph(_waits, _waits)), config, nodes=3)


@_ending
async def _cancelled_while_saving(config: Any) -> None:
    graph = _graph(_done).copy({"checkpointer": SlowSaver()})
    run = asyncio.ensure_future(graph.ainvoke({}, config, durability="sync"))
    await _until_running()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


@_ending
async def _cancelled_with_something_to_save(config: Any) -> None:
    saver = PonderingSaver()
    await _cancelled(_graph(_waits, _waits).copy({"checkpointer": saver}), config, nodes=2)
    assert saver.at_work == 0


@_ending
async def _cancelled_before_it_began(config: Any) -> None:
    run = asyncio.ensure_future(_graph(_waits).ainvoke({}, config))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


@_ending
async def _timed_out(config: Any) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(_graph(_waits, _waits).ainvoke({}, config), 0.001)


@_ending
async def _scope_cancelled(config: Any) -> None:
    for graph, nodes in ((_graph(_waits), 1), (_graph(_waits, _graph(_waits, _waits)), 3)):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(graph.ainvoke, {}, config)
                await _until_running(nodes)
                scope.cancel()
        assert scope.cancelled_caught


@_ending
async def _scope_timed_out(config: Any) -> None:
    with pytest.raises(TimeoutError), anyio.fail_after(0.001):
        await _consume(_graph(_waits, _waits), config, stream_mode="debug", subgraphs=True)


@_ending
async def _sibling_in_task_group_fails(config: Any) -> None:
    group = anyio.create_task_group()
    with contextlib.suppress(Exception):  # an ExceptionGroup, which Python 3.10 doesn't have
        async with group:
            group.start_soon(_graph(_waits, _waits).ainvoke, {}, config)
            await _until_running(2)
            raise LookupError
    assert group.cancel_scope.cancel_called


@_ending
async def _astream_closed(config: Any) -> None:
    stream = _graph(_waits, _done).astream({}, config)
    await anext(stream)
    await stream.aclose()


@_ending
async def _astream_dropped(config: Any) -> None:
    stream = _graph(_waits, _graph(_waits, _done)).astream({}, config, subgraphs=True)
    await anext(stream)
    del stream
    gc.collect(0)


@_ending
async def _async_node_fails(config: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        await _graph(_afails).ainvoke({}, config)


@_ending
async def _parallel_async_node_fails(config: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        await _graph(_afails, _waits, _graph(_waits)).ainvoke({}, config)


@_ending
async def _plain_node_fails_in_a_thread(config: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        await _graph(_fails, _waits).ainvoke({}, config)


@_ending
@_since_python_3_11("a node's coroutine has no config")
async def _interrupted_while_others_wait(config: Any) -> None:
    async def asks(state: Seen) -> Seen:
        return {"seen": [interrupt("?")]}

    assert (await _graph(asks, _graph(asks)).ainvoke({}, config))["__interrupt__"]


@_ending
@_since_python_3_11("the other node is waited for, for ever")
async def _node_cancels_itself(config: Any) -> None:
    async def cancels(state: Seen) -> Seen:
        raise asyncio.CancelledError

    with pytest.raises(NodeCancelledError):
        await _graph(cancels, _waits).ainvoke({}, config)


@_ending
async def _saver_fails_asynchronously(config: Any) -> None:
    for durability in ("sync", "async", "exit"):
        graph = _graph(_done).copy({"checkpointer": FullSaver()})
        with pytest.raises(OSError, match="disk full"):
            await graph.ainvoke({}, config, durability=durability)


@_ending
async def _async_step_times_out(config: Any) -> None:
    graph = _graph(_waits, _waits)
    graph.step_timeout = 0.001
    with pytest.raises(asyncio.TimeoutError):
        await _consume(graph, config, stream_mode=["debug"])


@_ending
async def _node_times_out(config: Any) -> None:
    with pytest.raises(NodeTimeoutError):
        await _graph(_waits, timeout=0.001).ainvoke({}, config)


@_ending
@_since_python_3_11("a node's coroutine has no config")
async def _async_task_cancelled(config: Any) -> None:
    waiting = task(_waits)

    @entrypoint(checkpointer=InMemorySaver())
    async def program(input: Any) -> Any:
        return await asyncio.gather(waiting({}), waiting({}))

    await _cancelled(program, config, nodes=2)


@_ending
@_since_python_3_11("a node's coroutine has no config")
async def _async_task_fails(config: Any) -> None:
    waiting, failing = task(_waits), task(_afails)

    @entrypoint(checkpointer=InMemorySaver())
    async def program(input: Any) -> Any:
        return await asyncio.gather(waiting({}), failing({}))

    async def node(state: Seen) -> Seen:
        return {"seen": await asyncio.gather(waiting({}), failing({}))}

    # Watched, the node's failure waits for the other call for ever, as on LangGraph.
    for graph in (program,) if config["callbacks"] else (program, _graph(node)):
        with pytest.raises(ZeroDivisionError):
            await graph.ainvoke({}, config)


# -- what is left ------------------------------------------------------------------------------------


def _open_files() -> set[str]:
    return set(os.listdir("/dev/fd"))


def _threads_left(before: set[threading.Thread]) -> list[threading.Thread]:
    """New threads that don't end by themselves: one that was told to may need a moment."""
    new = set(threading.enumerate()) - before
    for thread in new:
        thread.join(PATIENCE)
    return [thread for thread in new if thread.is_alive()]


def _nothing_is_left(make_runs: Callable[[int], None]) -> None:
    make_runs(3)  # fills caches
    gc.collect()
    gc.freeze()
    threads, files = set(threading.enumerate()), _open_files()
    make_runs(RUNS)
    assert _threads_left(threads) == []
    assert len(_open_files()) <= len(files)
    gc.collect()
    kept = Counter(type(found).__qualname__ for found in gc.get_objects())
    # Less than one object a run is no growth.
    assert kept.total() < RUNS, kept.most_common(12)


@pytest.mark.parametrize("ending", SYNC)
def test_a_run_from_a_thread_leaves_nothing(ending: str, config: dict[str, Any]) -> None:
    def make_runs(count: int) -> None:
        for _ in range(count):
            SYNC[ending](config)

    _nothing_is_left(make_runs)


def _possible_here(ending: str) -> Any:
    reason = SINCE_PYTHON_3_11.get(ending)
    marks = pytest.mark.since_python_3_11(reason) if reason else ()
    return pytest.param(ending, marks=marks)


@pytest.mark.parametrize("ending", [_possible_here(ending) for ending in ASYNC])
def test_a_run_in_an_event_loop_leaves_nothing(ending: str, config: dict[str, Any]) -> None:
    async def some(count: int) -> None:
        for _ in range(count):
            await ASYNC[ending](config)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:
                _, left = await asyncio.wait(left, timeout=PATIENCE)
            assert left == set()
            assert running == 0

    _nothing_is_left(lambda count: asyncio.run(some(count)))


@pytest.mark.parametrize("durability", ["async", "sync", "exit"])
def test_an_interrupted_run_goes_away_without_a_collection(durability: Any) -> None:
    def asks(state: Seen) -> Seen:
        interrupt("who?")
        return {}

    graph = _graph(asks)
    gc.collect()
    gc.disable()
    try:
        graph.invoke({}, {"configurable": {"thread_id": "1"}}, durability=durability)
        kept = [type(found).__name__ for found in gc.get_objects()]
    finally:
        gc.enable()
    assert "SyncLoop" not in kept


async def _awaited(state: Seen) -> Seen:
    await asyncio.sleep(0)
    return {"seen": ["it"]}


def _plain(state: Seen) -> Seen:
    return {"seen": ["it"]}


@pytest.mark.since_python_3_11("a node's coroutine has an asyncio task of the runner's")
@pytest.mark.parametrize("node", [_awaited, _plain])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("watched", [False, True], ids=["invoke", "stream"])
def test_what_is_awaited_goes_away_without_a_collection(
    watched: bool, width: int, node: Any
) -> None:
    builder = StateGraph(Seen)
    for number in range(width):
        builder.add_node(f"n{number}", node)
        builder.add_edge(START, f"n{number}")
    builder.add_node("last", node)
    builder.add_edge("n0", "last")
    graph = builder.compile()

    async def run() -> None:
        if watched:
            assert len([chunk async for chunk in graph.astream({})]) == width + 1
        else:
            assert await graph.ainvoke({}) == {"seen": ["it"] * (width + 1)}
        await asyncio.sleep(0.02)  # a thread may wait for the run to come again

    async def run_twice() -> list[str]:
        for _ in range(4):  # a plain function is known to be quick then
            await run()
        gc.collect()
        gc.disable()
        try:
            await run()
            return [type(found).__name__ for found in gc.get_objects()]
        finally:
            gc.enable()

    kept = asyncio.run(run_twice())
    assert not {"AsyncLoop", "NodeCoroutine", "LiveTask", "PlainFunctions", "_Stay"} & {*kept}
