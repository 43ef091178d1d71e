"""Installing replaces LangGraph's methods, uninstalling puts back the very same ones."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import threading
from types import SimpleNamespace
from typing import TypedDict

import pytest
from langgraph.channels import Topic
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.pregel import Pregel
from langgraph.pregel._loop import PregelLoop
from langgraph.types import StateUpdate

import langgraph_engine
from langgraph_engine import installation, registry, startup_hook, versions
from langgraph_engine.coverage import uncovered
from langgraph_engine.errors import (
    ConfigurationError,
    EngineLoadError,
    EngineNotFoundError,
    UnsupportedError,
    UnsupportedVersionError,
)
from langgraph_engine.pregel import METHODS

STOCK = {name: Pregel.__dict__[name] for name in METHODS}


class State(TypedDict):
    number: int


def small_graph(saver=None):
    builder = StateGraph(State)
    builder.add_node("add", lambda state: {"number": state["number"] + 1})
    builder.add_edge(START, "add")
    builder.add_edge("add", END)
    return builder.compile(checkpointer=saver)


def patched() -> set[str]:
    return {name for name in METHODS if Pregel.__dict__[name] is METHODS[name]}


def is_stock() -> bool:
    return all(Pregel.__dict__[name] is method for name, method in STOCK.items())


def native() -> dict[str, dict[str, int]]:
    return langgraph_engine.stats()["native"]


def test_install_replaces_every_method():
    langgraph_engine.install("python")
    assert patched() == set(METHODS)
    assert langgraph_engine.active() == "python"


def test_uninstall_restores_the_very_same_methods():
    langgraph_engine.install("python")
    langgraph_engine.uninstall()
    assert is_stock()
    assert langgraph_engine.active() == "langgraph"
    assert installation.current is None


def test_uninstall_without_an_installation_does_nothing():
    langgraph_engine.uninstall()
    assert is_stock()


def test_nothing_but_the_methods_changes():
    before = dict(Pregel.__dict__)
    langgraph_engine.install("python")
    changed = {name for name, value in Pregel.__dict__.items() if before.get(name) is not value}
    assert changed == set(METHODS)
    langgraph_engine.uninstall()
    assert dict(Pregel.__dict__) == before


def test_start_up_hook_knows_the_same_methods():
    assert set(startup_hook.METHODS) == set(METHODS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_replacement_looks_like_the_original(name):
    langgraph_engine.install("python")
    replacement = Pregel.__dict__[name]
    assert replacement.__wrapped__ is STOCK[name]
    assert replacement.__doc__ == STOCK[name].__doc__
    assert replacement.__qualname__ == STOCK[name].__qualname__
    assert replacement.__module__ == STOCK[name].__module__
    assert inspect.signature(replacement) == inspect.signature(STOCK[name])


def test_installing_twice_is_installing_once():
    langgraph_engine.install("python")
    first = installation.current
    langgraph_engine.install("python")
    assert installation.current == first
    assert installation.current.originals == STOCK
    langgraph_engine.uninstall()
    assert is_stock()


def test_graphs_compiled_before_and_after_run_on_the_engine():
    before = small_graph()
    langgraph_engine.install("python")
    assert before.invoke({"number": 1}) == {"number": 2}
    assert small_graph().invoke({"number": 2}) == {"number": 3}
    assert native() == {"python": {"invoke": 2}}


def test_every_method_runs_on_the_engine_and_on_stock_after_uninstall():
    thread = {"configurable": {"thread_id": "1"}}
    updates = [[StateUpdate({"number": 5}, "add")]]

    def call_each():
        graph = small_graph(InMemorySaver())

        async def asynchronously():
            streamed = [chunk async for chunk in graph.astream({"number": 1}, thread)]
            result = await graph.ainvoke({"number": 1}, thread)
            await graph.aupdate_state(thread, {"number": 6}, "add")
            await graph.abulk_update_state(thread, updates)
            state = await graph.aget_state(thread)
            history = [state async for state in graph.aget_state_history(thread)]
            return streamed, result, state.values, [state.values for state in history]

        invoked = graph.invoke({"number": 1}, thread)
        streamed = list(graph.stream({"number": 1}, thread))
        graph.update_state(thread, {"number": 6}, "add")
        graph.bulk_update_state(thread, updates)
        state = graph.get_state(thread).values
        history = [state.values for state in graph.get_state_history(thread)]
        return invoked, streamed, state, history, asyncio.run(asynchronously())

    langgraph_engine.install("python")
    on_engine = call_each()
    counted = native()
    langgraph_engine.uninstall()
    assert counted == {"python": dict.fromkeys(sorted(METHODS), 1)}
    assert call_each() == on_engine
    assert native() == counted


def test_subclasses_run_on_the_engine():
    class Special(Pregel):
        pass

    langgraph_engine.install("python")
    assert Special.invoke is METHODS["invoke"]


def test_installing_another_engine_switches(plugins):
    graph = small_graph()
    langgraph_engine.install("python")
    langgraph_engine.install("toy")
    assert langgraph_engine.active() == "toy"
    assert graph.invoke({"number": 1}) == {"number": 2}
    assert native() == {"toy": {"invoke": 1}}
    langgraph_engine.uninstall()
    assert is_stock()


def test_langgraph_means_stock_untouched():
    langgraph_engine.install("python")
    langgraph_engine.install("langgraph")
    assert is_stock()
    assert langgraph_engine.active() == "langgraph"


@pytest.mark.parametrize(("variable", "engine"), [(None, "auto"), ("python", "python")])
def test_engine_comes_from_the_variable_else_auto(monkeypatch, variable, engine):
    if variable:
        monkeypatch.setenv("LANGGRAPH_ENGINE", variable)
    langgraph_engine.install()
    assert langgraph_engine.active() == (registry.best() if engine == "auto" else engine)


def test_variable_langgraph_patches_nothing(monkeypatch):
    monkeypatch.setenv("LANGGRAPH_ENGINE", "langgraph")
    langgraph_engine.install()
    assert is_stock()


def test_unknown_engine_leaves_what_was_installed(plugins):
    with pytest.raises(EngineNotFoundError):
        langgraph_engine.install("zorp")
    assert is_stock()
    langgraph_engine.install("python")
    with pytest.raises(EngineNotFoundError):
        langgraph_engine.install("zorp")
    with pytest.raises(EngineLoadError):
        langgraph_engine.install("broken")
    assert langgraph_engine.active() == "python"


def test_unsupported_comes_from_the_argument_the_variable_or_is_fallback(monkeypatch):
    langgraph_engine.install("python")
    assert installation.current.unsupported == "fallback"
    monkeypatch.setenv("LANGGRAPH_ENGINE_UNSUPPORTED", "raise")
    langgraph_engine.install("python")
    assert installation.current.unsupported == "raise"
    langgraph_engine.install("python", unsupported="fallback")
    assert installation.current.unsupported == "fallback"


def test_unsupported_of_another_value_is_refused(monkeypatch):
    with pytest.raises(ConfigurationError, match="unsupported is 'maybe'; use 'fallback' or"):
        langgraph_engine.install("python", unsupported="maybe")
    monkeypatch.setenv("LANGGRAPH_ENGINE_UNSUPPORTED", "maybe")
    with pytest.raises(ConfigurationError, match="LANGGRAPH_ENGINE_UNSUPPORTED is 'maybe'"):
        langgraph_engine.install("python")


def test_what_the_engine_cannot_do_is_handed_back_and_counted_or_raises(monkeypatch):
    monkeypatch.setattr("langgraph_engine.dispatch.uncovered", lambda graph, engine: "too odd")
    graph = small_graph()
    langgraph_engine.install("python")
    assert graph.invoke({"number": 1}) == {"number": 2}
    assert langgraph_engine.stats()["handed_back_by_method"]["invoke"] == {"too odd": 1}
    assert langgraph_engine.stats()["handed_back"]["too odd"] >= 1
    langgraph_engine.install("python", unsupported="raise")
    with pytest.raises(UnsupportedError, match="too odd"):
        graph.invoke({"number": 1})


def test_a_copy_with_other_channels_is_judged_by_its_own():
    langgraph_engine.install("python")
    engine = SimpleNamespace(name="few", capabilities=installation.current.engine.capabilities)
    engine.capabilities -= {"channel:topic"}
    graph = small_graph()
    assert uncovered(graph, engine) is None
    copied = copy.copy(graph)
    copied.channels = {**graph.channels, "number": Topic(int)}
    assert "channel 'number' needs the capability 'channel:topic'" in uncovered(copied, engine)
    assert uncovered(graph, engine) is None


def test_a_replaced_method_of_the_stock_loop_hands_runs_back(monkeypatch):
    called = []
    own = PregelLoop.put_writes

    def spy(self, *args, **kwargs):
        called.append(args)
        return own(self, *args, **kwargs)

    langgraph_engine.install("python")
    monkeypatch.setattr(PregelLoop, "put_writes", spy)
    assert small_graph().invoke({"number": 1}) == {"number": 2}
    assert called
    [reason] = langgraph_engine.stats()["handed_back_by_method"]["invoke"]
    assert "PregelLoop.put_writes was replaced" in reason


@pytest.mark.parametrize(
    "version",
    [
        *("1.1.10", "1.2.0", "1.2.11", "1.2.18", "1.2.19rc1"),
        *("1.2.25", "1.2.25rc1", "1.2.99", "1.3.0", "1.3.0rc1", "2.0", "unreadable"),
    ],
)
def test_untested_langgraph_is_refused_with_the_range(monkeypatch, version):
    monkeypatch.setattr(versions, "installed_version", lambda distribution: version)
    with pytest.raises(UnsupportedVersionError) as caught:
        langgraph_engine.install("python")
    assert f"LangGraph {version} is installed" in str(caught.value)
    assert versions.LANGGRAPH_RANGE in str(caught.value)
    assert is_stock()


@pytest.mark.parametrize(
    "version", ["1.2.19", "1.2.20", "1.2.21", "1.2.22", "1.2.23", "1.2.24", "1.2.24rc1"]
)
def test_tested_langgraph_is_accepted(monkeypatch, version):
    monkeypatch.setattr(versions, "installed_version", lambda distribution: version)
    assert versions.check_langgraph() == version


def test_missing_langgraph_is_said(monkeypatch):
    monkeypatch.setattr(versions, "installed_version", lambda distribution: None)
    with pytest.raises(UnsupportedVersionError, match="LangGraph is not installed; install"):
        versions.check_langgraph()


def test_method_wrapped_by_other_code_is_not_wrapped_again():
    """The wrapper must not be taken for the original: handing back would never end."""
    langgraph_engine.install("python")
    ours = Pregel.__dict__["invoke"]

    @functools.wraps(ours)
    def traced(self, *args, **kwargs):
        return ours(self, *args, **kwargs)

    Pregel.invoke = traced
    langgraph_engine.install("python")
    assert Pregel.__dict__["invoke"] is traced
    assert installation.current.originals == STOCK
    langgraph_engine.uninstall()
    assert is_stock()

    # Whoever unwraps after us brings our replacement back; it is found and taken out.
    for left_behind in (traced, ours):
        Pregel.invoke = left_behind
        langgraph_engine.install("python")
        assert installation.current.originals == STOCK
        langgraph_engine.uninstall()
        assert is_stock()
        Pregel.invoke = left_behind
        langgraph_engine.uninstall()
        assert is_stock()


def test_method_wrapped_before_is_what_comes_back():
    def traced(self, *args, **kwargs):
        return STOCK["invoke"](self, *args, **kwargs)

    Pregel.invoke = traced
    try:
        langgraph_engine.install("python")
        assert installation.current.originals["invoke"] is traced
        langgraph_engine.uninstall()
        assert Pregel.__dict__["invoke"] is traced
    finally:
        Pregel.invoke = STOCK["invoke"]


def test_threads_may_install_and_run_side_by_side(plugins):
    graph = small_graph()
    failures = []
    start = threading.Barrier(8)

    def work(number):
        start.wait()
        try:
            for _ in range(20):
                langgraph_engine.install("toy" if number % 2 else "python")
                assert graph.invoke({"number": number}) == {"number": number + 1}
                if number == 0:
                    langgraph_engine.uninstall()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    langgraph_engine.uninstall()
    assert is_stock()


def test_engine_pregel_runs_without_an_installation():
    graph = small_graph()
    engine_graph = langgraph_engine.Pregel(
        nodes=graph.nodes,
        channels=graph.channels,
        input_channels=graph.input_channels,
        output_channels=graph.output_channels,
    )
    assert is_stock()
    assert engine_graph.invoke({"number": 1}) == graph.invoke({"number": 1})
    assert native() == {registry.best(): {"invoke": 1}}


def test_selected_follows_the_installation_else_the_environment(monkeypatch):
    monkeypatch.setenv("LANGGRAPH_ENGINE", "langgraph")
    assert installation.selected() is None
    monkeypatch.setenv("LANGGRAPH_ENGINE", "python")
    monkeypatch.setenv("LANGGRAPH_ENGINE_UNSUPPORTED", "raise")
    assert installation.selected() == (registry.load("python"), "raise")
    langgraph_engine.install("python", unsupported="fallback")
    assert installation.selected() == (registry.load("python"), "fallback")
