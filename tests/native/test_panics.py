"""A bug inside the engine is an ordinary exception, costs one run, and never the process."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from langgraph_engine.errors import EngineError, EnginePanicError

CALLS = {
    "plan": lambda graph: graph.plan(),
    "commit": lambda graph: graph.write(("go", 1)),
    "read": lambda graph: graph.run.read("go"),
    "state": lambda graph: graph.run.state("go"),
    "max_version": lambda graph: graph.run.max_version(),
    "see": lambda graph: graph.run.see("n"),
    "unseen": lambda graph: graph.run.unseen("n"),
    "checkpoint": lambda graph: graph.saved(),
    "push": lambda graph: graph.run.push("n", (), (), 0, "00", ""),
}


@pytest.fixture(params=["plan", "commit"])
def panicked(request: pytest.FixtureRequest, graph: Any, innards: Any) -> Any:
    """A graph whose run just panicked."""
    graph.write(("sum", 1))
    innards.inject_panic(graph.program, request.param)
    with pytest.raises(EnginePanicError, match="injected by a test") as caught:
        CALLS[request.param](graph)
    assert isinstance(caught.value, EngineError)
    message = str(caught.value)
    assert "program.rs:" in message
    assert "This run is lost" in message
    assert "next run works" in message
    return graph


@pytest.mark.parametrize("call", CALLS)
def test_a_lost_run_refuses_every_call(panicked: Any, call: str) -> None:
    with pytest.raises(EnginePanicError, match="lost"):
        CALLS[call](panicked)


def test_the_next_run_works(panicked: Any) -> None:
    panicked.run = panicked.program.restore(None)
    assert panicked.write(("go", 1), ("sum", 2)) == {"go", "sum"}
    (task,) = panicked.plan().tasks
    assert task.input == {"go": 1, "sum": [2]}


def test_other_runs_of_the_program_go_on(graph: Any, innards: Any) -> None:
    other = graph.program.restore(None)
    innards.inject_panic(graph.program, "commit")
    with pytest.raises(EnginePanicError):
        graph.write(("go", 1))
    graph.run = other
    assert graph.write(("go", 1)) == {"go"}


def test_a_panic_in_restore(graph: Any, innards: Any) -> None:
    innards.inject_panic(graph.program, "restore")
    with pytest.raises(EnginePanicError, match="injected by a test"):
        graph.program.restore(None)
    assert graph.program.restore(None).max_version() is None


def test_a_panic_on_another_thread(graph: Any, innards: Any) -> None:
    caught = []

    def run() -> None:
        try:
            graph.plan()
        except EnginePanicError as error:
            caught.append(error)

    innards.inject_panic(graph.program, "plan")
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_an_unknown_place_for_a_panic_is_refused(graph: Any, innards: Any) -> None:
    with pytest.raises(ValueError, match="no panic point 'nowhere'"):
        innards.inject_panic(graph.program, "nowhere")
