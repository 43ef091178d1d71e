"""Every app of the corpus runs on every engine as it runs on stock LangGraph.

Stock is compared with itself first, in a second process: an app that fails there isn't
deterministic and proves nothing about an engine.
"""

from __future__ import annotations

import ast
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from .compare import report
from .corpus import APPS, MODES, STOCK, app_names, said_by

if TYPE_CHECKING:
    from .conftest import Case, Recorded


def trace_of(record: dict[str, Any]) -> dict[str, Any]:
    """The trace of a run; fails if it killed its process."""
    if "crash" in record:
        pytest.fail(f"the process died in this run; its last words:\n{record['crash']}", False)
    trace: dict[str, Any] = record["trace"]
    return trace


def test_app_runs_as_on_stock(case: Case, recorded: Recorded) -> None:
    stock = trace_of(recorded(STOCK)[case.key])
    records = recorded(case.engines, again=case.engines == STOCK)
    message = report(str(case), stock, trace_of(records[case.key]))
    if message is not None:
        pytest.fail(message, pytrace=False)


def test_run_is_the_engines_own(native_case: Case, recorded: Recorded) -> None:
    record = recorded(native_case.engines)[native_case.key]
    trace_of(record)
    before, after = record["before"], record["after"]
    reason = said_by(native_case.app, "handed_back", None)
    grown = {
        why: runs - before["handed_back"].get(why, 0)
        for why, runs in after["handed_back"].items()
        if runs != before["handed_back"].get(why, 0)
    }
    if reason is None:
        assert grown == {}, f"{native_case}: handed back to stock"
        engine = native_case.engines
        assert after["native"].get(engine, 0) > before["native"].get(engine, 0)
    else:
        assert grown, f"{native_case} is marked as handed back ({reason}) and no longer is"


def expected_of(app: str) -> tuple[str, ...]:
    """The exceptions an app says that its steps end in on the LangGraph that is installed."""
    for release, raises in said_by(app, "raises_before", {}).items():
        if Version(version("langgraph")) < Version(release):
            return raises
    return said_by(app, "raises", ())


def test_app_raises_what_it_says(stock_case: Case, recorded: Recorded) -> None:
    if sys.version_info < (3, 11) and stock_case.key[1] == "async":
        # Before Python 3.11 no context variables reach a node's coroutine: `interrupt()` and
        # `get_config()` raise there. Engines are compared with stock in that as well.
        return
    steps = trace_of(recorded(STOCK)[stock_case.key])["steps"]
    raised = [step["error"]["$error"].rsplit(".", 1)[-1] for step in steps if "error" in step]
    assert raised == list(expected_of(stock_case.app))


def test_corpus_is_large_enough() -> None:
    assert len(app_names()) >= 120


@pytest.mark.parametrize("app", app_names())
def test_app_says_what_it_shows(app: str) -> None:
    module = ast.parse((APPS / f"{app}.py").read_text())
    defined = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    assert {"build", "steps"} <= defined
    first_line = (ast.get_docstring(module) or "").split("\n")[0]
    assert first_line.endswith(".")
    assert set(said_by(app, "modes", MODES)) <= set(MODES)
