"""Gives each test one run of one app on one engine, and stock's run of the same app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .corpus import STOCK, Key, app_names, engine_names, keys_of, record_corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    Recorded = Callable[..., dict[Key, dict[str, Any]]]

HANDED_OVER = (
    "chat_with_memory",
    "draining_subgraphs",
    "durability_modes",
    "error_handler_that_asks",
    "error_in_node",
    "error_in_parallel_task",
    "functional_api",
    "functional_api_with_interrupt",
    "functional_memory",
    "interrupted_at_the_keyboard",
    "interrupt_and_resume",
    "interrupt_in_subgraph",
    "interrupts_in_one_node",
    "interrupts_in_parallel_tasks",
    "old_checkpoint_formats",
    "react_agent",
    "recursion_limit",
    "replay_from_a_checkpoint",
    "replay_through_subgraphs",
    "resume_by_map",
    "resume_with_schema",
    "retry_policies",
    "saved_at_the_end",
    "static_breakpoints",
    "subgraph_with_its_own_memory",
    "superseded_checkpoint",
    "untracked_value",
    "update_state_and_go_on",
)
"""Apps whose threads are taken up again, by the other engine, in the middle."""


@dataclass(frozen=True)
class Case:
    """One run of one app: on which engine, or on which two by turns."""

    engines: str
    key: Key

    @property
    def app(self) -> str:
        """The app's name."""
        return self.key[0]

    def __str__(self) -> str:
        return "-".join((self.engines, *self.key))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrizes `case` over every run, `native_case` over those of real engines.

    `stock_case` are stock's own runs, `turns_case` those in which stock and an engine take turns.
    """
    runs = [key for app in app_names() for key in keys_of(app)]
    native = [Case(engine, key) for engine in engine_names() for key in runs]
    stock = [Case(STOCK, key) for key in runs]
    turns = [
        Case(engines, key)
        for engine in engine_names()
        for engines in (f"{STOCK}>{engine}", f"{engine}>{STOCK}")
        for app in HANDED_OVER
        for key in keys_of(app)
    ]
    cases = {
        "case": [*stock, *native],
        "native_case": native,
        "stock_case": stock,
        "turns_case": turns,
    }
    for name, found in cases.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=str)


@pytest.fixture(scope="session")
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The records of the apps that are tested, made once for each engine; `again` makes them once more."""
    made: dict[Any, dict[Key, dict[str, Any]]] = {}
    tested = _apps_of(request.session.items)

    def get(engines: str, only: tuple[str, ...] = (), again: bool = False) -> Any:
        apps = tuple(app for app in tested if app in only) if only else tested
        wanted = (engines, apps, again)
        if wanted not in made:
            out = tmp_path_factory.mktemp("parity") / "records.jsonl"
            made[wanted] = record_corpus(engines, out, apps)
        return made[wanted]

    return get


def _apps_of(items: list[pytest.Item]) -> tuple[str, ...]:
    """The apps that tests which were chosen are about: all of them if one is about the whole corpus."""
    apps: set[str] = set()
    for item in items:
        if isinstance(item, pytest.Function) and "recorded" in item.fixturenames:
            callspec = getattr(item, "callspec", None)
            cases = [] if callspec is None else callspec.params.values()
            about = {case.app for case in cases if isinstance(case, Case)}
            if not about:
                return tuple(app_names())
            apps |= about
    return tuple(sorted(apps))
