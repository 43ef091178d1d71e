"""Cycles of objects that lead through Rust are found by the garbage collector."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest


class Marker:
    """Something whose end can be seen."""

    def __init__(self, **links: Any) -> None:
        self.__dict__.update(links)


def ended(marker: weakref.ref[Any]) -> bool:
    gc.collect()
    return marker() is None


def test_a_value_that_refers_to_its_run(graph: Any) -> None:
    value = Marker(run=graph.run)
    seen = weakref.ref(value)
    graph.write(("go", value))
    graph.run = None
    del value
    assert ended(seen)


@pytest.mark.parametrize("channel", ["sum", "__pregel_tasks", "topic", "late", "own"])
def test_every_shape_of_state_is_visited(graph_of: Any, channel: str) -> None:
    from langgraph_engine.protocol import ChannelSpec

    more = (
        ChannelSpec("topic", "topic"),
        ChannelSpec("late", "last_value_after_finish"),
        ChannelSpec("own", "last_value"),
    )
    graph = graph_of(more=more)
    value = Marker(run=graph.run)
    seen = weakref.ref(value)
    graph.write((channel, value))
    graph.run = None
    del value
    assert ended(seen)


def test_a_reducer_that_refers_to_its_program(graph_of: Any) -> None:
    def cycle() -> weakref.ref[Any]:
        home = Marker()

        def fold(base: Any, values: Any) -> Any:
            return home, base, values

        home.program = graph_of(fold=fold).program
        return weakref.ref(home)

    assert ended(cycle())


def test_an_input_that_refers_to_its_task(graph: Any) -> None:
    value = Marker()
    seen = weakref.ref(value)
    graph.write(("go", value))
    (task,) = graph.plan().tasks
    assert task.input["go"] is value
    value.task = task
    graph.write(("go", None))
    del task, value
    assert ended(seen)


def test_a_commit_given_up_keeps_nothing(graph_of: Any) -> None:
    def fold(base: Any, values: Any) -> Any:
        raise ValueError(len(values))

    graph = graph_of(fold=fold)
    value = Marker()
    seen = weakref.ref(value)
    with pytest.raises(ValueError, match="1"):
        graph.write(("go", value), ("sum", value))
    del value
    assert ended(seen)


def test_replaced_values_end_at_once(graph: Any) -> None:
    value = Marker()
    seen = weakref.ref(value)
    graph.write(("go", value))
    del value
    assert seen() is not None
    graph.write(("go", 2))
    assert seen() is None


def test_a_value_may_use_its_run_while_it_ends(graph: Any) -> None:
    answers = []

    class Last:
        def __init__(self, run: Any) -> None:
            self.run = run

        def __del__(self) -> None:
            answers.append(self.run.read("go"))

    graph.write(("go", Last(graph.run)))
    graph.write(("go", "new"))
    assert answers == ["new"]
