"""What a conditional edge reads while its task is under way, and how often reading it calls a reducer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langgraph_engine_python.engine import PythonEngine

from langgraph_engine.protocol import (
    ChannelSpec,
    CommitRejected,
    GraphSpec,
    NodeSpec,
    TaskWrites,
)

CHECKPOINT_ID = "1ef4f797-8335-6428-8001-8a1503f9b875"
MISSING = object()
Writes = list[tuple[str, Any]]

KEYS: list[Any] = [
    "n",
    "log",
    "never",
    ["n", "who"],
    ["who", "log", "n"],
    ("log", "log"),
    ["n", "never"],
    ["n", "unread"],
    ["n", "flash"],
    ["log", "seen"],
]
WRITES: list[Writes] = [
    [("n", 2)],
    [("n", 2), ("who", "you")],
    [("log", "b")],
    [("log", "b"), ("n", None), ("log", "c"), ("flash", 1)],
    [("n", 2), ("n", 3)],
    [("never", 1), ("unread", 2), ("seen", 3)],
    [("nobody", 1), ("__no_writes__", None)],
    [("log", "raises"), ("n", 2)],
]


class Recorded:
    """A run, and what its reducer was asked."""

    def __init__(self, engine: Any) -> None:
        self.asked: list[Any] = []
        channels = (
            ChannelSpec("go", "ephemeral_value"),
            ChannelSpec("n", "last_value"),
            ChannelSpec("who", "last_value"),
            ChannelSpec("never", "last_value"),
            ChannelSpec("unread", "last_value"),
            ChannelSpec("log", "binary_operator", fold=self._fold, initial=list),
            ChannelSpec("flash", "ephemeral_value"),
            ChannelSpec("seen", "topic", accumulate=True),
        )
        reads = ("n", "who", "never", "log", "flash", "seen")
        nodes = (NodeSpec("node", ("go",), reads),)
        self._program = engine.compile(
            GraphSpec(channels, nodes, {"go": ("node",)}, MISSING, tuple)
        )
        self.run = self._program.restore(None)

    def _fold(self, base: Any, values: Sequence[Any]) -> Any:
        self.asked.append((base, [*values]))
        if "raises" in values:
            raise KeyError("raises")
        return [*([] if base is MISSING else base), *values]

    def begin(self) -> Any:
        """Commit an input and plan: the node's task."""
        writes = [("go", None), ("n", 1), ("who", "me"), ("unread", 0), ("log", "a")]
        self.run.commit([TaskWrites((), "__input__", writes, ())], None)
        plan = self.run.plan(0, CHECKPOINT_ID, "", ["go"])
        self.asked.clear()
        (task,) = plan.tasks
        return task

    def read(self, keys: Any, writes: Writes | None) -> Any:
        """What reading gives, or raises, and what the reducer was asked on the way."""
        self.asked.clear()
        try:
            found = self.run.read(keys, writes)
        except (CommitRejected, KeyError) as error:
            found = type(error), str(error)
        return [*found.items()] if isinstance(found, dict) else found, self.asked.copy()


@pytest.fixture
def both(engine: Any) -> tuple[Recorded, Recorded]:
    """A run on the engine, and one on the readable engine."""
    return Recorded(engine), Recorded(PythonEngine())


@pytest.mark.parametrize("writes", WRITES, ids=repr)
@pytest.mark.parametrize("keys", KEYS, ids=repr)
def test_a_task_s_own_writes_are_read_as_if_committed(
    both: tuple[Recorded, Recorded], keys: Any, writes: Writes
) -> None:
    tasks = [recorded.begin() for recorded in both]
    found, expected = (recorded.read(keys, writes) for recorded in both)
    assert found == expected
    # A node may change the dict it was given; the channels hold what they held.
    for task in tasks:
        task.input.clear()
    found, expected = (recorded.read(keys, writes) for recorded in both)
    assert found == expected


@pytest.mark.parametrize("keys", KEYS, ids=repr)
def test_a_commit_is_seen_by_the_next_read(both: tuple[Recorded, Recorded], keys: Any) -> None:
    answers = []
    for recorded in both:
        task = recorded.begin()
        writes = [("n", 5), ("log", "b"), ("never", 6)]
        recorded.run.commit([TaskWrites(task.path, task.name, writes, task.triggers)], None)
        answers.append([recorded.read(keys, own) for own in (None, [("who", "you")])])
    assert answers[0] == answers[1]


def test_a_commit_that_is_refused_changes_no_read(both: tuple[Recorded, Recorded]) -> None:
    answers = []
    for recorded in both:
        task = recorded.begin()
        writes = [("n", 5), ("n", 6), ("log", "b")]
        with pytest.raises(CommitRejected):
            recorded.run.commit([TaskWrites(task.path, task.name, writes, task.triggers)], None)
        answers.append(recorded.read(["n", "log"], [("who", "you"), ("log", "c")]))
    assert answers[0] == answers[1]
    assert answers[0][0] == [("n", 1), ("log", ["a", "c"])]
