"""What is the cffi engine's own: its ABI, its table of values, and what a fork does to it."""

from __future__ import annotations

import gc
import multiprocessing
import re
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.types import Send

from langgraph_engine import registry
from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import ChannelSpec, GraphSpec, NodeSpec, TaskWrites

langgraph_engine_cffi = pytest.importorskip(
    "langgraph_engine_cffi", reason="langgraph-engine-cffi is not installed"
)

HEADER = Path(__file__).parents[2] / "backends/rust_cffi/include/langgraph_engine.h"
MISSING = object()


def _join(base: Any, values: Any) -> Any:
    return [*base, *values]


@pytest.fixture
def program() -> Any:
    channels = (
        ChannelSpec("go", "ephemeral_value"),
        ChannelSpec("all", "binary_operator", fold=_join, initial=list),
        ChannelSpec("__pregel_tasks", "tasks"),
    )
    node = NodeSpec("n", ("go",), ("go", "all"))
    return registry.load("cffi").compile(GraphSpec(channels, (node,), {}, MISSING, Send))


def _write(run: Any, *writes: Any) -> Any:
    return run.commit([TaskWrites((), "__input__", writes, ())], None)


def test_library_has_the_abi_of_the_package_and_of_the_header() -> None:
    declared = re.search(r"#define LGE_ABI_VERSION (\d+)", HEADER.read_text(encoding="utf-8"))
    assert langgraph_engine_cffi.abi_version() == langgraph_engine_cffi.ABI_VERSION == 1
    assert declared
    assert int(declared[1]) == 1


def test_library_of_another_abi_is_refused() -> None:
    from langgraph_engine_cffi.library import check

    with pytest.raises(ImportError, match="ABI version 7, and the package calls version 1"):
        check(SimpleNamespace(lge_abi_version=lambda: 7))


def test_the_headers_error_kinds_are_the_cores() -> None:
    from langgraph_engine_cffi.library import error_kinds

    declared = re.findall(r"#define LGE_ERROR_(\w+) (\d+)", HEADER.read_text(encoding="utf-8"))
    assert [(int(number), name.lower()) for name, number in declared] == error_kinds()


def test_the_table_holds_what_the_run_holds(program: Any) -> None:
    run = program.restore(None)
    values = run._values
    assert len(values) == 1  # the reducer's first value
    for number in range(100):
        _write(run, ("go", number), ("all", number), ("__pregel_tasks", Send("n", number)))
        assert run.read("go") == number
        run.plan(0, "00", "", None)
        run.checkpoint("00", "now", None)
        assert len(values) == 3


def test_the_table_is_empty_when_the_run_is_gone(program: Any) -> None:
    run = program.restore(None)
    _write(run, ("go", 1), ("all", 1))
    values = run._values
    del run
    assert len(values) == 0


@pytest.mark.parametrize(
    "bad", [(("go", 1), ("all", 2), ("go", 3)), (("go", 1), ("\ud800", 2))], ids=["refused", "text"]
)
def test_a_commit_that_fails_keeps_no_value(program: Any, bad: Any) -> None:
    run = program.restore(None)
    _write(run, ("go", 0))
    before = len(run._values)
    with pytest.raises(Exception, match=r"ephemeral_value_many|surrogates"):
        _write(run, *bad)
    assert len(run._values) == before
    assert run.read(["go", "all"]) == {"go": 0, "all": []}


def test_the_reducers_of_a_commit_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    from langgraph_engine_cffi import run as calls

    failing: set[str] = set()

    def reducer(name: str) -> Any:
        def fold(base: Any, values: Any) -> Any:
            if name in failing:
                raise TypeError(name)
            return _join(base, values)

        return fold

    names = [f"c{at}" for at in range(5)]
    channels = tuple(
        ChannelSpec(n, "binary_operator", fold=reducer(n), initial=list) for n in names
    )
    graph = GraphSpec(channels, (NodeSpec("n", ("c0",), "c0"),), {}, MISSING, Send)
    run = registry.load("cffi").compile(graph).restore(None)
    held = len(run._values)
    answers = []
    answer = calls._answer
    monkeypatch.setattr(calls, "_answer", lambda *told: answers.append(told) or answer(*told))
    writes = [(name, at) for at, name in enumerate(sorted([*names, "c1"]))]
    assert _write(run, *writes).updated == set(names)
    assert len(answers) == 1
    assert run.read(names) == {"c0": [0], "c1": [1, 2], "c2": [3], "c3": [4], "c4": [5]}

    failing.add("c2")
    with pytest.raises(TypeError, match="c2"):
        _write(run, *writes)
    assert run.read(names)["c1"] == [1, 2]
    assert len(run._values) == held


CHECKPOINT_ID = "1ef4f797-8335-6428-8001-8a1503f9b875"


def _ended(program: Any, *writes: Any) -> Any:
    """A run whose last commit left nothing to run."""
    run = program.restore(None)
    done = [TaskWrites((), "__input__", writes, ())]
    _, plan = run.commit_and_plan(done, None, 1, CHECKPOINT_ID, "")
    assert plan is not None
    assert plan.tasks == []
    return run


def test_what_is_read_as_a_run_ends_comes_with_the_last_commit(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langgraph_engine_cffi import run as calls

    reads: list[Any] = []
    read = calls._read
    monkeypatch.setattr(calls, "_read", lambda *told: reads.append(told) or read(*told))
    keys = ["all", "go"]
    assert _ended(program, ("all", 1)).read(keys) == {"all": [1]}
    assert len(reads) == 1
    run = _ended(program, ("all", 2))
    assert run.read(keys) == {"all": [2]}
    assert len(reads) == 1
    assert run.read(keys) == {"all": [2]}  # only once: by then somebody may have changed a list
    assert len(reads) == 2
    assert _ended(program, ("all", 3)).read("all") == [3]  # something else than was expected
    assert _ended(program, ("all", 4)).read("all") == [4]
    assert len(reads) == 3
    assert _ended(program, ("all", 5)).read("go") is None
    run = _ended(program, ("all", 6))
    assert run.read("all", [("all", 7)]) == [6, 7]
    _write(run, ("all", 8))
    assert run.read("all") == [6, 8]
    with pytest.raises(KeyError, match="nowhere"):
        _ended(program).read(["nowhere"])
    assert len(run._values) == 1


def test_a_topics_list_is_given_away_once() -> None:
    channels = (ChannelSpec("said", "topic", accumulate=True), ChannelSpec("go", "last_value"))
    graph = GraphSpec(channels, (NodeSpec("n", ("go",), "go"),), {}, MISSING, Send)
    program = registry.load("cffi").compile(graph)
    for _ in range(2):
        run = _ended(program, ("said", [1, 2]))
        run.read("said").append(3)
        assert run.read("said") == [1, 2]


def test_a_read_of_what_is_not_there_keeps_no_value(program: Any) -> None:
    run = program.restore(None)
    before = len(run._values)
    with pytest.raises(KeyError, match="nowhere"):
        run.read(["nowhere"], [("go", object())])
    assert len(run._values) == before


def test_a_value_that_ends_with_its_run_is_let_go(program: Any) -> None:
    class Value:
        pass

    run, value = program.restore(None), Value()
    value.run = run  # type: ignore[attr-defined]
    seen = weakref.ref(value)
    _write(run, ("go", value))
    del run, value
    gc.collect()
    assert seen() is None


def _in_child(program: Any, run: Any, answers: Any) -> None:
    try:
        run.read("go")
    except ProtocolError as error:
        answers.put(str(error))
    own = program.restore(None)
    _write(own, ("go", "child"))
    answers.put(own.read("go"))


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_starts_anew_and_is_told_so(program: Any) -> None:
    run = program.restore(None)
    _write(run, ("go", "parent"))
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(program, run, answers))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert "before this process was forked off" in answers.get()
    assert answers.get() == "child"
    assert run.read("go") == "parent"


def test_messages_that_are_wrong_are_refused_with_the_place() -> None:
    from langgraph_engine_cffi.library import call, failure, lib

    number = 0
    status, _, error = call(lib.lge_run_plan, number, b"\x90", 1)
    assert status == lib.LGE_REFUSED
    assert "0x0 was never handed out; the call takes a run" in str(failure(error))
