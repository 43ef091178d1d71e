"""Engines are listed without being imported, and loaded one at a time, by name."""

from __future__ import annotations

import sys
from importlib import metadata
from types import ModuleType

import pytest

from langgraph_engine import registry
from langgraph_engine.errors import EngineLoadError, EngineNotFoundError, ProtocolError
from langgraph_engine.hookspecs import hookimpl
from langgraph_engine.protocol import PROTOCOL_VERSION


def register(monkeypatch: pytest.MonkeyPatch, **factories: object) -> None:
    """Make these the only engines, each registered by a plugin whose hook returns its factory."""
    points = []
    for name, factory in factories.items():
        plugin = ModuleType(f"plugin_of_{name}")
        plugin.langgraph_engine_factory = hook_returning(factory)
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        points.append(metadata.EntryPoint(name, plugin.__name__, "langgraph_engine"))
    monkeypatch.setattr(registry, "_entry_points", lambda: points)


def hook_returning(factory):
    @hookimpl
    def langgraph_engine_factory():
        return factory

    return langgraph_engine_factory


class Dummy:
    version = "0"
    protocol_version = PROTOCOL_VERSION
    capabilities = frozenset()

    def __init__(self, name: str = "dummy") -> None:
        self.name = name

    def compile(self, graph):
        raise NotImplementedError


def names(infos) -> list[str]:
    return [info.name for info in infos]


def test_stock_langgraph_and_the_python_engine_are_always_available():
    assert names(registry.available())[0] == "langgraph"
    assert "python" in names(registry.available())


def test_available_describes_a_third_party_engine(plugins):
    toy = next(info for info in registry.available() if info.name == "toy")
    assert (toy.distribution, toy.version, toy.status) == ("toy-engine", "1.2.3", "installed")


def test_available_imports_no_engine(plugins):
    assert {"toy", "broken"} <= set(names(registry.available()))
    assert not {"toy_engine", "broken_engine"} & set(sys.modules)


def test_catalog_adds_the_engines_that_are_not_here(monkeypatch):
    register(monkeypatch, python=Dummy)
    monkeypatch.setattr(registry, "installed_version", lambda name: None)
    listed = {info.name: info.status for info in registry.catalog()}
    assert listed == {
        "langgraph": "built in",
        "python": "installed",
        "rust": "not installed",
        "cffi": "not installed",
    }


def test_load_returns_the_same_engine_every_time(plugins):
    toy = registry.load("toy")
    assert toy.name == "toy"
    assert registry.load("toy") is toy
    assert next(info for info in registry.available() if info.name == "toy").status == "loaded"


def test_load_imports_that_plugin_and_no_other(plugins):
    registry.load("toy")
    assert "toy_engine.plugin" in sys.modules
    assert "broken_engine" not in sys.modules


def test_broken_plugin_breaks_only_itself_and_says_why(plugins):
    with pytest.raises(EngineLoadError, match=r"'broken' of broken-engine .*libbroken") as caught:
        registry.load("broken")
    assert isinstance(caught.value.__cause__, ImportError)
    assert registry.load("toy").name == "toy"
    broken = next(info for info in registry.available() if info.name == "broken")
    assert broken.status.startswith("failed: ")
    assert "libbroken.so.1" in broken.status


def test_unknown_engine_names_what_is_installed_and_a_way_out():
    with pytest.raises(EngineNotFoundError) as caught:
        registry.load("zorp")
    message = str(caught.value)
    assert "'zorp' is not installed" in message
    assert "python" in message
    assert "pip install 'langgraph-engine[rust]'" in message
    assert "\n" not in message


def test_misspelt_engine_gets_a_suggestion():
    with pytest.raises(EngineNotFoundError, match="did you mean 'python'"):
        registry.load("pyhton")


@pytest.mark.parametrize("name", ["rust", "cffi"])
def test_engine_not_installed_names_the_command_that_adds_it(monkeypatch, name):
    register(monkeypatch, python=Dummy)
    monkeypatch.setattr(registry, "installed_version", lambda distribution: None)
    with pytest.raises(EngineNotFoundError) as caught:
        registry.load(name)
    assert str(caught.value) == (
        f"Engine '{name}' is not installed (installed: langgraph, python); "
        f"add it with: pip install 'langgraph-engine[{name}]'"
    )


def test_distribution_without_its_engine_is_told_apart(monkeypatch):
    register(monkeypatch, python=Dummy)
    monkeypatch.setattr(registry, "installed_version", lambda distribution: "0.1.0")
    status = {info.name: info.status for info in registry.catalog()}["cffi"]
    assert status == "no engine in this version"
    with pytest.raises(
        EngineNotFoundError, match=r"langgraph-engine-cffi 0\.1\.0 brings no engine"
    ):
        registry.load("cffi")


def test_best_follows_the_order_of_auto(monkeypatch):
    register(monkeypatch, python=Dummy, cffi=Dummy, zorp=Dummy)
    assert registry.best() == "cffi"
    register(monkeypatch, python=Dummy, rust=Dummy)
    assert registry.best() == "rust"


def test_best_without_any_engine_says_how_to_add_one(monkeypatch):
    register(monkeypatch, zorp=Dummy)
    with pytest.raises(EngineNotFoundError, match="pip install"):
        registry.best()


def test_factory_is_called_once(monkeypatch):
    calls = []

    def factory():
        calls.append(1)
        return Dummy()

    register(monkeypatch, dummy=factory)
    assert registry.load("dummy") is registry.load("dummy")
    assert calls == [1]


@pytest.mark.parametrize(
    ("version", "upgrade"), [(PROTOCOL_VERSION - 1, "upgrade an"), (99, "upgrade langgraph-engine")]
)
def test_engine_of_another_protocol_version_is_refused(monkeypatch, version, upgrade):
    engine = Dummy()
    engine.protocol_version = version
    register(monkeypatch, dummy=lambda: engine)
    with pytest.raises(ProtocolError, match=upgrade) as caught:
        registry.load("dummy")
    assert f"speaks protocol {version}" in str(caught.value)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (object(), "has no name, version, protocol_version, capabilities, compile"),
        (None, "returned no engine"),
        (Dummy("other"), "calls itself 'other'"),
    ],
)
def test_what_is_not_an_engine_is_refused(monkeypatch, made, sentence):
    register(monkeypatch, dummy=lambda: made)
    with pytest.raises(ProtocolError, match=sentence):
        registry.load("dummy")


def test_plugin_without_the_hook_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "empty_plugin", ModuleType("empty_plugin"))
    point = metadata.EntryPoint("empty", "empty_plugin", "langgraph_engine")
    monkeypatch.setattr(registry, "_entry_points", lambda: [point])
    with pytest.raises(ProtocolError, match="must implement the hook langgraph_engine_factory"):
        registry.load("empty")


def test_failed_load_is_tried_again(monkeypatch):
    engines = [RuntimeError("not yet"), Dummy()]

    def factory():
        first = engines.pop(0)
        if isinstance(first, Exception):
            raise first
        return first

    register(monkeypatch, dummy=factory)
    with pytest.raises(EngineLoadError, match="RuntimeError: not yet"):
        registry.load("dummy")
    assert registry.load("dummy").name == "dummy"
    assert [info.status for info in registry.available()] == ["built in", "loaded"]
