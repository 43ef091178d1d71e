"""``langgraph-engine bench``: results are compared before times are, and what is wrong is said."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from types import SimpleNamespace
from typing import TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import END, START, StateGraph

from langgraph_engine import cli
from langgraph_engine.bench import user_graph
from langgraph_engine.bench.user_graph import NodeClock, Target
from langgraph_engine.cli import bench

ENGINE = ("--engine", "python")

ODD = """\
import random
import langgraph_engine
from app import State
from langgraph.graph import START, StateGraph

def graph_of(node):
    builder = StateGraph(State)
    builder.add_node("add", node)
    builder.add_edge(START, "add")
    return builder.compile()

def unlike():
    return graph_of(lambda state: {"number": len(langgraph_engine.active())})

def failing():
    def node(state):
        if langgraph_engine.active() != "langgraph":
            raise ValueError("only on stock")
        return {"number": 1}
    return graph_of(node)

def random_one():
    return graph_of(lambda state: {"number": random.getrandbits(60)})

def handed_back():
    from langgraph.pregel._loop import PregelLoop
    own = PregelLoop.put_writes
    PregelLoop.put_writes = lambda self, *args, **kwargs: own(self, *args, **kwargs)
    return graph_of(lambda state: {"number": 1})
"""


class Numbers(TypedDict):
    number: int


@pytest.fixture
def run_bench(run_python, tmp_path):
    """Run the command on a graph of ``app.py`` or ``odd.py``, with a number to start from."""
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "in.json").write_text('{"number": 1}')
    return lambda *arguments: run_python(
        "-m", "langgraph_engine", "bench", "--input", "in.json", *ENGINE, "--runs", "2", *arguments
    )


def test_help(capsys):
    with pytest.raises(SystemExit) as exited:
        cli.main(["bench", "--help"])
    assert exited.value.code == 0
    out = capsys.readouterr().out
    assert "usage: langgraph-engine bench" in out
    for option in ("--input", "--config", "--engine", "--mode", "--runs", "--seconds", "--json"):
        assert option in out


def test_equal_results_are_said_and_timed(run_bench, tmp_path):
    done = run_bench("app:graph", "--mode", "both", "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    for mode in ("sync", "async"):
        assert f"python gives stock's result ({mode})" in done.stdout
        assert f"of stock's time ({mode})" in done.stdout
    stored = json.loads((tmp_path / "out.json").read_text())
    assert [(line["mode"], line["engine"]) for line in stored["results"]] == [
        (mode, engine) for mode in ("sync", "async") for engine in ("langgraph", "python")
    ]
    assert all(line["median_us"] > 0 and not line["error"] for line in stored["results"])
    assert set(stored["nodes_share"]) == {"sync", "async"}


@pytest.mark.parametrize(
    ("graph", "sentences"),
    [
        (
            "odd:unlike",
            (
                "python gives another result than stock (sync):",
                "  the result's number is 9 on stock and 6 on python",
            ),
        ),
        (
            "odd:failing",
            ("python fails where stock doesn't (sync): ValueError: only on stock",),
        ),
        ("odd:handed_back", ("python hands this graph back to stock (sync): LangGraph's own",)),
    ],
)
def test_what_is_wrong_ends_it(run_bench, graph, sentences):
    done = run_bench(graph)
    assert (done.returncode, done.stderr) == (1, "")
    for sentence in sentences:
        assert sentence in done.stdout
    assert "times stock" not in done.stdout


def test_results_that_differ_on_stock_are_not_compared(run_bench):
    done = run_bench("odd:random_one")
    assert done.returncode == 0, done.stdout
    assert "Stock's own results differ (sync), so none are compared: the result's" in done.stdout
    assert "times stock" in done.stdout


def test_a_graph_that_fails_on_stock_is_a_usage_error(run_bench, tmp_path):
    (tmp_path / "in.json").write_text('{"else": 1}')
    done = run_bench("app:graph")
    assert (done.returncode, done.stdout) == (2, "")
    assert "The graph fails on stock LangGraph (sync): " in done.stderr
    assert "check --input, --config and --mode" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--input", "no.json"), "--input: 'no.json' can't be read (No such file or directory); "),
        (("--input", "bad.json"), "--input: 'bad.json' is not JSON: "),
        (("--input", "-"), "--input: standard input is not JSON: "),
        (("--input", "latin.json"), "--input: 'latin.json' is not UTF-8; store it as UTF-8"),
        (("--input", "in.json", "--config", "in.json"), "--config: 'in.json' holds no JSON object"),
        (("--input", "in.json", "--engine", "zorp"), "Engine 'zorp' is not installed"),
        (("--input", "in.json", "--engine", "langgraph"), "Stock LangGraph is always measured; "),
        (("--input", "in.json"), "There is no module 'nowhere'"),
    ],
)
def test_bad_input_is_one_sentence_with_a_way_out(
    capsys, monkeypatch, tmp_path, arguments, sentence
):
    (tmp_path / "in.json").write_text("[1]")
    (tmp_path / "bad.json").write_text("[1")
    (tmp_path / "latin.json").write_bytes(b'"\xe4"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("{"))
    assert cli.main(["bench", *ENGINE, "nowhere:graph", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"langgraph-engine: {sentence}")


@pytest.mark.parametrize("arguments", [("--runs", "0"), ("--seconds", "-1"), ("--runs", "many")])
def test_numbers_are_above_zero(capsys, arguments):
    with pytest.raises(SystemExit) as exited:
        cli.main(["bench", "app:graph", "--input", "in.json", *arguments])
    assert exited.value.code == 2
    assert "is not a number above zero" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (0.93, "There is little to gain: nodes take 93% of stock's time (sync): at most 1.08x"),
        (0.25, "Nodes take 25% of stock's time (sync): at most 4.00x is to be had."),
        (0.01, "nearly all of it is LangGraph's own"),
        (None, "can't be told of this graph"),
    ],
)
def test_what_is_to_be_had(share, sentence):
    assert sentence in bench._to_gain("sync", share)


# --- a user's graph in a worker


@pytest.fixture
def slow_nodes(monkeypatch):
    """A node that takes five seconds of a clock that nothing else moves."""
    now = [0.0]
    monkeypatch.setattr(user_graph, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def node(state):
        now[0] += 5
        return {"number": state["number"] + 1}

    async def anode(state):
        return node(state)

    return node, anode


def built(node, saver=None):
    builder = StateGraph(Numbers)
    builder.add_node("add", node)
    builder.add_edge(START, "add")
    builder.add_edge("add", END)
    return builder.compile(checkpointer=saver)


def test_the_clock_counts_nodes_of_the_graph_and_its_subgraphs(slow_nodes):
    node, _ = slow_nodes
    builder = StateGraph(Numbers)
    builder.add_node("own", node)
    builder.add_node("child", built(node))
    builder.add_edge(START, "own")
    builder.add_edge("own", "child")
    graph, clock = builder.compile(), NodeClock()
    assert clock.watch(graph)
    assert graph.invoke({"number": 0}) == {"number": 2}
    assert clock.seconds == 10


def test_the_clock_counts_asynchronous_nodes(slow_nodes):
    graph, clock = built(slow_nodes[1]), NodeClock()
    assert clock.watch(graph)
    assert asyncio.run(graph.ainvoke({"number": 0})) == {"number": 1}
    assert clock.seconds == 5


def test_the_clock_counts_nodes_side_by_side_once(slow_nodes):
    clock = NodeClock()
    inner = clock._around(slow_nodes[0])
    outer = clock._around(lambda state: inner(inner(state)))
    assert outer({"number": 0}) == {"number": 2}
    assert clock.seconds == 10


def test_nodes_of_an_entrypoint_are_not_told_apart():
    @entrypoint()
    def workflow(number: int) -> int:
        return number

    assert not NodeClock().watch(workflow)


def test_each_run_has_a_thread_that_is_deleted():
    saver = InMemorySaver()
    program = Target("app:graph", {"number": 0}, {"tags": ["one"]}).program(
        built(lambda state: {"number": state["number"] + 1}, saver), False
    )
    assert [program.run(), program.run()] == [{"number": 1}] * 2
    assert len(saver.storage) == 2
    program.clean_up()
    assert not saver.storage


def test_a_target_comes_back_from_its_text():
    target = Target("app:graph", [1, {"two": None}], {"recursion_limit": 3})
    assert Target.parse(target.text()) == target
