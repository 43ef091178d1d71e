"""Checkpoint ids: those LangGraph would have drawn, and in order with the ones it draws."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.base import id as langgraphs
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import InvalidUpdateError
from langgraph.graph import END, START, StateGraph

import langgraph_engine
from langgraph_engine import upstream
from langgraph_engine.checkpoint_ids import counts_versions, saved_id, unsaved_id

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]


class _State(TypedDict):
    n: int


def _same_as_on_stock(engine: str, program: Callable[[], Any]) -> None:
    langgraph_engine.install("langgraph")
    stock = program()
    langgraph_engine.install(engine, unsupported="raise")
    assert program() == stock


@pytest.mark.parametrize("step", [-2, -1, 0, 1, 4711, 2**14 - 1, 2**14, 10**9])
def test_the_id_is_the_one_langgraph_would_have_drawn(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    monkeypatch.setattr(random, "getrandbits", lambda bits: 0x0ABCDEF01234 >> 48 - bits)
    monkeypatch.setattr(langgraphs, "_last_v6_timestamp", None)
    expected = str(langgraphs.uuid6(clock_seq=step))
    monkeypatch.setattr(langgraphs, "_last_v6_timestamp", None)
    assert saved_id(step) == expected


def test_ids_grow_whoever_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = time.time_ns()
    times = iter([moment, moment, moment - 5_000, moment, moment + 10_000, moment])
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    draws: list[Any] = [saved_id, lambda step: str(langgraphs.uuid6(clock_seq=step))] * 3
    drawn = [draw(3) for draw in draws]
    assert drawn == sorted(set(drawn))


def test_whoever_replaced_langgraphs_ids_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "uuid6", lambda clock_seq: uuid.UUID(int=clock_seq))
    assert saved_id(7) == "00000000-0000-0000-0000-000000000007"


def test_ids_of_runs_that_are_not_saved_have_the_same_form() -> None:
    drawn = [unsaved_id() for _ in range(50)]
    assert drawn == sorted(set(drawn))
    assert {uuid.UUID(found).version for found in drawn} == {6}
    assert all(str(uuid.UUID(found)) == found for found in drawn)


def test_a_replacement_from_before_is_asked_as_well() -> None:
    """A process of its own: what counts is who was there when the engine was imported."""
    program = """
import uuid
import langgraph.checkpoint.base.id as ids
ids.uuid6 = lambda node=None, clock_seq=None: uuid.UUID(int=clock_seq)
from langgraph_engine.checkpoint_ids import saved_id
print(saved_id(7))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "00000000-0000-0000-0000-000000000007"


# -- versions of LangGraph's savers ----------------------------------------------------------------


class _Own(InMemorySaver):
    def get_next_version(self, current: Any, channel: None) -> Any:
        return super().get_next_version(current, channel)


class _Inherits(InMemorySaver):
    pass


def _with_its_own_on_the_instance() -> InMemorySaver:
    saver = InMemorySaver()
    saver.get_next_version = lambda current, _: current  # type: ignore[method-assign]
    return saver


@pytest.mark.parametrize(
    ("make", "counts"),
    [
        (InMemorySaver, True),
        (_Inherits, True),
        (_Own, False),
        (_with_its_own_on_the_instance, False),
        (BaseCheckpointSaver, False),  # its versions are integers
    ],
)
def test_versions_of_langgraphs_savers_are_known(make: Any, counts: bool) -> None:
    assert counts_versions(make()) is counts


def test_versions_of_a_saver_in_another_package_are_known() -> None:
    with SqliteSaver.from_conn_string(":memory:") as saver:
        assert counts_versions(saver)


def test_a_saver_is_asked_if_its_method_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InMemorySaver, "get_next_version", lambda _, current, __: current)
    assert not counts_versions(InMemorySaver())


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_drawn_from_may_be_replaced(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 1)
    monkeypatch.setattr(time, "time_ns", lambda: -(10**18) - 1)

    def saved() -> Any:
        monkeypatch.setattr(langgraphs, "_last_v6_timestamp", None)
        monkeypatch.setattr(random, "getrandbits", lambda bits: (1 << bits) - 1)
        saver = InMemorySaver()
        builder = StateGraph(_State).add_node("node", lambda state: {"n": state["n"] + 1})
        builder.add_edge(START, "node")
        config: Any = {"configurable": {"thread_id": "1"}}
        builder.compile(checkpointer=saver).invoke({"n": 0}, config)
        found = [each.checkpoint for each in saver.list(config)]
        return [(each["id"], each["channel_versions"]) for each in found]

    _same_as_on_stock(engine, saved)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_commit_that_is_refused_draws_no_id(engine: str) -> None:
    def twice(_: _State) -> Any:
        return [{"n": 1}, {"n": 2}]

    def left() -> float:
        builder = StateGraph(_State).add_node("node", twice).add_edge(START, "node")
        graph = builder.compile(checkpointer=InMemorySaver())
        random.seed(5)
        with pytest.raises(InvalidUpdateError):
            graph.invoke({"n": 0}, {"configurable": {"thread_id": "1"}})
        return random.random()

    _same_as_on_stock(engine, left)


@pytest.mark.parametrize("engine", ENGINES)
def test_versions_and_ids_are_drawn_as_on_stock(engine: str) -> None:
    """The same numbers in the same order: what a run leaves in the module ``random`` shows it."""

    def drawn() -> Any:
        saver = InMemorySaver()
        builder = StateGraph(_State).add_node("node", lambda state: {"n": state["n"] + 1})
        builder.add_edge(START, "node")
        builder.add_conditional_edges("node", lambda s: "node" if s["n"] < 9 else END)
        config: Any = {"configurable": {"thread_id": "1"}}
        random.seed(11)
        builder.compile(checkpointer=saver).invoke({"n": 0}, config)
        saved = [each.checkpoint for each in saver.list(config)]
        return (
            [each["channel_versions"] for each in saved],
            [each["id"].split("-", 3)[3] for each in saved],
            random.random(),
        )

    _same_as_on_stock(engine, drawn)
