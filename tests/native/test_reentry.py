"""User code that is called in the middle of a commit may look at the run, not change it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from langgraph_engine.errors import ProtocolError


def test_a_reducer_sees_the_run_as_it_was_before(graph_of: Any) -> None:
    looks: list[Any] = []

    def fold(base: Any, values: Any) -> Any:
        run = graph.run
        looks.append((run.read("go"), run.read(["go", "sum"]), run.state("sum")))
        looks.append((run.max_version(), run.unseen("n"), [t.name for t in graph.plan().tasks]))
        looks.append(graph.saved()["channel_values"])
        return list(values)

    graph = graph_of(fold=fold)
    graph.write(("go", "old"))
    graph.write(("go", "new"), ("sum", 1))
    assert looks[0][:2] == ("old", {"go": "old"})
    assert looks[1] == (1, True, ["n"])
    assert looks[2] == {"go": "old"}
    assert graph.run.read(["go", "sum"]) == {"go": "new", "sum": [1]}


@pytest.mark.parametrize("call", ["commit", "see"])
def test_a_reducer_that_changes_its_run_is_refused(graph_of: Any, call: str) -> None:
    refused: list[ProtocolError] = []

    def fold(base: Any, values: Any) -> Any:
        with pytest.raises(ProtocolError, match="middle of its own commit") as caught:
            graph.write(("go", "inner")) if call == "commit" else graph.run.see("n")
        refused.append(caught.value)
        return list(values)

    graph = graph_of(fold=fold)
    assert graph.write(("go", "outer"), ("sum", 1)) == {"go", "sum"}
    assert call in str(refused[0])
    assert graph.run.read(["go", "sum"]) == {"go": "outer", "sum": [1]}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_a_reducer_raises_passes_and_changes_nothing(
    graph_of: Any, error: type[BaseException]
) -> None:
    def fold(base: Any, values: Any) -> Any:
        if "boom" in values:
            raise error("the user's")
        return list(values)

    graph = graph_of(fold=fold)
    graph.write(("go", "old"), ("sum", 1))
    before = graph.saved()
    with pytest.raises(error, match="the user's"):
        graph.step(("go", "new"), ("sum", "boom"))
    assert graph.saved() == before
    assert graph.step(("go", "new"), ("sum", 2)) == {"go", "sum"}


def test_a_second_thread_in_the_middle_of_a_commit_is_refused(graph_of: Any) -> None:
    inside, done = threading.Event(), threading.Event()
    answers: list[Any] = []

    def fold(base: Any, values: Any) -> Any:
        inside.set()
        assert done.wait(10)
        return list(values)

    def second() -> None:
        assert inside.wait(10)
        answers.append(graph.run.read("go"))
        try:
            graph.write(("go", "second"))
        except ProtocolError as error:
            answers.append(str(error))
        done.set()

    graph = graph_of(fold=fold)
    graph.write(("go", "old"))
    thread = threading.Thread(target=second)
    thread.start()
    graph.write(("go", "first"), ("sum", 1))
    thread.join()
    assert answers[0] == "old"
    assert "middle of its own commit" in answers[1]
    assert graph.run.read("go") == "first"


class Meddler:
    """A custom channel that reads its run from each of its methods."""

    run: Any = None

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def look(self) -> None:
        if Meddler.run is not None:
            assert Meddler.run.read("go") == "old"

    def from_checkpoint(self, saved: Any) -> Meddler:
        return Meddler()

    def copy(self) -> Meddler:
        self.look()
        return Meddler(self.value)

    def checkpoint(self) -> Any:
        self.look()
        return self.value

    def get(self) -> Any:
        self.look()
        return self.value

    def is_available(self) -> bool:
        self.look()
        return self.value is not None

    def update(self, values: Any) -> bool:
        self.look()
        if values:
            self.value = values[-1]
        return bool(values)

    def consume(self) -> bool:
        self.look()
        return False

    def finish(self) -> bool:
        self.look()
        return False


def test_a_custom_channel_may_read_its_run_from_every_method(graph_of: Any) -> None:
    graph = graph_of(custom=Meddler())
    graph.write(("go", "old"), ("own", 1))
    Meddler.run = graph.run
    try:
        graph.step(("go", "old"), ("own", 2))
        assert graph.run.read(["own"], [("own", 3)]) == {"own": 3}
        assert graph.run.read("own") == 2
        assert graph.saved()["channel_values"]["own"] == 2
    finally:
        Meddler.run = None


def test_writes_may_come_from_any_iterable(graph: Any) -> None:
    def lazy() -> Any:
        yield ("go", graph.run.read("sum"))
        yield ["sum", 2]

    graph.write(("sum", 1))
    from langgraph_engine.protocol import TaskWrites

    graph.run.commit((TaskWrites((), "__input__", lazy(), ()),), None)
    assert graph.run.read(["go", "sum"]) == {"go": [1], "sum": [1, 2]}
