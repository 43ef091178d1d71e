"""Protocol level: an engine that runs simple supersteps in a thread while an event loop waits."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

import pytest

from langgraph_engine import execute
from langgraph_engine.conformance.suite.test_execute import (
    ALL,
    CONFIG,
    PASSTHROUGH,
    Function,
    Place,
    Saver,
    add_one,
    begun,
    call,
    go,
    in_thread,
    to,
)
from langgraph_engine.execute import Execution, NodeCall, Stop, Streamed, WriteStep
from langgraph_engine.protocol import Engine

pytestmark = [pytest.mark.level("protocol"), pytest.mark.needs("execute")]

THREAD, TURN, PLANNED = execute.THREAD, execute.TURN, execute.PLANNED


class Waiting:
    """An event loop that waits for a thread; what it has to do is in ``_ready``."""

    def __init__(self) -> None:
        self.waits = self._ready = list[Any]()
        self._scheduled = list[Any]()


def waited_for(*, reduces: bool = True) -> Place:
    """The host's side of an asynchronous run."""
    place = Place()
    place.event_loop, place.reduces_in_threads = Waiting(), reduces
    return place


def threaded(func: Any, *writers: Any) -> NodeCall:
    """A node whose function LangGraph hands to a thread."""
    return call(func, *writers, afunc=partial(in_thread, None, func))


class Edge:
    """A conditional edge that reads ``y`` and writes the answer to ``sum``."""

    select = ("y",)
    managed = None
    merges = False
    known: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - as in the protocol

    def __init__(self, path: Any, mapper: Any = None) -> None:
        self.path, self.mapper = path, mapper

    def answered(self, value: Any, answer: Any) -> tuple[Any, list[tuple[str, Any]]]:
        return value, [("sum", answer)]


def threaded_edge(func: Any, mapper: Any = None) -> Edge:
    """A conditional edge whose function LangGraph hands to a thread."""
    return Edge(Function(func, partial(in_thread, None, func)), mapper)


def in_a_thread(execution: Execution) -> Stop | None:
    """Go on in a thread, in a copy of the context."""
    stops: list[Stop | None] = []
    context = copy_context()
    thread = threading.Thread(target=lambda: stops.append(context.run(execution.resume_in_thread)))
    thread.start()
    thread.join()
    (stop,) = stops
    return stop


def back(execution: Execution) -> Stop:
    """Go on in the event loop, which has every turn it is asked to have."""
    stop = execution.resume(None)
    while stop.kind == TURN:
        stop = execution.resume(None)
    return stop


def by_turns(execution: Execution, stop: Stop) -> tuple[list[int], Stop]:
    """Go on, in threads and in the event loop; the kinds of the stops that threads gave, and the last stop."""
    kinds = []
    while stop.kind in (THREAD, TURN):
        if stop.kind == THREAD:
            given = in_a_thread(execution)
            assert given is not None
            kinds.append(given.kind)
            if given.kind != TURN:
                return kinds, given
        stop = back(execution)
    return kinds, stop


def undisturbed(scenario: Callable[[], Any], expected: Any) -> None:
    """A scenario that comes out otherwise where this process had to wait for longer than a moment."""
    for _ in range(20):
        found = scenario()
        if found == expected:
            return
    assert found == expected


def in_the_loop(value: Any) -> Any:
    assert threading.current_thread() is threading.main_thread()
    return value


def not_in_the_loop(value: Any) -> Any:
    assert threading.current_thread() is not threading.main_thread()
    return value


FIRST, SECOND = threaded(add_one, (to("y"),)), threaded(add_one, (to("z"),))


@pytest.mark.behavior(
    "go: A function that LangGraph hands to a thread isn't called in the event loop: a thread is asked for."
)
def test_a_thread_is_asked_for(engine: Engine) -> None:
    called: list[int] = []
    run, execution = begun(engine, waited_for(), {"a": threaded(called.append, (to("y"),))})
    stop = go(execution)
    assert (stop.kind, stop.step, stop.detail, called) == (THREAD, 1, None, [])
    # Without an event loop nobody waits.
    run, execution = begun(engine, Place(), {"a": FIRST})
    assert (go(execution).kind, run.read("y")) == (PLANNED, 2)


@pytest.mark.behavior(
    "go: A function that LangGraph hands to a thread isn't called in the event loop: a thread is asked for."
)
def test_a_function_that_only_looks_like_it_is_awaited(engine: Engine) -> None:
    async def other(*_: Any) -> int:
        return 7

    for afunc in (
        partial(other, None, add_one),
        partial(in_thread, "executor", add_one),
        partial(in_thread, None, add_one, 1),
        partial(in_thread, None, add_one, by=1),
    ):
        calls = {"a": call(add_one, (to("y"),), afunc=afunc)}
        _, execution = begun(engine, waited_for(), calls)
        stop = go(execution)
        assert stop.kind == execute.AWAIT
        stop.detail[0].close()


@pytest.mark.behavior(
    "resume_in_thread: Functions that LangGraph hands to threads are called, superstep by superstep."
)
def test_a_thread_runs_supersteps(engine: Engine) -> None:
    def looks(value: int) -> int:
        CONFIG.get().look()
        not_in_the_loop(value)
        return value + 1

    edge = threaded_edge(lambda state: not_in_the_loop(state["y"]) + 1)
    calls = {"a": threaded(looks, (to("y"),), edge), "b": threaded(looks, (to("z"),))}

    def scenario() -> Any:
        place = waited_for()
        run, execution = begun(engine, place, calls)
        kinds, stop = by_turns(execution, go(execution))
        assert (stop.kind, stop.step, stop.detail.tasks) == (PLANNED, 3, [])
        assert run.read(("y", "z", "sum")) == {"y": 2, "z": 3, "sum": 3}
        assert [live.task.name for live in place.live] == ["a", "b"]
        assert place.moves == 1
        return kinds

    undisturbed(scenario, [PLANNED])


async def coroutine(value: int) -> int:
    return value + 1


@pytest.mark.behavior(
    "resume_in_thread: What LangGraph does in the event loop is left to it, by a turn: coroutines, mappers and coercions of the user's."
)
@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        (FIRST, call(in_the_loop, (to("z"),)), [TURN]),
        (threaded(add_one, (to("y", mapper=in_the_loop),)), SECOND, [TURN, PLANNED]),
        (
            threaded(
                lambda value: [("y", value)],
                (WriteStep(in_the_loop, None, PASSTHROUGH, False, None),),
            ),
            SECOND,
            [TURN, PLANNED],
        ),
        (FIRST, dataclasses.replace(SECOND, coerce=in_the_loop), [TURN, PLANNED]),
        (
            threaded(add_one, (to("y"),), threaded_edge(lambda _: 1, in_the_loop)),
            SECOND,
            [TURN, PLANNED],
        ),
        (
            threaded(add_one, (to("y"),), Edge(Function(lambda _: in_the_loop(1)))),
            SECOND,
            [TURN, PLANNED],
        ),
        (call(add_one, (to("y"),), threaded_edge(lambda _: not_in_the_loop(1))), SECOND, [PLANNED]),
    ],
    ids=["function", "mapper", "pairs", "coercion", "reading", "edge", "edge in a thread"],
)
def test_what_is_the_event_loops_is_left_to_it(
    engine: Engine, first: NodeCall, second: NodeCall, kinds: list[int]
) -> None:
    def scenario() -> Any:
        run, execution = begun(engine, waited_for(), {"a": first, "b": second})
        found, stop = by_turns(execution, go(execution))
        assert (stop.kind, stop.step) == (PLANNED, 3)
        assert run.read("z") is not None
        return found

    undisturbed(scenario, kinds)


@pytest.mark.behavior(
    "resume_in_thread: What LangGraph does in the event loop is left to it, by a turn: coroutines, mappers and coercions of the user's."
)
def test_a_coroutine_is_awaited_by_the_event_loop(engine: Engine) -> None:
    calls = {"a": FIRST, "b": call(None, (to("z"),), afunc=coroutine)}
    run, execution = begun(engine, waited_for(), calls)
    _, stop = by_turns(execution, go(execution))
    assert (stop.kind, run.read("y")) == (execute.AWAIT, 2)
    stop.detail[0].close()
    kinds, stop = by_turns(execution, execution.resume(9))
    assert (kinds, stop.kind, run.read("z")) == ([], PLANNED, 9)


class Recursed(Function):
    """A runnable a node or an edge returns."""

    def ainvoke(self, value: Any, _: Any) -> Any:
        in_the_loop(None)
        return coroutine(value)


@pytest.mark.behavior(
    "resume_in_thread: What LangGraph does in the event loop is left to it, by a turn: coroutines, mappers and coercions of the user's."
)
def test_a_runnable_that_is_returned_is_awaited_by_the_event_loop(engine: Engine) -> None:
    node = dataclasses.replace(threaded(lambda _: Recursed(), (to("y"),)), recurses=True)
    run, execution = begun(engine, waited_for(), {"a": node})
    _, stop = by_turns(execution, go(execution))
    assert stop.kind == execute.AWAIT
    stop.detail[0].close()
    by_turns(execution, execution.resume(9))
    assert run.read("y") == 9

    node = threaded(add_one, (to("y"),), threaded_edge(lambda _: Recursed()))
    run, execution = begun(engine, waited_for(), {"a": node})
    _, stop = by_turns(execution, go(execution))
    assert stop.kind == execute.AWAIT
    stop.detail[0].close()
    by_turns(execution, execution.resume(9))
    assert run.read(("y", "sum")) == {"y": 2, "sum": 9}


@pytest.mark.behavior(
    "resume_in_thread: So is a commit that is saved or streamed, or may call a reducer of the user's, and a read that may."
)
def test_reducers_may_be_the_event_loops(engine: Engine) -> None:
    edge = threaded_edge(lambda state: not_in_the_loop(state["y"]))
    calls = {"a": threaded(add_one, (to("y"),), edge), "b": SECOND}

    def scenario() -> Any:
        run, execution = begun(engine, waited_for(reduces=False), calls)
        stop, seen = go(execution), []
        while stop.kind == THREAD:
            turn = in_a_thread(execution)
            assert turn is not None
            seen.append((turn.kind, turn.step, run.read(("y", "z", "sum"))))
            stop = back(execution)
        assert (stop.kind, run.read(("y", "z", "sum"))) == (PLANNED, {"y": 2, "z": 3, "sum": 2})
        return seen

    undisturbed(
        scenario,
        [
            (TURN, 1, {"sum": 0}),  # the edge is still to read
            (TURN, 1, {"sum": 0}),
            (TURN, 2, {"y": 2, "sum": 2}),
        ],
    )


@pytest.mark.behavior(
    "resume_in_thread: So is a commit that is saved or streamed, or may call a reducer of the user's, and a read that may."
)
def test_what_is_saved_or_streamed_is_committed_by_the_event_loop(engine: Engine) -> None:
    class SavingPlace(Place):
        def wrote(self, *args: Any) -> None:
            in_the_loop(None)
            super().wrote(*args)

    for streamed in (None, Streamed(True, False, False, False, ALL)):
        place = SavingPlace(streamed=streamed)
        place.event_loop, place.output_key_set = Waiting(), frozenset(ALL)
        place.reduces_in_threads = True
        place.saver, place.saves_each = Saver(), streamed is None
        run, execution = begun(engine, place, {"a": FIRST, "b": SECOND}, version=1)
        kinds, stop = by_turns(execution, go(execution))
        if streamed is not None:
            assert (kinds, stop.kind, stop.detail) == ([TURN], execute.STREAMED, [{"a": {"y": 2}}])
            kinds, stop = by_turns(execution, execution.resume(None))
        assert (kinds, stop.kind) == ([TURN] * (2 if streamed is None else 1), PLANNED)
        assert run.read("z") == 3
        assert len(place.told) == (4 if streamed is None else 0)


@pytest.mark.behavior(
    "resume_in_thread: A turn is asked for after a function if the event loop has something to do, and after a moment."
)
def test_the_event_loop_gets_its_turn(engine: Engine) -> None:
    place = waited_for()

    def asks_for_it(value: int) -> int:
        place.event_loop.waits.append(value)
        return value + 1

    def takes_long(value: int) -> int:
        time.sleep(4 * execute.MOMENT)
        return value + 1

    for func in (asks_for_it, takes_long):
        edge = threaded_edge(lambda state, func=func: func(state["y"]))
        calls = {"a": threaded(func, (to("y"),), edge), "b": threaded(func, (to("z"),))}
        run, execution = begun(engine, place, calls)
        stop, functions = go(execution), 0
        while stop.kind == THREAD:
            turn = in_a_thread(execution)
            assert turn is not None
            assert turn.kind == TURN
            functions += 1
            place.event_loop.waits.clear()
            stop = back(execution)
        assert (functions, stop.kind) == (3, PLANNED)
        assert run.read(("z", "sum")) == {"z": 3, "sum": 3}


@pytest.mark.behavior(
    "resume_in_thread: A turn is asked for after a function if the event loop has something to do, and after a moment."
)
def test_an_event_loop_of_another_make_gets_its_turn(engine: Engine) -> None:
    place = waited_for()
    place.event_loop = object()
    run, execution = begun(engine, place, {"a": FIRST, "b": SECOND})
    kinds, _ = by_turns(execution, go(execution))
    assert (kinds, run.read("z")) == ([TURN, TURN], 3)


@pytest.mark.behavior(
    "resume_in_thread: If a function raises, that is a stop as in the event loop."
)
def test_what_a_function_raises_comes_out_of_the_thread(engine: Engine) -> None:
    def refuses(_: Any) -> Any:
        raise LookupError("by the user")

    for second in (
        threaded(refuses, (to("z"),)),
        threaded(add_one, (to("z"),), threaded_edge(refuses)),
    ):
        run, execution = begun(engine, waited_for(), {"a": FIRST, "b": second})
        kinds, stop = by_turns(execution, go(execution))
        live, error, cancels = stop.detail
        assert (kinds[-1], stop.kind, stop.step) == (execute.RAISED, execute.RAISED, 2)
        assert (live.task.name, type(error), cancels) == ("b", LookupError, 0)
        assert live.writes == [("z", 3)] * bool(second.writers[1:])
        assert (run.read("y"), run.read("z")) == (2, None)


@pytest.mark.behavior(
    "resume_in_thread: Once it was given up, no function is called and nothing is committed any more; it gives None."
)
@pytest.mark.parametrize("edge_too", [False, True])
def test_a_thread_that_was_given_up_ends(engine: Engine, *, edge_too: bool) -> None:
    running, ends = threading.Event(), threading.Event()
    called: list[int] = []

    def waits(value: int) -> int:
        running.set()
        assert ends.wait(60)
        return value + 1

    first = threaded(waits, (to("y"),))
    if edge_too:
        first = threaded(add_one, (to("y"),), threaded_edge(lambda state: waits(state["y"])))
    run, execution = begun(engine, waited_for(), {"a": first, "b": threaded(called.append)})
    assert go(execution).kind == THREAD
    stops: list[Any] = []
    thread = threading.Thread(target=lambda: stops.append(execution.resume_in_thread()))
    thread.start()
    assert running.wait(60)
    live = execution.give_up()
    assert (live.task.name, live.writes) == ("a", [("y", 2)] * edge_too)
    ends.set()
    thread.join()
    assert (stops, called, run.read("y")) == ([None], [], None)
    with pytest.raises(RuntimeError, match="waits"):
        execution.give_up()


@pytest.mark.behavior("give_up: The superstep of the task isn't committed, and may be run again.")
def test_a_thread_can_be_given_up_at_any_time(engine: Engine) -> None:
    # Before it runs, ...
    run, execution = begun(engine, waited_for(), {"a": FIRST})
    go(execution)
    assert (execution.give_up().task.name, run.read("y")) == ("a", None)
    # ... when it has stopped for the event loop, ...
    run, execution = begun(engine, waited_for(reduces=False), {"a": FIRST})
    go(execution)
    turn = in_a_thread(execution)
    assert turn is not None
    assert turn.kind == TURN
    assert (execution.give_up().task.name, run.read("y")) == ("a", None)
    # ... and when all is over.
    run, execution = begun(engine, waited_for(), {"a": FIRST})
    go(execution)
    in_a_thread(execution)
    assert (execution.give_up(), run.read("y")) == (None, 2)
