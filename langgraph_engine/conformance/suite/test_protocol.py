"""Protocol level: what scenarios can't say, because it is about objects, types and threads."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from langgraph_engine import upstream
from langgraph_engine.conformance.vocabulary import Counter
from langgraph_engine.protocol import (
    CHANNEL_KINDS,
    PROTOCOL_VERSION,
    PULL,
    PUSH,
    ChannelSpec,
    CommitRejected,
    Engine,
    GraphSpec,
    NodeSpec,
    Run,
    Task,
    TaskWrites,
)

pytestmark = pytest.mark.level("protocol")

CHECKPOINT_ID = "1f0c1b5e-0000-6000-8000-000000000001"
OPTIONAL = {"codec", "savers", "commit_and_plan", "execute", "meeting", "messages"}


class Missing:
    """A ``missing`` object that is not LangGraph's."""


@dataclass(frozen=True)
class Packet:
    """A packet class that is not LangGraph's."""

    node: str
    arg: Any
    timeout: Any = None


class Opaque:
    """A value that refuses to be looked into, as some arrays and lazy objects do."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("an engine compared a value")

    def __bool__(self) -> bool:
        raise AssertionError("an engine asked whether a value is true")

    def __len__(self) -> int:
        raise AssertionError("an engine asked for a value's length")

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("an engine went through a value")

    def __copy__(self) -> Opaque:
        raise AssertionError("an engine copied a value")

    def __deepcopy__(self, memo: Any) -> Opaque:
        raise AssertionError("an engine copied a value")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise AssertionError("an engine serialized a value")


MISSING = Missing()


def graph(*channels: ChannelSpec, nodes: Sequence[NodeSpec] = (), **changes: Any) -> GraphSpec:
    """A graph whose nodes are triggered as they say."""
    table: dict[str, list[str]] = {}
    for node in nodes:
        for name in node.triggers:
            table.setdefault(name, []).append(node.name)
    settings: dict[str, Any] = {
        "channels": channels,
        "nodes": tuple(nodes),
        "trigger_to_nodes": table,
        "missing": MISSING,
        "send_type": Packet,
    }
    return GraphSpec(**{**settings, **changes})


def started(engine: Engine, spec: GraphSpec, *writes: tuple[str, Any]) -> Run:
    """A run that was given its input."""
    run = engine.compile(spec).restore(None)
    run.commit([TaskWrites((PULL, "__input__"), "__input__", writes, ())], 1)
    return run


def ran(task: Task, *writes: tuple[str, Any]) -> TaskWrites:
    """What a planned task wrote."""
    return TaskWrites(task.path, task.name, writes, task.triggers)


def planned(run: Run, step: int = 1) -> Sequence[Task]:
    """The tasks of the next superstep."""
    return run.plan(step, CHECKPOINT_ID, "", None).tasks


def last_value(name: str) -> ChannelSpec:
    """A ``last_value`` channel."""
    return ChannelSpec(name, "last_value")


def node(name: str, trigger: str) -> NodeSpec:
    """A node that reads what triggers it."""
    return NodeSpec(name, (trigger,), trigger)


def test_an_engine_says_who_it_is(engine: Engine) -> None:
    assert engine.protocol_version == PROTOCOL_VERSION
    assert engine.name
    assert engine.version
    known = {f"channel:{kind}" for kind in CHANNEL_KINDS} | OPTIONAL
    assert set(engine.capabilities) - known == set()


@pytest.mark.needs("channel:last_value", "channel:tasks")
def test_answers_have_the_types_of_the_protocol(engine: Engine) -> None:
    spec = graph(last_value("x"), ChannelSpec("__pregel_tasks", "tasks"), nodes=[node("n", "x")])
    run = started(engine, spec, ("x", 1), ("__pregel_tasks", Packet("n", 2)))
    plan = run.plan(1, CHECKPOINT_ID, "", {"x"})
    pushed = run.push("f", (PUSH, (PULL, "n"), 0, True), ("p", "0"), 1, CHECKPOINT_ID, "")
    assert [task.path for task in (*plan.tasks, pushed)] == [
        (PUSH, 0, False),
        (PULL, "n"),
        (PUSH, (PULL, "n"), 0, True),
    ]
    for task in (*plan.tasks, pushed):
        assert isinstance(task, Task)
        assert isinstance(task.triggers, tuple)
    committed = run.commit([ran(task, ("fog", 1)) for task in plan.tasks], 2)
    assert isinstance(committed.updated, set)
    assert [tuple(report) for report in committed.unknown] == [
        ("n", (PULL, "n"), "fog"),
        ("n", (PUSH, 0, False), "fog"),
    ]


@pytest.mark.needs("channel:last_value")
def test_writes_may_be_any_iterable(engine: Engine) -> None:
    run = started(engine, graph(last_value("x"), last_value("y")))
    writes = (write for write in [("x", 1), ("y", 2)])
    run.commit([TaskWrites((PULL, "n"), "n", writes, ["x"])], 2)
    assert run.read(["x", "y"], iter([("x", 3)])) == {"x": 3, "y": 2}


_KEEPING_ONE = ("last_value", "any_value", "ephemeral_value", "untracked_value")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.needs(f"channel:{kind}")) for kind in _KEEPING_ONE],
)
def test_a_value_is_passed_on_and_never_looked_into(engine: Engine, kind: str) -> None:
    value = Opaque()
    run = started(engine, graph(ChannelSpec("x", kind), nodes=[node("n", "x")]), ("x", value))
    assert run.read("x") is value
    assert run.read("x", [("x", value)]) is value
    assert run.state("x") is value
    (task,) = planned(run)
    assert task.input is value
    if kind != "untracked_value":
        assert run.checkpoint(CHECKPOINT_ID, "", None)["channel_values"]["x"] is value
    run.commit([ran(task)], 2)


@pytest.mark.needs("channel:topic", "channel:tasks")
def test_items_are_passed_on_and_never_looked_into(engine: Engine) -> None:
    value, packet = Opaque(), Packet("n", Opaque())
    topic = ChannelSpec("t", "topic", accumulate=True)
    spec = graph(topic, ChannelSpec("__pregel_tasks", "tasks"), nodes=[node("n", "t")])
    run = started(engine, spec, ("t", [value]), ("t", value), ("__pregel_tasks", packet))
    assert [item is value for item in run.read("t")] == [True, True]
    pushed, pulled = planned(run)
    assert pushed.input is packet
    assert pulled.input[0] is value
    run.commit([ran(pushed), ran(pulled)], 2)


@pytest.mark.needs("channel:last_value_after_finish")
def test_a_finished_value_is_passed_on_and_never_looked_into(engine: Engine) -> None:
    value = Opaque()
    spec = graph(ChannelSpec("x", "last_value_after_finish"), nodes=[node("n", "x")])
    run = started(engine, spec, ("x", value))
    run.commit([TaskWrites((PULL, "m"), "m", (), (PUSH,))], 2)
    (task,) = planned(run)
    assert task.input is value
    run.commit([ran(task)], 3)
    assert run.state("x") is MISSING


@pytest.mark.behavior("commit: Writes apply in task-path order, whatever order they arrive in.")
@pytest.mark.needs("channel:binary_operator")
def test_commit_folds_all_writes_of_a_superstep_at_once(engine: Engine) -> None:
    calls: list[tuple[Any, list[Any]]] = []
    first, second, third, folded = Opaque(), Opaque(), Opaque(), Opaque()

    def fold(base: Any, values: Sequence[Any]) -> Any:
        calls.append((base, list(values)))
        return folded

    channel = ChannelSpec("x", "binary_operator", fold=fold, initial=lambda: MISSING)
    run = started(engine, graph(channel), ("x", first))
    assert run.read("x") is folded
    writes = [(("b",), third), (("a",), second)]
    run.commit([TaskWrites(path, "n", [("x", value)], (PUSH,)) for path, value in writes], 2)
    (empty, one), (base, rest) = calls
    assert empty is MISSING
    assert one[0] is first
    assert base is folded
    assert [value is wanted for value, wanted in zip(rest, (second, third), strict=True)] == [
        True,
        True,
    ]


class MadeWhenAsked(Sequence[TaskWrites]):
    """What many tasks wrote, none of which is kept: the last ones first."""

    def __init__(self, tasks: int) -> None:
        self._tasks = range(tasks - 1, -1, -1)

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: Any) -> Any:
        number = self._tasks[index]
        return TaskWrites((PUSH, number, False), "n", [("sum", number)], (PUSH,))


@pytest.mark.needs("channel:binary_operator", "channel:last_value")
@pytest.mark.parametrize("tasks", [1, 2, 511, 512, 513, 1024, 1025, 2000])
def test_what_many_tasks_wrote_may_be_made_as_it_is_asked_for(engine: Engine, tasks: int) -> None:
    joined = ChannelSpec("sum", "binary_operator", fold=_joined, initial=lambda: MISSING)
    run = started(engine, graph(joined, last_value("go"), nodes=[node("n", "go")]), ("go", 1))
    assert run.commit(MadeWhenAsked(tasks), 2).updated == {"sum"}
    assert run.read("sum") == [*range(tasks)]


@pytest.mark.behavior("commit: If anything raises, the run is as it was before the call.")
@pytest.mark.needs("channel:binary_operator", "channel:last_value")
def test_commit_lets_a_reducers_exception_through_untouched(engine: Engine) -> None:
    class Mine(BaseException):
        pass

    mine = Mine("with", "arguments")

    def fold(*_: Any) -> Any:
        raise mine

    channel = ChannelSpec("x", "binary_operator", fold=fold, initial=lambda: 0)
    run = started(engine, graph(last_value("y"), channel), ("y", 1))
    with pytest.raises(Mine) as caught:
        run.commit([TaskWrites((PULL, "n"), "n", [("y", 2), ("x", 1)], ("y",))], 2)
    assert caught.value is mine
    assert mine.args == ("with", "arguments")
    assert mine.__cause__ is None
    assert getattr(mine, "__notes__", []) == []
    assert run.read(["x", "y"]) == {"x": 0, "y": 1}
    assert run.max_version() == 1
    with pytest.raises(Mine):
        run.read("x", [("x", 1)])
    assert run.read("x") == 0


def _folded(base: Any, values: Any) -> Any:
    return sum(values, 0 if base is MISSING else base)


def _joined(base: Any, values: Any) -> Any:
    return [*(() if base is MISSING else base), *values]


def _both(engine: Engine, spec: GraphSpec, *writes: tuple[str, Any]) -> tuple[Any, Run]:
    """A run whose next superstep is planned with its commit, and one that is asked afterwards."""
    run, other = (engine.compile(spec).restore(None) for _ in range(2))
    done = [TaskWrites((PULL, "__input__"), "__input__", writes, ())]
    planning: Any = run
    return planning.commit_and_plan(done, None, 1, CHECKPOINT_ID, "outer:1"), other


@pytest.mark.behavior(
    "commit_and_plan: It commits as commit does, and fails as it does.",
    "commit_and_plan: The plan is the one that plan would give afterwards.",
)
@pytest.mark.needs(
    "commit_and_plan", "channel:last_value", "channel:binary_operator", "channel:tasks"
)
@pytest.mark.parametrize(
    "writes",
    [
        (),
        (("x", 1),),
        (("x", 1), ("sum", 2), ("nowhere", 3)),
        (("__pregel_tasks", [Packet("a", 1), Packet("c", 2), "no packet"]), ("sum", 1)),
    ],
    ids=["nothing", "one", "several", "packets"],
)
def test_a_superstep_is_planned_with_the_commit_before_it(engine: Engine, writes: Any) -> None:
    total = ChannelSpec("sum", "binary_operator", fold=_folded, initial=int)
    spec = graph(
        last_value("x"),
        total,
        ChannelSpec("__pregel_tasks", "tasks"),
        nodes=[node("a", "x"), NodeSpec("b", ("sum", "x"), ("x", "sum"))],
    )
    (committed, plan), other = _both(engine, spec, *writes)
    told = other.commit([TaskWrites((PULL, "__input__"), "__input__", writes, ())], None)
    tasks, ignored = other.plan(1, CHECKPOINT_ID, "outer:1", told.updated)
    assert (committed.updated, [*committed.unknown]) == (told.updated, [*told.unknown])
    assert plan is not None
    assert [*plan.ignored] == [*ignored]

    def seen(task: Task) -> Any:
        return task.id, task.name, task.path, task.triggers, task.input, task.namespace

    assert [seen(task) for task in plan.tasks] == [seen(task) for task in tasks]

    run = started(engine, spec, ("x", 1))
    before = run.checkpoint(CHECKPOINT_ID, "", None)
    planning: Any = run
    with pytest.raises(CommitRejected):
        planning.commit_and_plan([TaskWrites((), "n", [("x", 2), ("x", 3)], ())], 2, 1, "00", "")
    assert run.checkpoint(CHECKPOINT_ID, "", None) == before


@pytest.mark.behavior(
    "commit_and_plan: None stands for a plan that takes a call of the user's, or fails: plan is to be called."
)
@pytest.mark.needs("commit_and_plan", "channel:custom", "channel:last_value")
def test_a_superstep_that_takes_a_call_is_planned_when_asked_for(engine: Engine) -> None:
    spec = graph(
        ChannelSpec("c", "custom", custom=Counter()),
        nodes=[node("a", "c")],
        missing=upstream.MISSING,
    )
    (committed, plan), _ = _both(engine, spec, ("c", 2))
    assert committed.updated == {"c"}
    if plan is not None:
        assert [task.input for task in plan.tasks] == [2]

    run: Any = engine.compile(graph(last_value("x"), nodes=[node("a", "x")])).restore(None)
    done = [TaskWrites((PULL, "__input__"), "__input__", [("x", 1)], ())]
    committed, plan = run.commit_and_plan(done, None, 1, "no id", "")
    assert (committed.updated, plan, run.read("x")) == ({"x"}, None, 1)


@pytest.mark.behavior("state: A custom channel gives the live channel object.")
@pytest.mark.needs("channel:custom")
def test_state_gives_the_live_custom_channel(engine: Engine) -> None:
    prototype = Counter()
    # Channels of LangGraph's own know LangGraph's own missing object and no other.
    channel = ChannelSpec("c", "custom", custom=prototype)
    run = started(engine, graph(channel, missing=upstream.MISSING), ("c", 2))
    live = run.state("c")
    assert isinstance(live, Counter)
    assert live is not prototype
    assert prototype.total == 0
    run.commit([TaskWrites((PULL, "n"), "n", [("c", 3)], ())], 2)
    assert live.total == 5
    assert run.state("c") is live
    assert run.read("c", [("c", 100)]) == 105
    assert live.total == 5


@pytest.mark.behavior("restore: The checkpoint is not kept and never changed.")
@pytest.mark.needs("channel:last_value", "channel:topic", "channel:named_barrier")
def test_restore_shares_nothing_with_the_checkpoint(engine: Engine) -> None:
    spec = graph(
        last_value("x"),
        ChannelSpec("t", "topic", accumulate=True),
        ChannelSpec("b", "named_barrier", names=frozenset("pq")),
        nodes=[node("n", "x")],
    )
    run = started(engine, spec, ("x", 1), ("t", 1), ("b", "p"))
    run.commit([ran(task) for task in planned(run)], 2)
    checkpoint = run.checkpoint(CHECKPOINT_ID, "", None)
    before = copy.deepcopy(checkpoint)
    again = engine.compile(spec).restore(checkpoint)
    again.commit([TaskWrites((PULL, "n"), "n", [("x", 2), ("t", 2), ("b", "q")], ("x",))], 3)
    again.see("i")
    assert checkpoint == before
    _scribble(checkpoint)
    after = again.checkpoint(CHECKPOINT_ID, "", None)
    assert after["channel_values"] == {"x": 2, "t": [1, 2], "b": {"p", "q"}}
    assert after["channel_versions"] == {"x": 3, "t": 3, "b": 3}
    assert after["versions_seen"]["n"] == {"x": 1}


@pytest.mark.behavior(
    "checkpoint: The dict and its containers are new: later supersteps don't change it."
)
@pytest.mark.needs("channel:last_value", "channel:topic", "channel:named_barrier")
def test_checkpoint_shares_nothing_with_the_run(engine: Engine) -> None:
    spec = graph(
        last_value("x"),
        ChannelSpec("t", "topic", accumulate=True),
        ChannelSpec("b", "named_barrier", names=frozenset("pq")),
        nodes=[node("n", "x")],
    )
    run = started(engine, spec, ("x", 1), ("t", 1), ("b", "p"))
    run.commit([ran(task) for task in planned(run)], 2)
    checkpoint = run.checkpoint(CHECKPOINT_ID, "", {"x"})
    same = run.checkpoint(CHECKPOINT_ID, "", {"x"})
    assert same == checkpoint
    _scribble(checkpoint)
    assert run.checkpoint(CHECKPOINT_ID, "", {"x"}) == same


def _scribble(checkpoint: dict[str, Any]) -> None:
    """Change every container of a checkpoint of the tests above."""
    checkpoint["channel_values"]["t"].append("scribble")
    checkpoint["channel_values"]["b"].add("scribble")
    checkpoint["channel_values"]["x"] = "scribble"
    checkpoint["channel_versions"]["x"] = 99
    checkpoint["versions_seen"]["n"]["x"] = 99
    checkpoint["versions_seen"]["scribble"] = {}


@pytest.mark.needs("channel:last_value", "channel:topic")
def test_what_is_read_is_the_callers(engine: Engine) -> None:
    run = started(engine, graph(ChannelSpec("t", "topic", accumulate=True)), ("t", 1))
    run.read("t").append("scribble")
    run.read(["t"])["t"].append("scribble")
    run.state("t").append("scribble")
    assert run.read("t") == [1]


@pytest.mark.behavior("compile: The same spec compiled twice gives two programs that behave alike.")
@pytest.mark.needs("channel:last_value", "channel:topic")
def test_programs_are_shared_by_threads(engine: Engine) -> None:
    spec = graph(
        last_value("x"), ChannelSpec("t", "topic", accumulate=True), nodes=[node("n", "x")]
    )
    programs = [engine.compile(spec), engine.compile(spec)]
    results: dict[int, Any] = {}
    barrier = threading.Barrier(8)

    def invoke(number: int) -> None:
        run = programs[number % 2].restore(None)
        barrier.wait(timeout=30)
        run.commit([TaskWrites((PULL, "__input__"), "__input__", [("x", 0)], ())], None)
        for step in range(50):
            tasks = run.plan(step, CHECKPOINT_ID, "", {"x"}).tasks
            writes = [("x", task.input + 1) for task in tasks], [("t", number)]
            run.commit([ran(task, *writes[0], *writes[1]) for task in tasks], None)
        results[number] = run.checkpoint(CHECKPOINT_ID, "", None)

    threads = [threading.Thread(target=invoke, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(results) == list(range(8))
    for number, checkpoint in results.items():
        assert checkpoint["channel_values"] == {"x": 50, "t": [number] * 50}
        assert checkpoint["channel_versions"] == {"x": 51, "t": 51}


@pytest.mark.behavior("compile: The same spec compiled twice gives two programs that behave alike.")
@pytest.mark.needs("channel:binary_operator")
def test_a_program_outlives_its_spec_and_its_runs(engine: Engine) -> None:
    def fold(base: Any, values: Sequence[Any]) -> Any:
        return base + sum(values)

    program = engine.compile(
        graph(ChannelSpec("x", "binary_operator", fold=fold, initial=lambda: 10))
    )
    totals = []
    for number in range(3):
        run = program.restore(None)
        run.commit([TaskWrites((PULL, "n"), "n", [("x", number)], ())], None)
        totals.append(run.read("x"))
    assert totals == [10, 11, 12]
