"""Protocol level: where an event loop and a thread tell each other of jobs; the facade's, for an engine that has none."""

# ruff: noqa: D103 - a test's name says what it shows

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from langgraph_engine.meeting import Meeting, meetings
from langgraph_engine.protocol import Engine

pytestmark = pytest.mark.level("protocol")

LONG = 60.0
"""Seconds nobody waits for in vain."""
JOBS = 2000


@pytest.fixture
def meeting(engine: Engine) -> Meeting:
    return meetings(engine)()


class Thread:
    """A thread that does jobs, as the facade's do. Its first is done at once.

    Attributes:
        told: What the event loop was told of while it didn't wait.
    """

    def __init__(self, meeting: Meeting, patience: float) -> None:
        self._meeting, self._patience = meeting, patience
        self.job: Callable[[], None] = lambda: None
        self.told: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert self.told.get(timeout=LONG) is self.job

    def _serve(self) -> None:
        came: bool | None = True
        while came:
            job = self.job
            job()
            came = self._meeting.finished(self._patience)
            if came is None:
                self.told.put(job)
                came = self._meeting.look(self._patience)

    def ask(self, job: Callable[[], None], seconds: float) -> bool | None:
        self.job = job
        return self._meeting.ask(seconds)

    def has_left(self) -> bool:
        self._thread.join(LONG)
        return not self._thread.is_alive()


@pytest.fixture
def thread(meeting: Meeting) -> Iterator[Thread]:
    thread = Thread(meeting, LONG)
    yield thread
    meeting.dismiss()
    assert thread.has_left()


@pytest.mark.behavior(
    "ask: The thread finds each job once, and the event loop is told of each once."
)
def test_each_job_is_done_and_told_once(thread: Thread) -> None:
    draw = random.Random(1)  # noqa: S311 - so that it can be repeated
    done: list[int] = []

    def job(number: int, seconds: float) -> None:
        done.append(number)
        if seconds:
            time.sleep(seconds)

    for number in range(JOBS):
        # Some end while the event loop waits, some later, and some just then.
        takes = draw.choice([0, 0, 0, 0.0001, 0.0003])
        waits = draw.choice([0, 0, 0.00005, 0.0001, 0.0003, LONG])
        is_done = thread.ask(lambda n=number, t=takes: job(n, t), waits)  # type: ignore[misc]
        assert is_done is not None
        if not is_done:
            assert thread.told.get(timeout=LONG) is thread.job
        assert done == [*range(number + 1)]
    assert thread.told.empty()


@pytest.mark.behavior(
    "ask: A job that isn't done in time is done all the same; the thread hears that nobody waits."
)
@pytest.mark.parametrize("seconds", [0, 0.001])
def test_a_job_that_takes_long_is_done_all_the_same(thread: Thread, seconds: float) -> None:
    goes_on = threading.Event()

    def job() -> None:
        assert goes_on.wait(LONG)

    assert thread.ask(job, seconds) is False
    assert thread.told.empty()
    goes_on.set()
    assert thread.told.get(timeout=LONG) is job


def test_a_thread_that_fell_asleep_is_woken(thread: Thread) -> None:
    for _ in range(3):
        time.sleep(0.01)  # nobody looks for that long
        if not thread.ask(lambda: None, LONG):
            thread.told.get(timeout=LONG)


@pytest.mark.behavior("ask: Once the thread has left, no job is taken.")
def test_a_thread_leaves_when_no_job_comes(meeting: Meeting) -> None:
    thread = Thread(meeting, 0.001)
    assert thread.has_left()
    assert thread.ask(lambda: None, LONG) is None


@pytest.mark.behavior(
    "look: A thread that looks for no time at all leaves, unless there is a job already."
)
@pytest.mark.parametrize("comes", [True, False])
def test_a_thread_may_look_just_once(meeting: Meeting, *, comes: bool) -> None:
    assert meeting.finished(LONG) is None
    if comes:
        assert meeting.ask(0) is False
    assert meeting.look(0) is comes
    if comes:
        assert meeting.leave() is False
    assert meeting.ask(LONG) is None


def test_a_thread_leaves_when_it_wants_to(meeting: Meeting) -> None:
    assert meeting.leave() is False
    assert meeting.ask(LONG) is None


@pytest.mark.parametrize("pause", [0, 0.01])
@pytest.mark.behavior("dismiss: A thread that looks for a job leaves.")
def test_a_dismissed_thread_leaves(meeting: Meeting, pause: float) -> None:
    thread = Thread(meeting, LONG)
    time.sleep(pause)  # it looks for a job, or sleeps already
    meeting.dismiss()
    assert thread.has_left()
    assert thread.ask(lambda: None, LONG) is None
    meeting.dismiss()


def test_an_event_loop_that_waits_is_told_that_the_thread_leaves(meeting: Meeting) -> None:
    told: SimpleQueue[bool] = SimpleQueue()

    def leaving() -> None:
        assert meeting.finished(LONG) is None
        assert meeting.look(LONG)
        told.put(meeting.leave())

    thread = threading.Thread(target=leaving)
    thread.start()
    while (is_done := meeting.ask(LONG)) is None:
        time.sleep(0)  # it isn't done with its first job yet
    thread.join()
    assert told.get() is is_done


@pytest.mark.behavior(
    "wait: The event loop is told of the first job here; if it isn't done in time, "
    "the thread hears that nobody waits."
)
@pytest.mark.parametrize("takes", [0.0, 0.0001, 0.02])
@pytest.mark.parametrize("waits", [0.0001, 0.001, LONG])
@pytest.mark.parametrize("leaves", [True, False])
def test_the_first_job_may_be_waited_for(
    engine: Engine, *, takes: float, waits: float, leaves: bool
) -> None:
    meeting = meetings(engine)(awaited=True)
    told: SimpleQueue[bool] = SimpleQueue()

    def serve() -> None:
        if takes:
            time.sleep(takes)
        was_told = meeting.leave() if leaves else meeting.finished(0.001) is not None
        told.put(was_told)
        if not (was_told or leaves):
            meeting.look(0.001)

    thread = threading.Thread(target=serve)
    thread.start()
    is_done = meeting.wait(waits)
    assert told.get(timeout=LONG) is is_done
    thread.join(LONG)
    assert meeting.ask(LONG) is None


@pytest.mark.parametrize("leaves", [True, False])
def test_a_job_may_be_done_before_it_is_waited_for(engine: Engine, *, leaves: bool) -> None:
    meeting = meetings(engine)(awaited=True)
    thread = threading.Thread(target=meeting.leave if leaves else lambda: meeting.finished(0))
    thread.start()
    thread.join()
    assert meeting.wait(LONG) is True
    assert meeting.ask(LONG) is None
