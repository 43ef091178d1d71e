"""A run begun on one engine, stopped or killed there, ends on any other as it would have ended on stock.

Unlike `test_resume_across`, where stock and an engine take turns at the steps of the corpus, here
every engine takes over from every other one, from a saver in memory, from one in a file and from Postgres.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

import langgraph_engine

from .compare import report
from .corpus import STOCK, TESTS, engine_names
from .elsewhere import ANSWER, INPUT, PROGRAMS, THREAD
from .freeze import freeze
from .record import ANY_ID, with_ids_numbered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ENGINES = [STOCK, *engine_names()]
PAIRS = [f"{first}>{second}" for first, second in itertools.product(ENGINES, ENGINES)]


class Killed(BaseException):
    """Ends a run the hard way: nothing may catch it."""


@pytest.fixture(autouse=True)
def stock_again() -> Iterator[None]:
    yield
    langgraph_engine.uninstall()


# A saver is opened for the one who begins and again for the one who goes on: what only the first
# one's object knows is lost, unless it is the saver in memory, which is nothing but its object.


@functools.lru_cache(maxsize=2)
def _kept_in_memory(file: Path) -> InMemorySaver:
    return InMemorySaver()


@contextmanager
def _memory(file: Path) -> Iterator[Any]:
    yield _kept_in_memory(file)


@asynccontextmanager
async def _amemory(file: Path) -> AsyncIterator[Any]:
    with _memory(file) as saver:
        yield saver


@contextmanager
def _sqlite(file: Path) -> Iterator[Any]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    with SqliteSaver.from_conn_string(str(file)) as saver:
        yield saver


@asynccontextmanager
async def _asqlite(file: Path) -> AsyncIterator[Any]:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        yield saver


@contextmanager
def _postgres(file: Path) -> Iterator[Any]:
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(POSTGRES["uri"]) as saver:
        yield saver


@asynccontextmanager
async def _apostgres(file: Path) -> AsyncIterator[Any]:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    async with AsyncPostgresSaver.from_conn_string(POSTGRES["uri"]) as saver:
        yield saver


POSTGRES: dict[str, str] = {}
"""Where the server is, once a test asked for it."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URI of a database; the server is this session's own."""
    postgres_saver = pytest.importorskip(
        "langgraph.checkpoint.postgres", reason="no langgraph-checkpoint-postgres"
    ).PostgresSaver
    command = [sys.executable, "-m", "tests.upstream.services"]
    with subprocess.Popen(
        command,
        cwd=TESTS.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin
        assert server.stdout
        assert server.stderr
        uri = server.stdout.readline().strip()
        if not uri:
            words = server.stderr.read().strip()
            assert server.wait(30) == 2, words
            pytest.skip(words)
        with postgres_saver.from_conn_string(f"{uri}postgres") as saver:
            saver.setup()
        yield f"{uri}postgres"
        server.stdin.close()
        assert server.wait(30) == 0


SAVERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "memory": (_memory, _amemory),
    "sqlite": (_sqlite, _asqlite),
    "postgres": (_postgres, _apostgres),
}
"""How to open a saver, from a thread and in an event loop; another kind is one more entry."""


@pytest.fixture(params=SAVERS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        pytest.importorskip("langgraph.checkpoint.sqlite", reason="no langgraph-checkpoint-sqlite")
    if request.param == "postgres":
        POSTGRES["uri"] = request.getfixturevalue("postgres")
    return str(request.param)


class Thread:
    """One thread of a program, each call of it on an engine of its own.

    Attributes:
        seen: What the calls returned.
    """

    def __init__(self, program: str, kind: str, file: Path, is_async: bool) -> None:
        self._make = PROGRAMS[program]
        self._open, self._aopen = SAVERS[kind]
        self._file = file
        self._is_async = is_async
        self.seen: list[Any] = []
        if kind == "postgres":  # one database for all threads, each of which begins anew
            with self._open(file) as saver:
                saver.delete_thread("1")

    def call(self, engine: str, input: Any, dies: bool = False) -> None:
        """`graph.invoke(input)`, in which it may die."""
        langgraph_engine.install(engine, unsupported="raise")
        try:
            if self._is_async:
                self.seen.append(asyncio.run(self._ainvoke(input, dies)))
            else:
                with self._open(self._file) as saver:
                    graph = self._make(saver, self._perhaps_die(dies))
                    self.seen.append(graph.invoke(input, THREAD, durability="sync"))
        except Killed:
            self.seen.append("killed")

    async def _ainvoke(self, input: Any, dies: bool) -> Any:
        async with self._aopen(self._file) as saver:
            graph = self._make(saver, self._perhaps_die(dies))
            try:
                return await graph.ainvoke(input, THREAD, durability="sync")
            finally:
                # Stock doesn't wait for its last writes when a run is killed.
                left = asyncio.all_tasks() - {asyncio.current_task()}
                if left:
                    await asyncio.wait(left)

    def _perhaps_die(self, dies: bool) -> Callable[[], None]:
        def perhaps_die() -> None:
            if dies:
                raise Killed

        return perhaps_die

    def outcome(self, engine: str) -> dict[str, Any]:
        """What the calls returned, and the thread's whole history as an engine reads it."""
        langgraph_engine.install(engine, unsupported="raise")
        if self._is_async:
            history = asyncio.run(self._ahistory())
        else:
            with self._open(self._file) as saver:
                graph = self._make(saver, lambda: None)
                history = list(graph.get_state_history(THREAD))
        frozen = freeze({"seen": self.seen, "history": history})
        # How far a killed run got with noting its tasks' errors differs from run to run.
        left_out = {"created_at", *(("error",) if "killed" in self.seen else ())}
        return with_ids_numbered(_without(frozen, left_out), ANY_ID)

    async def _ahistory(self) -> list[Any]:
        async with self._aopen(self._file) as saver:
            graph = self._make(saver, lambda: None)
            return [snapshot async for snapshot in graph.aget_state_history(THREAD)]


def _without(frozen: Any, keys: set[str]) -> Any:
    if isinstance(frozen, list):
        return [_without(item, keys) for item in frozen]
    if isinstance(frozen, dict):
        return {key: _without(item, keys) for key, item in frozen.items() if key not in keys}
    return frozen


def _interrupted(thread: Thread, first: str, second: str) -> None:
    thread.call(first, INPUT)
    thread.call(second, ANSWER)
    thread.call(first, ANSWER)


def _killed(thread: Thread, first: str, second: str) -> None:
    thread.call(first, INPUT, dies=True)
    thread.call(second, None)
    thread.call(first, ANSWER)


def _killed_after_an_answer(thread: Thread, first: str, second: str) -> None:
    thread.call(second, INPUT)
    thread.call(first, ANSWER, dies=True)
    thread.call(second, None)


STOPS = {"interrupted": _interrupted, "killed": _killed, "killed later": _killed_after_an_answer}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("engines", PAIRS)
def test_a_run_goes_on_elsewhere(
    engines: str, program: str, stop: str, mode: str, kind: str, tmp_path: Path
) -> None:
    outcomes = []
    for first, second in ((STOCK, STOCK), engines.split(">")):
        thread = Thread(program, kind, tmp_path / str(len(outcomes)), mode == "async")
        STOPS[stop](thread, first, second)
        outcomes.append(thread.outcome(second))
    message = report(f"{engines}, {program}, {stop}", *outcomes)
    if message is not None:
        pytest.fail(message, pytrace=False)


@pytest.fixture(scope="session")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The file a process left that ran a program on an engine and died."""

    @functools.cache
    def file_of(engine: str, program: str) -> Path:
        file = tmp_path_factory.mktemp("died") / f"{engine}-{program}.sqlite"
        command = [sys.executable, "-m", "parity.elsewhere", engine, program, str(file)]
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        died = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert died.returncode == 9, died.stderr
        return file

    return file_of


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("engines", PAIRS)
def test_a_run_whose_process_died_goes_on_elsewhere(
    engines: str, program: str, left_behind: Callable[[str, str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("langgraph.checkpoint.sqlite", reason="no langgraph-checkpoint-sqlite")
    outcomes = []
    for first, second in ((STOCK, STOCK), engines.split(">")):
        file = tmp_path / f"{len(outcomes)}.sqlite"
        for left in (died := left_behind(first, program)).parent.glob(f"{died.name}*"):
            shutil.copy(left, file.with_name(left.name.replace(died.name, file.name)))
        thread = Thread(program, "sqlite", file, is_async=False)
        thread.call(second, None)
        thread.call(second, ANSWER)
        outcomes.append(thread.outcome(second))
    message = report(f"{engines}, {program}", *outcomes)
    if message is not None:
        pytest.fail(message, pytrace=False)
