"""Protocol level: an engine that runs simple supersteps itself, in a host made for this."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from itertools import count
from typing import Any

import pytest

from langgraph_engine import execute
from langgraph_engine.conformance.suite.test_protocol import (
    CHECKPOINT_ID,
    MISSING,
    Packet,
    graph,
    last_value,
)
from langgraph_engine.execute import Draws, Execution, Host, NodeCall, Stop, Streamed, WriteStep
from langgraph_engine.protocol import (
    PULL,
    PUSH,
    ChannelSpec,
    CommitRejected,
    Engine,
    NodeSpec,
    Run,
    Task,
    TaskWrites,
)

pytestmark = [pytest.mark.level("protocol"), pytest.mark.needs("execute")]


class Config(dict[str, Any]):
    """A config that is filled when ``look`` is called."""

    task: Any

    def look(self) -> Any:
        return self.task.full_config()


class Live:
    """What the host makes of a task that is looked at."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.writes: list[tuple[str, Any]] = []
        self.config = {"of": task.name}

    def full_config(self) -> Any:
        return self.config


class Function:
    """A runnable of a user's function, as far as an engine looks into it."""

    def __init__(self, func: Any = None, afunc: Any = None) -> None:
        self.func, self.afunc = func, afunc


class Runnable:
    """Any other runnable."""

    def invoke(self, value: int, config: Any) -> Any:
        assert CONFIG.get() is config
        return value, config

    async def ainvoke(self, value: int, config: Any) -> Any:
        return "awaited", *self.invoke(value, config)


class Node:
    """LangGraph's description of a node, as far as an engine looks into it."""

    retry_policy = cache_policy = None


class Place:
    """The host's side of a run."""

    namespace = ""
    output_key_set = frozenset({"x"})
    event_loop: Any = None
    asyncio_task: Any = None
    saver: Any = None
    counts_versions = False
    saves_each = False
    reduces_in_threads = False
    calls: Any = None
    planned: Any = None

    def __init__(self, stop: int = 100, streamed: Streamed | None = None) -> None:
        self.stop = stop
        self.streamed = streamed
        self.shown: list[tuple[str, Any]] = []
        self.stops: list[Stop] = []
        self.control = self
        self.drain_requested = False
        self.live: list[Live] = []
        self.nowhere: list[tuple[str, str]] = []
        self.told: list[tuple[Any, ...]] = []
        self.moves = 0

    def live_task(
        self, task: Task, step: int, checkpoint_id: str, started: float, *, current: bool
    ) -> Live:
        assert step >= 1
        assert checkpoint_id
        assert started > 0
        assert current
        self.live.append(Live(task))
        return self.live[-1]

    def moved_on(self) -> None:
        self.moves += 1

    def take_stop(self, stop: Stop) -> None:
        self.stops.append(stop)

    def show(self, mode: str, chunk: Any) -> None:
        self.shown.append((mode, chunk))

    def wrote_nowhere(self, name: str, path: tuple[Any, ...], channel: str) -> None:
        assert path in ((PULL, name), (PUSH, 0, False))
        self.nowhere.append((name, channel))

    def wrote(self, task_id: str, path: tuple[Any, ...], writes: list[tuple[str, Any]]) -> None:
        assert task_id
        self.told.append((*path, list(writes)))

    def committed(self, step: int, checkpoint_id: str, updated: set[str]) -> None:
        self.told.append((step, checkpoint_id, updated))


CONFIG: ContextVar[Any] = ContextVar("CONFIG")
PASSTHROUGH, SKIP_WRITE = object(), object()


class Drawn:
    """The module ``random``, as far as something is drawn from it."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)

    def random(self) -> float:
        return self.numbers.pop(0)

    def getrandbits(self, bits: int) -> int:
        assert bits == 48
        return 0xA0B1C2D3E4F5


def uuid6(**_: Any) -> Any:
    """Stands for LangGraph's function, which is not called where it is known."""
    raise AssertionError


async def in_thread(*_: Any, **__: Any) -> Any:
    """Stands for what LangGraph awaits for a function to be run in a thread, which no engine does by itself."""
    raise AssertionError


def host(drawn: Drawn | None = None, *, last_tick: int | None = None) -> Host:
    """The host; with ``drawn`` its ids are LangGraph's."""
    names: dict[str, Any] = {} if drawn is None else {"uuid6": uuid6}
    uuid_names = {"last": last_tick}

    def saved_id(step: int) -> str:
        if drawn is None:
            return f"1f0c1b5e-0000-6000-9000-{step:012}"
        tick = uuid_names["last"] = (uuid_names["last"] or 0) + 1
        text = f"{tick:015x}"
        tail = f"{0x8000 | step & 0x3FFF:x}-{drawn.getrandbits(48):012x}"
        return f"{text[:8]}-{text[8:12]}-6{text[12:]}-{tail}"

    return Host(
        config_type=Config,
        config_variable=CONFIG,
        copy_context=copy_context,
        runnable_type=Function,
        passthrough=PASSTHROUGH,
        skip_write=SKIP_WRITE,
        clock=time,
        ticks=count(0x1F0C1B5E0000000),
        id_tail="8000-000000000001",
        saved_id=saved_id,
        draws=Draws(names, uuid6, uuid_names, "last", drawn),
        in_thread=in_thread,
        note_input_error=lambda *_: None,
    )


def to(channel: str, value: Any = PASSTHROUGH, mapper: Any = None) -> WriteStep:
    return WriteStep(mapper, channel, value, True, None)


def call(func: Any, *writers: Any, afunc: Any = None, hidden: bool = False) -> NodeCall:
    return NodeCall(
        node=Node(),
        bound=Function(func, afunc),
        by_method=False,
        managed=None,
        coerce=None,
        keywords=None,
        recurses=False,
        hidden=hidden,
        writers=writers,
    )


def add_one(value: int) -> int:
    return value + 1


def fold(base: Any, values: Any) -> Any:
    if "refused" in values:
        raise ValueError("refused")
    return (0 if base is MISSING else base) + sum(values)


def begun(
    engine: Engine,
    place: Place,
    calls: dict[str, NodeCall],
    *others: NodeSpec,
    version: Any = None,
    by: Host | None = None,
) -> tuple[Run, Execution]:
    """A run of ``x`` -> ``a`` -> ``y`` -> ``b`` -> ``z``, which was given 1 for ``x``."""
    nodes = (NodeSpec("a", ("x",), "x"), NodeSpec("b", ("y",), "y"), *others)
    channels = (
        *map(last_value, "xyz"),
        ChannelSpec("__pregel_tasks", "tasks"),
        ChannelSpec("sum", "binary_operator", fold=fold, initial=int),
    )
    program = engine.compile(graph(*channels, nodes=nodes))
    run = program.restore(None)
    run.commit([TaskWrites((PULL, "__input__"), "__input__", [("x", 1)], ())], version)
    executing: Any = engine
    return run, executing.executor(program, calls, by or host()).begin(run, place)


def go(execution: Execution, *updated: str) -> Stop:
    return execution.go(1, CHECKPOINT_ID, updated or ("x",))


def names(stop: Stop) -> list[str]:
    return [task.name for task in stop.detail.tasks]


BOTH = {"a": call(add_one, (to("y"),)), "b": call(add_one, (to("z"),))}


@pytest.mark.behavior(
    "go: A superstep whose only task is of a node with a call is run, then the next."
)
def test_simple_supersteps_are_run_one_after_the_other(engine: Engine) -> None:
    place = Place()
    run, execution = begun(engine, place, BOTH)
    stop = go(execution)
    assert (stop.kind, stop.step, stop.updated, stop.due) == (execute.PLANNED, 3, {"z"}, False)
    assert stop.detail.tasks == []
    assert run.read(("x", "y", "z")) == {"x": 1, "y": 2, "z": 3}
    assert (place.moves, place.live, place.nowhere) == (1, [], [])
    assert stop.checkpoint_id > CHECKPOINT_ID
    assert stop.checkpoint_id.endswith("-8000-000000000001")


@pytest.mark.behavior(
    "go: A superstep of several tasks, of a packet with a timeout or of another node is stopped before, with its plan."
)
def test_other_supersteps_are_left_to_the_host(engine: Engine) -> None:
    run, execution = begun(engine, Place(), {"a": BOTH["a"]})
    stop = go(execution)
    assert (stop.kind, stop.step, names(stop)) == (execute.PLANNED, 2, ["b"])
    assert stop.detail.tasks[0].id == run.plan(2, stop.checkpoint_id, "", stop.updated).tasks[0].id

    run, execution = begun(engine, Place(), BOTH, NodeSpec("c", ("y",), "y"))
    assert names(go(execution)) == ["b", "c"]

    for sent in ([Packet("b", 7, timeout=1)], [Packet("b", 7), Packet("a", 7)]):
        packets = {**BOTH, "a": sends(sent)}
        run, execution = begun(engine, Place(), packets)
        stop = go(execution)
        assert names(stop) == [packet.node for packet in sent]
        assert stop.detail.tasks[0].input == sent[0]


def sends(packets: list[Packet]) -> NodeCall:
    return call(lambda _: packets, (to("__pregel_tasks"),))


@pytest.mark.behavior("go: A task made of a packet is given what the packet holds.")
def test_a_packet_is_run(engine: Engine) -> None:
    place = Place()
    place.saver, place.saves_each = Saver(), True
    packet = Packet("b", 7)
    sent_to = dataclasses.replace(
        call(lambda given: CONFIG.get().look() and given, (to("z"), to("nowhere"))),
        coerce=_refuses,  # which is for what channels hold
        managed=lambda *_: _refuses(None),
    )
    run, execution = begun(engine, place, {"a": sends([packet]), "b": sent_to}, version=1)
    stopped, other = begun(engine, Place(), {"a": sends([packet])})
    at = go(other)
    (planned,) = stopped.plan(at.step, at.checkpoint_id, "", at.updated).tasks
    stop = go(execution)
    assert (stop.kind, stop.step, stop.detail.tasks) == (execute.PLANNED, 3, [])
    assert run.read(("x", "y", "z")) == {"x": 1, "z": 7}
    (live,) = place.live
    assert live.task.input is packet
    assert (live.task.path, live.task.triggers) == (planned.path, planned.triggers)
    assert live.task.path == (PUSH, 0, False)
    assert place.told[2][:3] == live.task.path
    assert place.nowhere == [("b", "nowhere")]
    assert run.read("__pregel_tasks") is None


@pytest.mark.behavior("go: What the graph manages is added to what nodes and edges are given.")
def test_managed_values_are_added(engine: Engine) -> None:
    def numbers(read: dict[str, Any], step: int, stop: int) -> dict[str, Any]:
        return {**read, "numbers": (step, stop)}

    class Edge:
        path = Function(lambda state: str(state["numbers"]))
        select = ("y",)
        managed = staticmethod(numbers)
        mapper = None
        merges = False
        known: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - as in the protocol

        def answered(self, value: Any, answer: Any) -> tuple[Any, list[tuple[str, Any]]]:
            return value, [("z", answer)]

    given = dataclasses.replace(
        call(lambda state: state, (to("y"),), Edge()),
        managed=numbers,
        coerce=lambda state: [*state.items()],
    )
    place = Place(stop=7)
    run, execution = begun(engine, place, {**BOTH, "c": given}, NodeSpec("c", ("z",), ("z",)))
    go(execution)
    assert run.read(("y", "z")) == {"y": [("z", 3), ("numbers", (3, 7))], "z": "(3, 7)"}


@pytest.mark.behavior("go: Any other runnable is called with its config.")
def test_a_runnable_is_called_with_its_config(engine: Engine) -> None:
    by_method = dataclasses.replace(call(None, (to("y"),)), bound=Runnable(), by_method=True)
    run, execution = begun(engine, Place(), {"a": by_method})
    go(execution)
    assert run.read("y") == (1, {"of": "a"})

    async def main() -> Any:
        place = Place()
        place.event_loop = asyncio.get_running_loop()
        run, execution = begun(engine, place, {"a": by_method})
        stop = go(execution)
        assert stop.kind == execute.AWAIT
        awaitable, context, _ = stop.detail
        with pytest.raises(StopIteration) as ended:
            context.run(awaitable.send, None)
        stop = execution.resume(ended.value.value)
        if stop.kind == execute.TURN:
            await asyncio.sleep(0)
            execution.resume(None)
        return run.read("y")

    assert asyncio.run(main()) == ("awaited", 1, {"of": "a"})


@pytest.mark.behavior(
    "go: A superstep that may not be run is stopped before: the run's last, or a drain was asked for."
)
def test_a_run_ends_where_it_must(engine: Engine) -> None:
    run, execution = begun(engine, Place(stop=1), BOTH)
    stop = go(execution)
    assert (stop.kind, stop.step, stop.detail) == (execute.PLANNED, 2, None)
    assert run.read("z") is None

    place = Place()

    def asks(value: int) -> int:
        place.drain_requested = True
        return value

    run, execution = begun(engine, place, {**BOTH, "a": call(asks, (to("y"),))})
    stop = go(execution)
    assert (stop.kind, stop.step, names(stop)) == (execute.PLANNED, 2, ["b"])


@pytest.mark.behavior("go: Writers write in their order, each given what the one before gave.")
def test_writers_write_in_their_order(engine: Engine) -> None:
    class Edge:
        path = Function(lambda state: str(state["sum"]))
        select = ("sum", "x")
        managed = None
        mapper = None
        merges = True
        known: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - as in the protocol

        def answered(self, value: Any, answer: Any) -> tuple[Any, list[tuple[str, Any]]]:
            return {**value, "answer": answer}, [("sum", 10)]

    steps = (
        WriteStep(None, None, PASSTHROUGH, False, frozenset({"sum"})),
        WriteStep(None, None, PASSTHROUGH, True, None),
        WriteStep(_refuses, None, None, True, None),
        WriteStep(_refuses, None, None, False, frozenset({"sum"})),
        to("nowhere", 1),
        to("z", None),
        to("z", SKIP_WRITE),
    )
    place = Place()
    calls = {"a": call(lambda x: {"sum": x, "left": 2}, steps, Edge(), (to("y"),))}
    run, execution = begun(engine, place, calls)
    stop = go(execution)
    assert run.read(("y", "z", "sum")) == {
        "y": {"sum": 1, "left": 2, "answer": "1"},
        "sum": 11,
    }
    assert place.nowhere == [("a", "nowhere")]
    assert stop.updated == {"y", "sum"}


@pytest.mark.behavior(
    "go: A node finds a config that isn't filled, and is filled from a live task when it is looked into."
)
def test_a_node_may_look_into_its_config(engine: Engine) -> None:
    place = Place()
    found: list[Any] = []

    def look(value: int) -> int:
        config = CONFIG.get()
        found.append((type(config), len(config), len(place.live), config.look()))
        return value

    _, execution = begun(engine, place, {"a": call(look, (to("y"),))})
    go(execution)
    assert found == [(Config, 0, 0, {"of": "a"})]
    assert [live.task.name for live in place.live] == ["a"]


def _refuses(_: Any) -> Any:
    raise LookupError("by the user")


@pytest.mark.behavior(
    "go: If a node or a writer raises, its superstep isn't committed, and the live task has its writes."
)
def test_what_the_user_raises_comes_out(engine: Engine) -> None:
    writers = ((to("sum"),), (to("y", mapper=_refuses),))
    run, execution = begun(engine, Place(), {"a": call(add_one, *writers)})
    stop = go(execution)
    live, error, cancels = stop.detail
    assert (stop.kind, stop.step, type(error), cancels) == (execute.RAISED, 1, LookupError, 0)
    assert live.writes == [("sum", 2)]
    assert run.read(("x", "y", "sum")) == {"x": 1, "sum": 0}

    run, execution = begun(engine, Place(), {"a": call(_refuses, (to("y"),))})
    live, error, _ = go(execution).detail
    assert (type(error), live.writes, live.task.name) == (LookupError, [], "a")


@pytest.mark.behavior("go: If a commit raises, the run is as it was before.")
@pytest.mark.parametrize(
    ("writes", "kind"),
    [((to("sum", "refused"),), ValueError), ((to("y"), to("y", 3)), CommitRejected)],
)
def test_a_failed_commit_changes_nothing(engine: Engine, writes: Any, kind: Any) -> None:
    run, execution = begun(engine, Place(), {"a": call(add_one, writes)})
    before = run.checkpoint(CHECKPOINT_ID, "", None)
    stop = go(execution)
    live, error = stop.detail
    assert (stop.kind, stop.step, type(error)) == (execute.COMMIT_RAISED, 1, kind)
    assert [channel for channel, _ in live.writes] == [step.channel for step in writes]
    assert run.checkpoint(CHECKPOINT_ID, "", None) == before


@pytest.mark.behavior("go: If anything else raises, the place is told where the run is.")
def test_the_place_is_told_where_a_run_broke_off(engine: Engine) -> None:
    place = Place()
    refuses = dataclasses.replace(BOTH["b"], coerce=_refuses)
    run, execution = begun(engine, place, {**BOTH, "b": refuses})
    with pytest.raises(LookupError, match="by the user"):
        go(execution)
    assert [(stop.step, stop.updated) for stop in place.stops] == [(2, {"y"})]
    assert run.read("y") == 2


@pytest.mark.behavior(
    "go: Where there is a saver, it says what versions are, and the host what ids are."
)
def test_a_saver_makes_the_versions(engine: Engine) -> None:
    asked: list[Any] = []

    class Saver:
        def get_next_version(self, *args: Any) -> str:
            asked.append(args)
            return f"{len(asked):04}.saver"

    place = Place()
    place.saver = Saver()
    run, execution = begun(engine, place, BOTH, version="0000.saver")
    stop = go(execution)
    assert (stop.step, stop.checkpoint_id) == (3, "1f0c1b5e-0000-6000-9000-000000000002")
    assert asked == [("0000.saver", None), ("0001.saver", None)]
    versions = run.checkpoint("", "", None)["channel_versions"]
    assert versions["z"] == "0002.saver"


class LangGraphsSaver:
    """Counts versions as LangGraph's savers do."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn

    def get_next_version(self, current: str | None, _: None) -> str:
        count = 0 if current is None else int(current.split(".")[0])
        return f"{count + 1:032}.{self.drawn.random():016}"


@pytest.mark.behavior(
    "go: Versions and ids of LangGraph's own making are those it would have made, drawn once each."
)
def test_versions_and_ids_are_as_langgraph_makes_them(engine: Engine) -> None:
    drawn = Drawn(0.5, 0.00001, 0.1 + 0.2, 1.0)
    place = Place()
    place.saver, place.counts_versions, place.saves_each = LangGraphsSaver(drawn), True, True
    soon = 0x1FFFFFFFFFFFFFE  # later than the clock says it is
    run, execution = begun(
        engine,
        place,
        {**BOTH, "c": call(add_one)},
        NodeSpec("c", ("z",), "z"),
        version=f"{9:032}.{0.25:016}",
        by=host(drawn, last_tick=soon),
    )
    go(execution)
    assert drawn.numbers == [1.0]
    versions = run.checkpoint("", "", None)["channel_versions"]
    assert versions["y"] == f"{10:032}.{0.5:016}"
    assert versions["z"] == f"{11:032}.{0.00001:016}"
    ids = [told[1] for told in place.told if type(told[0]) is int]
    assert ids == [
        "1fffffff-ffff-6fff-8001-a0b1c2d3e4f5",
        "20000000-0000-6000-8002-a0b1c2d3e4f5",
        "20000000-0000-6001-8003-a0b1c2d3e4f5",
    ]


class Saver:
    """Counts versions."""

    def get_next_version(self, current: int, _: None) -> int:
        return current + 1


SAVED_ID = "1f0c1b5e-0000-6000-9000-00000000000"


@pytest.mark.behavior(
    "go: Where every superstep is saved, the host hears what its task wrote, and once that is committed, of that."
)
def test_the_host_saves_every_superstep(engine: Engine) -> None:
    place = Place()
    place.saver, place.saves_each = Saver(), True
    writes_nothing = call(add_one)
    calls = {**BOTH, "b": call(looks, (to("z"), to("sum"))), "c": writes_nothing}
    _, execution = begun(engine, place, calls, NodeSpec("c", ("z",), "z"), version=1)
    stop = go(execution)
    assert place.told == [
        (PULL, "a", [("y", 2)]),
        (1, f"{SAVED_ID}1", {"y"}),
        (PULL, "b", [("z", 2), ("sum", 2)]),
        (2, f"{SAVED_ID}2", {"z", "sum"}),
        (PULL, "c", []),
        (3, f"{SAVED_ID}3", set()),
    ]
    assert (stop.step, stop.checkpoint_id) == (4, f"{SAVED_ID}3")


def looks(value: int) -> int:
    CONFIG.get().look()
    return value


@pytest.mark.behavior(
    "go: Where every superstep is saved, the host hears what its task wrote, and once that is committed, of that."
)
def test_the_host_hears_of_writes_that_are_refused(engine: Engine) -> None:
    place = Place()
    place.saver, place.saves_each = Saver(), True
    _, execution = begun(
        engine, place, {**BOTH, "b": call(lambda _: "refused", (to("sum"),))}, version=1
    )
    assert go(execution).kind == execute.COMMIT_RAISED
    assert place.told[1:] == [(1, f"{SAVED_ID}1", {"y"}), (PULL, "b", [("sum", "refused")])]


@pytest.mark.behavior("go: If anything else raises, the place is told where the run is.")
def test_what_the_host_raises_about_saving_is_raised(engine: Engine) -> None:
    place = Place()
    place.saver, place.saves_each = Saver(), True

    def fails(*_: Any) -> None:
        raise LookupError("nowhere to save")

    place.committed = fails  # type: ignore[method-assign, assignment]
    run, execution = begun(engine, place, BOTH, version=1)
    with pytest.raises(LookupError, match="nowhere to save"):
        go(execution)
    assert [(stop.step, stop.updated) for stop in place.stops] == [(2, {"y"})]
    assert run.read("y") == 2


@pytest.mark.behavior(
    "go: Once the running task asked how to start others, it is stopped after it, with the live task."
)
def test_a_task_that_asked_for_others_is_the_hosts(engine: Engine) -> None:
    place = Place()

    def asks(value: int) -> int:
        CONFIG.get().look()
        place.calls = []
        return value

    run, execution = begun(engine, place, {"a": call(asks, (to("y"),))})
    stop = go(execution)
    assert (stop.kind, stop.detail.writes) == (execute.FINISHED, [("y", 1)])
    assert run.read("y") is None


ALL = ("x", "y", "z", "sum")


def taken(execution: Execution, stop: Stop) -> list[Any]:
    """Chunks, stop by stop."""
    chunks = []
    while stop.kind == execute.STREAMED:
        chunks.append(stop.detail)
        stop = execution.resume(None)
    assert stop.kind == execute.PLANNED
    return chunks


@pytest.mark.behavior(
    "go: If chunks are streamed, it is stopped before each superstep for those of the one before."
)
def test_chunks_are_streamed(engine: Engine) -> None:
    place = Place(streamed=Streamed(True, True, True, False, ALL))
    place.output_key_set = frozenset(ALL)
    run, execution = begun(engine, place, BOTH)
    stop = go(execution)
    assert (stop.kind, stop.step, run.read("z")) == (execute.STREAMED, 2, None)
    values = {"x": 1, "y": 2, "sum": 0}
    assert taken(execution, stop) == [[("updates", {"a": {"y": 2}}), ("values", values)]]
    assert place.shown == [("updates", {"b": {"z": 3}}), ("values", {**values, "z": 3})]


@pytest.mark.behavior(
    "go: If chunks are streamed, it is stopped before each superstep for those of the one before."
)
@pytest.mark.parametrize(
    ("output", "writes", "chunk"),
    [
        (["y", "sum"], [("y", 5), ("x", 6)], {"a": {"y": 5}}),
        (
            ["y", "sum"],
            [("sum", 5), ("y", 6), ("sum", 7)],
            {"a": [{"sum": 5}, {"y": 6}, {"sum": 7}]},
        ),
        (["y", "sum"], [("z", 5)], {"a": None}),
        ("sum", [("sum", 5), ("y", 6)], {"a": 5}),
        ("sum", [("sum", 5), ("sum", 6)], {"a": [5, 6]}),
        ("sum", [], {"a": None}),
    ],
)
def test_what_a_chunk_of_updates_holds(
    engine: Engine, output: Any, writes: Any, chunk: Any
) -> None:
    place = Place(streamed=Streamed(True, False, False, False, output))
    place.output_key_set = frozenset([output] if isinstance(output, str) else output)
    steps = tuple(to(channel, value) for channel, value in writes)
    _, execution = begun(engine, place, {"a": call(add_one, steps)})
    assert go(execution).kind == execute.PLANNED
    assert place.shown == [("updates", chunk)]


@pytest.mark.behavior(
    "go: A superstep that writes what isn't a channel's is stopped after its task, if chunks are streamed."
)
def test_other_writes_are_the_hosts_to_show(engine: Engine) -> None:
    place = Place(streamed=Streamed(True, False, False, False, ALL))
    calls = {"a": call(add_one, (to("__return__"), to("y")))}
    run, execution = begun(engine, place, calls)
    stop = go(execution)
    assert (stop.kind, run.read("y")) == (execute.FINISHED, None)
    assert stop.detail.writes == [("__return__", 2), ("y", 2)]


def awaited(engine: Engine, afunc: Any, drive: Callable[[Execution, Run], Any]) -> Any:
    """Run in an event loop, with a node that is awaited."""

    async def main() -> Any:
        place = Place()
        place.event_loop = asyncio.get_running_loop()
        run, execution = begun(engine, place, {"a": call(None, (to("y"),), afunc=afunc)})
        return await drive(execution, run)

    return asyncio.run(main())


@pytest.mark.behavior(
    "resume: A node or an edge that was awaited goes on as if it had returned the value."
)
def test_a_node_is_awaited_by_the_host(engine: Engine) -> None:
    async def node(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    async def drive(execution: Execution, run: Run) -> Any:
        stop = go(execution)
        assert (stop.kind, stop.step) == (execute.AWAIT, 1)
        awaitable, context, started = stop.detail
        assert (started, context[CONFIG].look()) == (None, {"of": "a"})
        assert run.read("y") is None
        stop = execution.resume(await awaitable)
        if stop.kind == execute.TURN:
            await asyncio.sleep(0)
            stop = execution.resume(None)
        return stop.kind, stop.step, run.read("y")

    assert awaited(engine, node, drive) == (execute.PLANNED, 2, 2)


@pytest.mark.behavior("give_up: The superstep of the task isn't committed, and may be run again.")
def test_a_task_under_way_can_be_forgotten(engine: Engine) -> None:
    async def node(value: int) -> int:
        return value + 1

    async def drive(execution: Execution, run: Run) -> Any:
        go(execution).detail[0].close()
        live = execution.give_up()
        assert (live.task.name, live.writes, run.read("y")) == ("a", [], None)
        again = go(execution)
        again.detail[0].close()
        execution.give_up()
        with pytest.raises(RuntimeError, match="waits"):
            execution.give_up()
        return again.kind

    assert awaited(engine, node, drive) == execute.AWAIT
