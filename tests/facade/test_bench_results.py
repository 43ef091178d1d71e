"""What ``nox -s bench`` runs, sums up, judges, stores and writes. No test here depends on a time."""

from __future__ import annotations

import asyncio
import sys

import pyperf
import pytest

from langgraph_engine.bench import __main__ as command
from langgraph_engine.bench import document, langgraph_graphs, measure, page, plots, results
from langgraph_engine.bench.canonical import differences, digest
from langgraph_engine.bench.measure import Case, Memory, Profile, Timing
from langgraph_engine.bench.own_graphs import OWN
from langgraph_engine.bench.workloads import BY_NAME, IS_LANGGRAPHS, chosen

SHORT = Profile("short", rounds=3, turn=0, warm_up=0, budget=0, fewest=2)
SMALL = [(w, mode) for w in OWN if w.size <= 1_000 for mode in w.modes]


def timed(workload, engine, *us, mode="sync"):
    """A timing of so many microseconds a turn."""
    return Timing(Case(workload, mode == "async"), engine, tuple(one / 1e6 for one in us))


def answer_of(function):
    found = function()
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


# --- workloads


@pytest.mark.parametrize(("workload", "mode"), SMALL, ids=[f"{w.name}-{mode}" for w, mode in SMALL])
def test_a_floor_gives_the_answer_of_the_graph(workload, mode):
    program = workload.build(mode == "async")
    assert answer_of(program.run) == workload.answer
    assert answer_of(program.floor) == workload.answer
    program.clean_up()


def test_profiles_have_langgraphs_graphs_where_they_are_there():
    assert not IS_LANGGRAPHS & set(chosen(quick=False, with_langgraphs=False))
    assert "sequential_1000" in chosen(quick=False, with_langgraphs=True)
    assert set(chosen(quick=True, with_langgraphs=True)) & IS_LANGGRAPHS


@pytest.fixture
def langgraphs_bench(tmp_path, monkeypatch):
    """A folder laid out as LangGraph's ``bench``, with two entries of which one can't be evaluated."""
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "letters.py").write_text(
        "from random import choice\n"
        "from typing import TypedDict\n"
        "from langgraph.graph import StateGraph\n"
        "class State(TypedDict):\n"
        "    letter: str\n"
        "def chain(length):\n"
        "    builder = StateGraph(State)\n"
        "    for i in range(length):\n"
        "        builder.add_node(f'n{i}', lambda state: {'letter': choice('abcdefgh')})\n"
        "    builder.set_entry_point('n0')\n"
        "    for i in range(1, length):\n"
        "        builder.add_edge(f'n{i - 1}', f'n{i}')\n"
        "    return builder.compile()\n"
    )
    (folder / "__main__.py").write_text(
        "from pyperf._runner import NoSuchThing\n"
        "from uvloop import nor_this\n"
        "from bench.letters import chain\n"
        "benchmarks = (\n"
        "    ('sequential_10', chain(10), chain(10), {'letter': 'z'}),\n"
        "    ('sequential_1000', 1 / 0, 1 / 0, {}),\n"
        ")\n"
        "NoSuchThing().run()\n"
    )
    monkeypatch.setenv(langgraph_graphs.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "bench":
            del sys.modules[name]


@pytest.mark.filterwarnings("ignore:`durability` has no effect")
def test_one_entry_of_langgraphs_benchmarks_is_run_with_the_same_letters(langgraphs_bench):
    program = BY_NAME["sequential_10"].build(False)
    first = program.run()
    assert [name for chunk in first for name in chunk] == [f"n{i}" for i in range(10)]
    assert first == program.run() == program.floor()


def test_an_entry_that_is_gone_is_named(langgraphs_bench):
    with pytest.raises(LookupError, match="have no 'react_agent_10x' any more"):
        BY_NAME["react_agent_10x"].build(False)


# --- measuring


def test_everything_is_timed_in_turns():
    reported = []
    found = measure.measure(
        [Case("chain", False), Case("loop", True)],
        ["floor", "langgraph", "python"],
        SHORT,
        reported.append,
    )
    assert [(t.case.workload, t.engine, t.error) for t in found] == [
        (workload, engine, "")
        for workload in ("chain", "loop")
        for engine in ("floor", "langgraph", "python")
    ]
    assert all(len(t.seconds) == SHORT.fewest for t in found)
    assert [timing for group in reported for timing in group] == found


def test_cases_of_a_group_take_turns_and_are_reported_together():
    reported = []
    cases = [Case("threads-1", False), Case("chain", False), Case("threads-8", False)]
    measure.measure(cases, ["langgraph"], SHORT, reported.append)
    assert [[t.case.workload for t in group] for group in reported] == [
        ["threads-1", "threads-8"],
        ["chain"],
    ]
    assert all(len(t.seconds) == SHORT.fewest and not t.error for g in reported for t in g)


def test_a_worker_that_fails_is_an_error_of_its_case_only():
    (failed, stock) = measure.measure(
        [Case("invoke", False)], ["zorp", "langgraph"], SHORT, lambda _: None
    )
    assert "the process of zorp ended" in failed.error
    assert stock.seconds


def test_another_answer_than_stocks_is_refused():
    class Giving:
        """A worker that gives some answer."""

        engine = "python"

        def ask(self, do, **arguments):
            return {"build_seconds": 0, "answer": "3", "seconds": 1}

        def seconds_per_run(self, runs, clock="wall"):
            return 1.0

    slot = measure._Slot(Case("chain", False), Giving(), SHORT)
    slot.do(measure._Slot.prepare)
    slot.do(lambda slot: slot.compare("3"))
    assert not slot.timing().error
    slot.do(lambda slot: slot.compare("4"))
    assert slot.timing().error == "gave another answer than stock"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't tell a process its peak")
def test_memory_is_that_of_a_run():
    stock, python = measure.memory(Case("invoke", False), ["langgraph", "python"])
    for found in (stock, python):
        assert found.peak_kib >= found.before_kib > 10_000
        assert found.of_run_kib < found.peak_kib


# --- summing up and judging


def test_medians_and_spread_are_pyperfs():
    us = [5.0, 1.0, 9.5, 2.0, 4.0]
    (line,) = results.lines([timed("chain", "rust", *us)])
    reference = pyperf.Benchmark(
        [pyperf.Run(us, metadata={"name": "chain"}, collect_metadata=False)]
    )
    assert line.median_us == pytest.approx(reference.median())
    assert line.spread_us == pytest.approx(reference.median_abs_dev())


def test_ratios_are_those_of_turns_and_beyond_the_floor():
    measured = [
        timed("chain", "floor", 1, 1, 1),
        timed("chain", "langgraph", 100, 200, 101),
        timed("chain", "rust", 10, 20, 11),
    ]
    line = results.lines(measured)[-1]
    assert line.times_stock == pytest.approx(10)
    assert line.floor_us == pytest.approx(1)
    assert line.less_above_floor == pytest.approx((200 - 1) / (20 - 1))


def test_an_engine_that_is_as_fast_as_the_floor_is_not_compared_beyond_it():
    measured = [
        timed("chain", "floor", 10, 10, 10),
        timed("chain", "langgraph", 100, 100, 100),
        timed("chain", "rust", 9, 20, 10),
    ]
    assert results.lines(measured)[-1].less_above_floor == 0


def test_how_a_cost_grows_is_told_by_turn():
    """A machine that is half as fast in some turns changes nothing."""
    measured = [timed("sends-100", "rust", 10, 20, 20), timed("sends-10000", "rust", 22, 22, 44)]
    assert results.growth(measured, "tasks", 100) == {
        ("rust", "sync"): {100: 1, 10_000: pytest.approx(2.2)}
    }
    assert results.growth(measured, "tasks") == results.growth(measured, "tasks", 100)
    assert results.growth(measured, "tasks", 1) == {}
    assert results.growth(measured, "nodes") == {}


def test_every_target_is_of_a_workload_that_is_timed():
    for table in (results._TIMES_STOCK, results._ABOVE_FLOOR):
        for _, name in results._table(table):
            workload, _, mode = name.partition("/")
            assert BY_NAME[workload].usual
            assert mode in {"", *BY_NAME[workload].modes}


@pytest.mark.parametrize(
    ("workload", "mode", "rust", "missed"),
    [
        ("chain", "sync", 4.9, None),
        ("chain", "sync", 5.1, "19.6x stock, 20x asked for"),
        ("loop", "sync", 4.9, None),
        ("loop", "async", 4.9, "20.4x stock, 30x asked for"),
        ("react_agent_100x", "sync", 54, None),
        ("react_agent_100x", "sync", 56, "8.3x less than stock beyond the floor, 10x asked for"),
        ("fan-out", "sync", 99, None),
    ],
)
def test_what_is_asked_of_an_engine(workload, mode, rust, missed):
    floor = 50 if workload == "react_agent_100x" else 0.1
    found = results.judge(
        [
            timed(workload, "floor", floor, mode=mode),
            timed(workload, "langgraph", 100, mode=mode),
            timed(workload, "rust", rust, mode=mode),
        ]
    )
    assert found == ([f"rust on {workload} ({mode}): {missed}"] if missed else [])


@pytest.mark.parametrize(
    ("small", "large", "rust", "sentence"),
    [
        ("nodes-10", "nodes-10000", 10.9, None),
        ("nodes-10", "nodes-10000", 11.1, "with 10000 nodes a unit costs 1.11 times"),
        ("sends-100", "sends-10000", 11.4, None),
        ("sends-100", "sends-10000", 11.6, "with 10000 tasks a unit costs 1.16 times"),
        ("threads-1", "threads-8", 20, None),
        ("threads-1", "threads-8", 22, "with 8 threads a unit costs 2.20 times"),
    ],
)
def test_how_an_engine_may_scale(small, large, rust, sentence):
    found = results.judge(
        [
            timed(small, "langgraph", 1_000),
            timed(large, "langgraph", 2_000),
            timed(small, "rust", 10),
            timed(large, "rust", rust),
        ]
    )
    assert len(found) == (sentence is not None)
    assert all(sentence in one for one in found)


def test_what_memory_a_run_may_need():
    case = Case("wide", False)
    stock = Memory(case, "langgraph", 90_000, 100_000)
    (sentence,) = results.judge([], [stock, Memory(case, "rust", 90_000, 101_100)])
    assert sentence == "rust on wide (sync): a run needs 11100 KiB, and 10000 KiB on stock"
    assert not results.judge([], [stock, Memory(case, "rust", 99_000, 109_500)])


def test_a_failure_is_judged_and_shown():
    failed = Timing(Case("chain", False), "rust", (), error="it broke")
    assert results.judge([failed]) == ["rust on chain (sync): it broke"]
    assert "    rust: it broke" in "\n".join(results.rows([failed]))


# --- storing and writing


@pytest.fixture
def measured():
    timings = [
        timed("chain", "floor", 0.1, 0.1),
        timed("chain", "langgraph", 200, 220),
        timed("chain", "rust", 20, 21),
        timed("sequential_10", "floor", 1_000, 1_000),
        timed("sequential_10", "langgraph", 4_000, 4_000),
        timed("sequential_10", "rust", 2_000, 2_000),
    ]
    memories = [Memory(Case("chain", False), "rust", 2_048, 4_096)]
    return document.document(timings, memories, measure.QUICK, "nox -s bench -- --docs --quick")


def test_a_result_comes_back_from_its_file_and_pyperf_reads_it(measured, tmp_path):
    file = tmp_path / "bench.json"
    document.store(measured, file)
    assert document.load(file) == measured
    suite = pyperf.BenchmarkSuite.load(str(file))
    assert "chain sync rust" in suite.get_benchmark_names()
    assert suite.get_benchmark("chain sync rust").get_values() == (20e-6, 21e-6)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"langgraph_engine": {"format": 1}}'])
def test_another_file_is_refused(tmp_path, capsys, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(document.NotAResultError):
        document.load(tmp_path / "other.json")
    with pytest.raises(SystemExit) as exited:
        command.main(["--load", str(tmp_path / "other.json")])
    assert exited.value.code == 2
    assert "other.json" in capsys.readouterr().err


def test_what_is_not_installed_is_said_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as exited:
        command.main(["--only", "invoke"])
    assert exited.value.code == 2
    assert "pip install 'langgraph-engine[bench]'" in capsys.readouterr().err


def test_the_page_says_what_was_measured_on_what_and_how(measured, tmp_path):
    drawn = [("supersteps.svg", "Time per superstep")]
    text = page.written(measured, drawn, tmp_path / "benchmarks.md")
    assert "![Time per superstep](benchmarks/supersteps.svg)" in text
    assert "| chain | sync | superstep | 0.10 us ± 0.00 us | 210.0 us ± 10.0 us | 20.5 us" in text
    assert "beyond the floor 3.0x" in text
    assert "| chain | sync | 2.0 of 4 |" in text
    assert "| command | `nox -s bench -- --docs --quick` |" in text
    assert f"| langgraph | {measured.versions['langgraph']} |" in text
    assert "* rust on chain (sync): 10.2x stock, 20x asked for" in text
    assert measured.machine
    assert not {"hostname", "python_executable"} & set(measured.machine)


def test_plots_show_supersteps_and_shares(measured):
    assert plots.supersteps(measured.timings) == {
        "chain": {"langgraph": pytest.approx(210), "rust": pytest.approx(20.5)}
    }
    shares = plots.shares(measured.timings)["sequential_10"]
    assert shares["langgraph"] == pytest.approx((1, 3))
    assert shares["rust"] == pytest.approx((1, 1))


def test_the_command_on_the_page_names_no_place():
    argv = [
        "--json",
        "a.json",
        "--langgraph",
        "b",
        "--docs",
        "--clock",
        "cpu",
        "--only",
        "chain,loop",
    ]
    args = command._parser().parse_args(argv)
    assert command._command(args) == "nox -s bench -- --docs --clock cpu --only chain,loop"


# --- comparing answers


def test_answers_are_compared_without_what_is_random():
    one = {"id": "4a3ba421-5765-4d2f-9061-bbf8ca470cc2", "of": object()}
    other = {"id": "4a3ba421-5765-4d2f-9061-bbf8ca470cc3", "of": object()}
    assert digest(one) == digest(other)
    assert digest({"n": 1}) != digest({"n": 2})
    assert digest([{"a": 1}, {"b": 2}]) == digest([{"b": 2}, {"a": 1}])


def test_differences_name_the_place():
    here = {"messages": [{"text": "hi"}, {"text": "you"}], "only": 1}
    there = {"messages": [{"text": "hi"}, {"text": "me"}], "more": 1}
    assert list(differences(here, there, ("stock", "rust"))) == [
        'the result\'s messages[1].text is "you" on stock and "me" on rust',
        "the result's more is there on rust only",
        "the result's only is there on stock only",
    ]
