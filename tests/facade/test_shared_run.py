"""Several tasks of a superstep on the calling thread and the pool's: who runs what, and when it stops."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import operator
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import langgraph.config
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

import langgraph_engine
from langgraph_engine import forks, stalls

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]
PATIENCE = 10.0
THREAD = {"configurable": {"thread_id": "1"}}


@pytest.fixture(params=ENGINES, autouse=True)
def installed(request: pytest.FixtureRequest) -> Iterator[None]:
    langgraph_engine.install(request.param, unsupported="raise")
    yield
    langgraph_engine.uninstall()


class Seen(TypedDict, total=False):
    seen: Annotated[list[Any], operator.add]


def _graph(*nodes: Callable[..., Any], saver: Any = None) -> Any:
    builder = StateGraph(Seen)
    for number, node in enumerate(nodes):
        builder.add_node(f"node {number:02}", node)
        builder.add_edge(START, f"node {number:02}")
    return builder.compile(checkpointer=saver)


def _thread(state: Seen) -> Seen:
    return {"seen": [threading.current_thread()]}


def test_nodes_that_only_compute_run_where_they_are_asked_for() -> None:
    seen = _graph(*[_thread] * 20).invoke({"seen": []})["seen"]
    assert len(seen) == 20
    assert threading.current_thread() in seen


def test_nodes_that_wait_run_beside_each_other() -> None:
    meeting = threading.Barrier(4, timeout=PATIENCE)

    def meets(state: Seen) -> Seen:
        meeting.wait()
        return {"seen": ["met"]}

    assert _graph(*[meets] * 4).invoke({"seen": []}) == {"seen": ["met"] * 4}


def test_no_more_run_at_once_than_asked_for() -> None:
    running = most = 0
    lock, two = threading.Lock(), threading.Barrier(2, timeout=PATIENCE)

    def counts(state: Seen) -> Seen:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        two.wait()
        with lock:
            running -= 1
        two.wait()
        return {}

    _graph(*[counts] * 6).invoke({"seen": []}, {"max_concurrency": 2})
    assert most == 2


def test_each_node_has_a_context_of_its_own() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("caller's")

    def changes(state: Seen) -> Seen:
        before = variable.get()
        variable.set("node's")
        return {"seen": [before]}

    assert _graph(*[changes] * 5).invoke({"seen": []}) == {"seen": ["caller's"] * 5}
    assert variable.get() == "caller's"


def test_a_failure_stops_what_langgraphs_pool_has_not_begun() -> None:
    begun: list[int] = []

    def node(number: int) -> Callable[[Seen], Seen]:
        def run(state: Seen) -> Seen:
            begun.append(number)
            if number == 1:
                raise ZeroDivisionError
            return {}

        return run

    saver = InMemorySaver()
    graph = _graph(*map(node, range(6)), saver=saver)
    config = {**THREAD, "max_concurrency": 1}
    with pytest.raises(ZeroDivisionError) as caught:
        graph.invoke({"seen": []}, config)
    # The pool's one thread takes the next task before it can be told not to.
    assert begun == [0, 1, 2]
    assert any("node 01" in note for note in getattr(caught.value, "__notes__", ["node 01"]))
    assert {"node 00", "node 02"}.isdisjoint(graph.get_state(config).next)


def _one_after_the_other(count: int, log: list[int]) -> list[Callable[..., Any]]:
    """Nodes that end in their order, even if all of them have begun."""
    turns = [threading.Event() for _ in range(count + 1)]
    turns[0].set()

    def node(number: int) -> Callable[..., Any]:
        def waits_for_its_turn(state: Seen) -> Seen:
            assert turns[number].wait(PATIENCE)
            log.append(number)
            turns[number + 1].set()
            return {"seen": [number]}

        return waits_for_its_turn

    return [node(number) for number in range(count)]


@pytest.mark.parametrize("at_once", [1, 2, 10])
@pytest.mark.parametrize("taken", [2, 6])
def test_whoever_leaves_a_stream_does_not_stop_its_tasks(taken: int, at_once: int) -> None:
    log: list[int] = []
    saver = InMemorySaver()
    graph = _graph(*_one_after_the_other(6, log), saver=saver)
    config: Any = {**THREAD, "max_concurrency": at_once}
    stream = graph.stream({"seen": []}, config)
    for _ in range(taken):
        next(stream)
    stream.close()
    saved = saver.get_tuple(config)
    assert saved is not None
    pending = [value for _, channel, value in saved.pending_writes or () if channel == "seen"]
    assert log == [0, 1, 2, 3, 4, 5]
    assert sorted(pending) == [[number] for number in log]


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_failure_stops_nobody_once_the_stream_was_left(at_once: int) -> None:
    log: list[int] = []

    def fails(state: Seen) -> Seen:
        assert left.wait(PATIENCE)
        raise ValueError("nobody hears")

    left = threading.Event()
    graph = _graph(lambda _: {"seen": ["first"]}, fails, *_one_after_the_other(6, log))
    stream = graph.stream({"seen": []}, {"max_concurrency": at_once})
    next(stream)
    threading.Timer(0.1, left.set).start()  # while closing waits for the nodes
    stream.close()
    assert log == [0, 1, 2, 3, 4, 5]


def test_what_a_failure_stopped_is_saved_at_the_end() -> None:
    def fails(state: Seen) -> Seen:
        raise ValueError("the second one")

    def holds_the_only_thread(state: Seen) -> Seen:
        threading.Event().wait(2)  # the caller has stopped the others by then
        return {"seen": ["late"]}

    log: list[int] = []
    first = _one_after_the_other(1, log)
    graph = _graph(*first, fails, holds_the_only_thread, _thread, _thread, saver=InMemorySaver())
    config: Any = {**THREAD, "max_concurrency": 1}
    with pytest.raises(ValueError, match="the second one"):
        list(graph.stream({"seen": []}, config, durability="exit"))
    errors = [task.error for task in graph.get_state(THREAD).tasks]
    assert errors == [
        None,
        "ValueError('the second one')",
        None,
        "CancelledError()",
        "CancelledError()",
    ]


def test_interrupts_of_all_tasks_are_collected() -> None:
    def asks(state: Seen) -> Seen:
        return {"seen": [interrupt("?")]}

    graph = _graph(*[asks] * 7, saver=InMemorySaver())
    assert len(graph.invoke({"seen": []}, THREAD)["__interrupt__"]) == 7
    answers = {found.id: "!" for found in graph.get_state(THREAD).interrupts}
    assert graph.invoke(Command(resume=answers), THREAD) == {"seen": ["!"] * 7}


def test_calls_that_nodes_make_are_waited_for() -> None:
    @task
    def call(number: int) -> int:
        return number

    def node(state: Seen) -> Seen:
        return {"seen": [call(1).result() + call(2).result()]}

    assert _graph(*[node] * 5).invoke({"seen": []}) == {"seen": [3] * 5}


def test_nodes_stay_out_of_a_thread_with_an_event_loop() -> None:
    def runs_a_loop(state: Seen) -> Seen:
        return {"seen": [asyncio.run(asyncio.sleep(0, "ran"))]}

    async def main() -> Any:
        return _graph(*[runs_a_loop] * 3).invoke({"seen": []})

    assert asyncio.run(main()) == {"seen": ["ran"] * 3}


# LangGraph's gate drops the coroutines it never let through.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failure_stops_coroutines_that_wait_for_their_turn() -> None:
    begun: list[int] = []

    def node(number: int) -> Callable[[Seen], Any]:
        async def run(state: Seen) -> Seen:
            begun.append(number)
            if number == 1:
                raise ZeroDivisionError
            return {}

        return run

    graph = _graph(*map(node, range(6)))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(graph.ainvoke({"seen": []}, {"max_concurrency": 1}))
    assert begun == [0, 1]
    gc.collect()  # those coroutines: here, not in another test


@pytest.mark.since_python_3_11("a node has no task of its own")
@pytest.mark.parametrize("nodes", [1, 3])
@pytest.mark.parametrize("waits", [True, False])
def test_a_node_that_cancels_its_task_cancels_itself(nodes: int, waits: bool) -> None:
    async def cancels(state: Seen) -> Seen:
        current = asyncio.current_task()
        assert current
        current.cancel()
        if waits:
            await asyncio.sleep(0)
        return {"seen": ["went on"]}

    async def main(engine: str) -> Any:
        langgraph_engine.install(engine, unsupported="raise")
        graph = _graph(cancels, *[_waits_a_moment] * (nodes - 1))
        try:
            async with asyncio.timeout(PATIENCE):
                return await graph.ainvoke({"seen": []})
        except (Exception, asyncio.CancelledError) as error:
            return type(error), asyncio.current_task().cancelling()  # type: ignore[union-attr]

    engine = langgraph_engine.active()
    assert asyncio.run(main(engine)) == asyncio.run(main("langgraph"))


async def _waits_a_moment(state: Seen) -> Seen:
    await asyncio.sleep(0)
    return {"seen": ["waited"]}


@pytest.mark.since_python_3_11("a node has no task of its own")
def test_a_node_that_outlives_its_cancelling_is_done() -> None:
    async def refuses(state: Seen) -> Seen:
        current = asyncio.current_task()
        assert current
        current.cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return {"seen": ["still here"]}
        return {}

    async def main() -> Any:
        found = [await _graph(*[refuses] * count).ainvoke({"seen": []}) for count in (1, 2)]
        return found, asyncio.current_task().cancelling()  # type: ignore[union-attr]

    assert asyncio.run(main()) == ([{"seen": ["still here"]}, {"seen": ["still here"] * 2}], 0)


# -- nodes that ended in a moment the last times ---------------------------------------------------


class _Moody:
    """Nodes that end at once until ``waits`` is set, and do then what it says."""

    def __init__(self, *names: str, saver: Any = None) -> None:
        self.waits: Callable[[str], None] | None = None
        self.log: list[str] = []
        self.threads: set[threading.Thread] = set()
        builder = StateGraph(Seen)
        for name in names:
            builder.add_node(name, functools.partial(self._run, name))
            builder.add_edge(START, name)
        self.graph: Any = builder.compile(checkpointer=saver)

    def _run(self, name: str, state: Seen) -> Seen:
        if self.waits is not None:
            self.waits(name)
        self.log.append(name)
        self.threads.add(threading.current_thread())
        return {"seen": [name]}

    def known(self, at_once: int | None = None) -> _Moody:
        """The same, after runs in which they ended at once."""
        self.config: Any = {**THREAD, **({"max_concurrency": at_once} if at_once else {})}
        for _ in range(4):
            list(self.graph.stream({"seen": []}, self.config))
        self.log.clear()
        self.threads.clear()
        return self

    def invoke(self) -> Any:
        return self.graph.invoke({"seen": []}, self.config)["seen"]

    def stream(self) -> Any:
        return self.graph.stream({"seen": []}, self.config)


NAMES = ("a", "b", "c", "d")


def test_nodes_known_to_be_quick_run_where_they_are_asked_for() -> None:
    nodes = _Moody(*NAMES).known()
    chunks = list(nodes.stream())
    assert chunks == [{name: {"seen": [name]}} for name in NAMES]
    assert nodes.threads == {threading.current_thread()}
    assert nodes.invoke() == [*NAMES]
    assert nodes.threads == {threading.current_thread()}


@pytest.mark.parametrize("streams", [False, True])
def test_a_quick_node_that_waits_after_all_does_not_stop_the_others(streams: bool) -> None:
    nodes = _Moody(*NAMES).known()
    meeting = threading.Barrier(4, timeout=PATIENCE)

    def waits(_: str) -> None:
        meeting.wait()
        time.sleep(0.1)

    nodes.waits = waits
    if streams:
        assert sorted(name for chunk in nodes.stream() for name in chunk) == [*NAMES]
    else:
        assert nodes.invoke() == [*NAMES]
    # From then on they are left to the pool's threads, while somebody takes output.
    nodes.threads.clear()
    nodes.waits = None
    list(nodes.stream())
    assert threading.current_thread() not in nodes.threads


@pytest.mark.parametrize("at_once", [1, 2, None])
def test_quick_nodes_run_on_while_the_output_is_looked_at(at_once: int | None) -> None:
    nodes = _Moody(*NAMES).known(at_once)
    last = threading.Event()
    nodes.waits = lambda name: last.set() if name == "d" else None
    stream = nodes.stream()
    first = next(stream)
    assert last.wait(PATIENCE)
    assert [*first, *(name for chunk in stream for name in chunk)] == [*NAMES]
    assert sorted(nodes.log) == [*NAMES]


@pytest.mark.parametrize("at_once", [1, 2, None])
@pytest.mark.parametrize("taken", [1, 2, 4])
def test_whoever_leaves_a_stream_does_not_stop_quick_nodes(taken: int, at_once: int | None) -> None:
    saver = InMemorySaver()
    nodes = _Moody(*NAMES, saver=saver).known(at_once)
    stream = nodes.stream()
    for _ in range(taken):
        next(stream)
    stream.close()
    assert sorted(nodes.log) == [*NAMES]
    saved = saver.get_tuple(nodes.config)
    assert saved is not None
    pending = [value for _, channel, value in saved.pending_writes or () if channel == "seen"]
    assert sorted(pending) == [[name] for name in NAMES]


def test_no_more_quick_nodes_run_at_once_than_asked_for() -> None:
    nodes = _Moody(*"abcdefgh").known(2)
    running: list[int] = []
    most: list[int] = []

    def waits(_: str) -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()

    nodes.waits = waits
    taken: list[str] = []
    for chunk in nodes.stream():
        taken += chunk
        time.sleep(0.005)
    assert sorted(taken) == [*"abcdefgh"]
    assert max(most) <= 2


@pytest.mark.parametrize("streams", [False, True])
def test_a_quick_node_that_fails_says_so(streams: bool) -> None:
    nodes = _Moody(*NAMES).known()

    def fails(name: str) -> None:
        if name == "b":
            raise ZeroDivisionError(name)

    nodes.waits = fails
    taken: list[Any] = []
    with pytest.raises(ZeroDivisionError, match="b"):
        taken.extend(nodes.stream()) if streams else nodes.invoke()
    assert nodes.log == ["a", "c", "d"]  # which LangGraph's pool had begun


def test_quick_nodes_end_though_one_is_interrupted() -> None:
    saver = InMemorySaver()
    nodes = _Moody(*NAMES, saver=saver).known()

    def interrupts(name: str) -> None:
        if name == "b":
            raise KeyboardInterrupt

    nodes.waits = interrupts
    with pytest.raises(KeyboardInterrupt):
        list(nodes.stream())
    assert nodes.log == ["a", "c", "d"]
    tasks = {task.name: (task.error, task.result) for task in nodes.graph.get_state(THREAD).tasks}
    assert tasks.pop("b") == ("KeyboardInterrupt()", None)
    assert tasks == {name: (None, {"seen": [name]}) for name in "acd"}


def test_what_quick_nodes_wrote_is_saved_if_a_stream_is_left() -> None:
    saver = InMemorySaver()
    nodes = _Moody(*NAMES, saver=saver).known()
    stream = nodes.graph.stream({"seen": []}, THREAD, durability="exit")
    next(stream)
    stream.close()
    assert nodes.log == [*NAMES]
    results = [task.result for task in nodes.graph.get_state(THREAD).tasks]
    assert results == [{"seen": [name]} for name in NAMES]


def test_quick_nodes_do_without_anybody_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be no thread left for it; then the pool's are asked for, as for other nodes."""
    until = time.monotonic() + PATIENCE
    while stalls._thread is not None and time.monotonic() < until:
        time.sleep(0.01)
    nodes = _Moody(*NAMES).known()
    until = time.monotonic() + PATIENCE
    while stalls._thread is not None and time.monotonic() < until:
        time.sleep(0.01)
    start, refused = threading.Thread.start, []

    def refuses(thread: threading.Thread) -> None:
        if thread.name == "langgraph-engine-stalls" and not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuses)
    meeting = threading.Barrier(4, timeout=PATIENCE)
    nodes.waits = lambda _: meeting.wait() and None
    assert nodes.invoke() == [*NAMES]
    assert refused
    assert nodes.invoke() == [*NAMES]


class _Held(threading.Thread):
    """Holds a lock until it is told to let go of it."""

    def __init__(self, lock: Any) -> None:
        super().__init__()
        self.lock, self.has_it, self.over = lock, threading.Event(), threading.Event()

    def run(self) -> None:
        with self.lock:
            self.has_it.set()
            self.over.wait(PATIENCE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork where there are threads
def test_a_forked_process_has_every_lock() -> None:
    graph = _graph(_thread, lambda _: {"seen": [len(langgraph.config.get_config())]})
    graph.invoke({"seen": []})
    holding = [_Held(lock) for lock in forks._locks]
    for thread in holding:
        thread.start()
        assert thread.has_it.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        signal.alarm(int(PATIENCE))  # ends it if it waits
        os._exit(0 if len(graph.invoke({"seen": []})["seen"]) == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    for thread in holding:
        thread.over.set()
        thread.join()


def test_nobody_looks_where_there_is_nothing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def lingers(looks: int) -> None:
        monkeypatch.setattr(stalls, "_LINGERS", looks)

    def looks() -> bool:
        return any(thread.name == "langgraph-engine-stalls" for thread in threading.enumerate())

    nodes = _Moody(*NAMES).known()
    lingers(1_000_000)
    nodes.invoke()
    assert looks()
    lingers(1)
    until = time.monotonic() + PATIENCE
    while looks() and time.monotonic() < until:
        time.sleep(0.01)
    assert not looks()
    lingers(1_000_000)
    assert nodes.invoke() == [*NAMES]
    assert looks()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork where there are threads
def test_a_forked_process_looks_for_itself() -> None:
    nodes = _Moody(*NAMES).known()
    meeting = threading.Barrier(4, timeout=PATIENCE)
    nodes.invoke()
    child = os.fork()
    if child == 0:
        nodes.waits = lambda _: meeting.wait() and None
        os._exit(0 if nodes.invoke() == [*NAMES] else 1)
    assert os.waitpid(child, 0)[1] == 0
