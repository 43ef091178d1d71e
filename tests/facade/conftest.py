"""Fixtures of the facade's tests: a clean installation, plugins, and programs in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

import langgraph_engine
from langgraph_engine import installation, registry
from langgraph_engine.stats import reset

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != registry.STOCK]
PLUGINS = Path(__file__).parent.parent / "plugins"

APP = """\
import sys
from typing import TypedDict
from langgraph.graph import END, START, StateGraph

class State(TypedDict):
    number: int

builder = StateGraph(State)
builder.add_node("add", lambda state: {"number": state["number"] + 1})
builder.add_edge(START, "add")
builder.add_edge("add", END)
graph = builder.compile()

if __name__ == "__main__":
    print(graph.invoke({"number": 1}))
    counted = sys.modules.get("langgraph_engine.stats")
    print(counted.snapshot()["native"] if counted else "stock")
"""
"""A program that never mentions langgraph_engine, but for telling afterwards what ran it."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("since_python_3_11")
    if marker and sys.version_info < (3, 11):
        pytest.skip(f"on Python 3.10 {marker.args[0]}")


@pytest.fixture(autouse=True)
def stock_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test starts and ends with stock LangGraph, nothing loaded, nothing counted or set."""
    monkeypatch.delenv("LANGGRAPH_ENGINE", raising=False)
    monkeypatch.delenv("LANGGRAPH_ENGINE_UNSUPPORTED", raising=False)
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "_failed", {})
    installation.uninstall()
    reset()
    yield
    installation.uninstall()


@pytest.fixture(params=[None, *ENGINES], ids=lambda name: name or "stock")
def either(request: pytest.FixtureRequest) -> str | None:
    """Stock, or an engine that is installed."""
    name: str | None = request.param
    if name is not None:
        langgraph_engine.install(name, unsupported="raise")
    return name


@pytest.fixture(params=ENGINES)
def installed(request: pytest.FixtureRequest) -> None:
    """An engine."""
    langgraph_engine.install(request.param, unsupported="raise")


@pytest.fixture(scope="session")
def built_plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the toy and the broken engine, as pip would unpack their wheels."""
    site = tmp_path_factory.mktemp("plugins")
    for project in sorted(PLUGINS.iterdir()):
        wheels = tmp_path_factory.mktemp(project.name)
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
            cwd=project,
            check=True,
            capture_output=True,
        )
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(site)
    return site


@pytest.fixture
def plugins(built_plugins: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The toy and the broken engine, installed for this test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(built_plugins))
    yield built_plugins
    for name in set(sys.modules) - before:
        if name.startswith(("toy_engine", "broken_engine")):
            del sys.modules[name]


class RunPython(Protocol):
    """Runs Python in a fresh process."""

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run Python with arguments, in an empty folder holding ``app.py``; keywords become variables."""
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LANGGRAPH_ENGINE")}
        inherited.pop("PYTHONPATH", None)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**inherited, **env},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def hook_file() -> Path:
    """The start-up hook of the installed langgraph-engine."""
    found = [
        Path(str(file.locate()))
        for file in metadata.files("langgraph-engine") or ()
        if file.name == "langgraph_engine_startup_hook.pth"
    ]
    assert found, "langgraph-engine is not installed here from a wheel or with pip install -e"
    return found[0]
