"""A pytest plugin that puts LangGraph's suite on one engine and writes down what each test did.

Loaded with ``-p suite_on_engine`` into the suite's own pytest process, so it imports nothing of
this repository but ``langgraph_engine`` itself. It is told what to do by environment variables:

* ``UPSTREAM_ENGINE`` and ``UPSTREAM_UNSUPPORTED``: what to install; ``langgraph`` installs nothing.
* ``UPSTREAM_REPORT``: the file that gets one JSON object a line, in order of events:
  ``{"start": id}`` when a test starts, and one report per phase of it (see ``_line``).
* ``UPSTREAM_POSTGRES_URI`` and ``UPSTREAM_REDIS_PORT``, if there are servers: where they answer. The suite
  names the ports that its own containers would have.
* ``UPSTREAM_ORDER_SEED``: shuffles the tests, the same way in every xdist worker.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import pytest

ENGINE = os.environ["UPSTREAM_ENGINE"]
UNSUPPORTED = os.environ["UPSTREAM_UNSUPPORTED"]
HANDED_BACK, NATIVE = "handed_back", "native"
TRACE_LIMIT = 6000
POSTGRES_URI = os.environ.get("UPSTREAM_POSTGRES_URI")
REDIS_PORT = os.environ.get("UPSTREAM_REDIS_PORT")
REDIS_PORT_OF_THE_SUITE = 6379
ORDER_SEED = os.environ.get("UPSTREAM_ORDER_SEED")


def pytest_configure(config: pytest.Config) -> None:
    _refuse_langgraph_of_the_unpacked_suite(config.rootpath)
    if ENGINE != "langgraph":
        import langgraph_engine

        langgraph_engine.install(ENGINE, unsupported=UNSUPPORTED)
    if REDIS_PORT:
        _redirect_redis(int(REDIS_PORT))
    # Under xdist every worker comes through here too; only the process the reports meet in writes.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(Path(os.environ["UPSTREAM_REPORT"])))


def _refuse_langgraph_of_the_unpacked_suite(root: Path) -> None:
    import langgraph.pregel

    origin = Path(langgraph.pregel.__file__).resolve()
    if origin.is_relative_to(root.resolve()):
        msg = f"the suite would test its own copy of LangGraph at {origin}, not the installed one"
        raise pytest.UsageError(msg)


def _redirect_redis(ours: int) -> None:
    import redis

    connect = redis.Redis.__init__

    def connect_to_ours(self, host="localhost", port=REDIS_PORT_OF_THE_SUITE, *args, **kwargs):
        connect(self, host, ours if port == REDIS_PORT_OF_THE_SUITE else port, *args, **kwargs)

    redis.Redis.__init__ = connect_to_ours


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if ORDER_SEED is not None:
        random.Random(int(ORDER_SEED)).shuffle(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Point the suite's own modules at our Postgres: they look the URI up when a test starts."""
    if not POSTGRES_URI or not session.items:
        return
    name = "DEFAULT_POSTGRES_URI"
    suite = [module for key, module in sys.modules.items() if key.split(".")[0] == "tests"]
    pointing = [module for module in suite if hasattr(module, name)]
    if not pointing:
        raise pytest.UsageError(f"no module of the suite has a {name} to point at our Postgres")
    for module in pointing:
        setattr(module, name, POSTGRES_URI)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Count the runs the engine took in this test's body, and those handed back, by reason."""
    native_before, before = _counts()
    try:
        return (yield)
    finally:
        native, now = _counts()
        gained = {reason: n - before.get(reason, 0) for reason, n in now.items()}
        # user_properties travel with the report, also from an xdist worker.
        item.user_properties.append((NATIVE, native - native_before))
        item.user_properties.append((HANDED_BACK, {r: n for r, n in gained.items() if n > 0}))


def _counts() -> tuple[int, dict[str, int]]:
    if ENGINE == "langgraph":
        return 0, {}
    import langgraph_engine

    stats = langgraph_engine.stats()
    native = sum(runs for methods in stats[NATIVE].values() for runs in methods.values())
    return native, stats[HANDED_BACK]


class _Writer:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._put({"start": nodeid})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._put(_line(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # A module that can't be imported, or that skips itself, has no tests to report on.
        if not report.passed:
            self._put(_line(report))

    def pytest_unconfigure(self) -> None:
        self._file.close()

    def _put(self, line: dict[str, object]) -> None:
        self._file.write(json.dumps(line) + "\n")


def _line(report: pytest.TestReport | pytest.CollectReport) -> dict[str, object]:
    line: dict[str, object] = {
        "id": report.nodeid,
        "when": getattr(report, "when", "collect"),
        "outcome": report.outcome,
        "seconds": round(getattr(report, "duration", 0.0), 4),
    }
    if hasattr(report, "wasxfail"):
        line["xfail"] = report.wasxfail
    if getattr(report, "when", "") == "call":
        line |= report.user_properties
    if report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        line["message"] = crash.message if crash else str(report.longrepr)[-TRACE_LIMIT:]
        line["trace"] = report.longreprtext[-TRACE_LIMIT:]
    return line
