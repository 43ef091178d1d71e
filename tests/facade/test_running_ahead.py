"""Supersteps an engine may run itself: whatever a node or an edge does in one, it ends as on stock."""

from __future__ import annotations

import asyncio
import contextvars
import operator
import traceback
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.config import get_config
from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl, Runtime
from langgraph.types import Command, Overwrite, Send, interrupt

import langgraph_engine
from langgraph_engine import live_task

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]
Log = list[Any]


class State(TypedDict, total=False):
    count: int
    seen: Annotated[list[Any], operator.add]


def _step(state: State) -> State:
    return {"count": state.get("count", 0) + 1}


def _loop(node: Any, router: Any = None, times: int = 4) -> Any:
    """``node`` again and again, until the count is ``times``; ``router`` is another way to say so."""

    def again(state: State) -> str:
        return "node" if state.get("count", 0) < times else END

    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_conditional_edges("node", router or again, ["node", END])
    return builder.compile()


def _raises(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            raise ValueError("at two")
        return _step(state)

    return _loop(node)


def _router_raises(log: Log) -> Any:
    def router(state: State) -> str:
        log.append(dict(state))
        if state["count"] == 3:
            raise KeyError("no way")
        return "node"

    return _loop(_step, router)


def _reducer_raises(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(len(state["seen"]))
        return {"count": state.get("count", 0) + 1, "seen": [1] if len(state["seen"]) < 2 else 7}

    return _loop(node)


def _wrong_result(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(state.get("count"))
        return _step(state) if state.get("count", 0) < 2 else 7

    return _loop(node)


def _keys_nobody_has(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(dict(state))
        return {**_step(state), "unknown": 1, "seen": [state.get("count")]}

    return _loop(node)


def _returns_nothing(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(len(log))

    return _loop(node, lambda _: "node" if len(log) < 4 else END)


def _goes_by_command(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(state.get("count"))
        goto = "node" if state.get("count", 0) < 3 else "last"
        return Command(update=_step(state), goto=goto)

    builder = StateGraph(State)
    builder.add_node("node", node, destinations=("node", "last"))
    builder.add_node("last", lambda state: {"seen": [state["count"]]})
    builder.add_edge(START, "node")
    return builder.compile()


def _fans_out_now_and_then(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(dict(state))
        return _step(state)

    def router(state: State) -> Any:
        if state["count"] == 2:
            return [Send("other", {"count": i}) for i in range(3)]
        return "node" if state["count"] < 5 else END

    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_node("other", lambda state: {"seen": [state["count"]]})
    builder.add_edge(START, "node")
    builder.add_edge("other", "node")
    builder.add_conditional_edges("node", router, ["node", "other", END])
    return builder.compile()


def _returns_runnables(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(state.get("count"))
        return RunnableLambda(_step)

    def router(state: State) -> Any:
        answer = "node" if state["count"] < 3 else END
        return RunnableLambda(lambda _: answer)

    return _loop(node, router)


def _looks_at_its_config(log: Log) -> Any:
    def look(config: Any) -> None:
        metadata = config["metadata"]
        step = (
            metadata["langgraph_step"],
            metadata["langgraph_node"],
            metadata["langgraph_triggers"],
        )
        log.append((step, sorted(config), sorted(config["configurable"])))

    def node(state: State, config: RunnableConfig, runtime: Runtime[None]) -> State:
        look(config)
        log.append((runtime.execution_info is not None, runtime.store))
        return _step(state)

    def router(state: State) -> str:
        look(get_config())
        return "node" if state["count"] < 3 else END

    return _loop(node, router)


def _sends_and_reads_by_its_config(log: Log) -> Any:
    def node(state: State) -> State:
        conf = get_config()["configurable"]
        conf["__pregel_send"]([("seen", ["sent"])])
        log.append(conf["__pregel_read"](["seen", "count"], fresh=True))
        return {**_step(state), "seen": ["returned"]}

    return _loop(node)


def _calls_a_task(log: Log) -> Any:
    @task
    def double(number: int) -> int:
        log.append(number)
        return number * 2

    def node(state: State) -> State:
        return {**_step(state), "seen": [double(state.get("count", 0)).result()]}

    return _loop(node)


def _interrupts_without_saver(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            interrupt("who?")
        return _step(state)

    return _loop(node)


def _overwrites(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(list(state["seen"]))
        full = len(state["seen"]) > 1
        return {**_step(state), "seen": Overwrite([]) if full else [state.get("count")]}

    return _loop(node)


def _sets_context_variables(log: Log) -> Any:
    variable = contextvars.ContextVar("variable", default="unset")

    def node(state: State) -> State:
        log.append(variable.get())
        variable.set("set")
        return _step(state)

    return _loop(node)


def _calls_a_subgraph(log: Log) -> Any:
    inner = _loop(lambda state: {**_step(state), "seen": [state.get("count")]}, times=3)

    def node(state: State) -> State:
        found = inner.invoke({"count": 0, "seen": []})
        log.append(found)
        return _step(state)

    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_node("inner", inner)
    builder.add_edge(START, "node")
    builder.add_edge("node", "inner")
    return builder.compile()


def _goes_on_for_ever(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state.get("count"))
        return _step(state)

    return _loop(node, times=1_000)


PROGRAMS = [
    _raises,
    _router_raises,
    _reducer_raises,
    _wrong_result,
    _keys_nobody_has,
    _returns_nothing,
    _goes_by_command,
    _fans_out_now_and_then,
    _returns_runnables,
    _looks_at_its_config,
    _sends_and_reads_by_its_config,
    _calls_a_task,
    _interrupts_without_saver,
    _overwrites,
    _sets_context_variables,
    _calls_a_subgraph,
    _goes_on_for_ever,
]


def _waits(log: Log) -> Any:
    async def node(state: State) -> State:
        await asyncio.sleep(0)
        log.append(state.get("count"))
        return _step(state)

    async def router(state: State) -> str:
        await asyncio.sleep(0)
        return "node" if state["count"] < 4 else END

    return _loop(node, router)


def _awaits_and_raises(log: Log) -> Any:
    async def node(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            await asyncio.sleep(0)
            raise ValueError("after a wait")
        return _step(state)

    return _loop(node)


def _cancels_itself(log: Log) -> Any:
    async def node(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            current = asyncio.current_task()
            assert current is not None
            current.cancel()
            await asyncio.sleep(0)
        return _step(state)

    return _loop(node)


def _cancels_itself_and_returns(log: Log) -> Any:
    async def node(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            current = asyncio.current_task()
            assert current is not None
            current.cancel()
        return _step(state)

    return _loop(node)


def _raises_cancelled_error(log: Log) -> Any:
    async def node(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            raise asyncio.CancelledError("by hand")
        return _step(state)

    return _loop(node)


def _leaves_work_to_the_event_loop(log: Log) -> Any:
    async def node(state: State) -> State:
        asyncio.get_running_loop().call_soon(log.append, ("later", state.get("count")))
        log.append(state.get("count"))
        return _step(state)

    return _loop(node)


def _sync_router_of_async_nodes(log: Log) -> Any:
    async def node(state: State) -> State:
        return _step(state)

    def router(state: State) -> str:
        log.append(get_config()["metadata"]["langgraph_step"])
        return "node" if state["count"] < 3 else END

    return _loop(node, router)


def _together(*nodes: Any) -> Any:
    """Nodes that run in one superstep, and one that comes after them."""
    builder = StateGraph(State)
    for number, node in enumerate(nodes):
        builder.add_node(f"n{number}", node)
        builder.add_edge(START, f"n{number}")
        builder.add_edge(f"n{number}", "last")
    builder.add_node("last", lambda state: {"seen": [len(state["seen"])]})
    return builder.compile()


def _waiting(log: Log) -> Any:
    async def waits(state: State) -> State:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("stopped")
        return {}

    return waits


async def _at_once(state: State) -> Any:
    return {"seen": [1]}


def _one_of_several_raises(log: Log) -> Any:
    async def raises(state: State) -> State:
        await asyncio.sleep(0)
        raise ValueError("one of several")

    return _together(_waiting(log), _at_once, raises)


def _one_of_several_raises_at_once(log: Log) -> Any:
    async def raises(state: State) -> State:
        raise ValueError("at once")

    return _together(_at_once, raises, _waiting(log))


def _one_of_several_isnt_called(log: Log) -> Any:
    async def lacks(state: State, *, config: RunnableConfig, runtime: Runtime[None]) -> State:
        log.append(config["metadata"]["langgraph_step"])
        return {"seen": [runtime.previous]}

    return _together(_at_once, lacks)


def _one_of_several_cancels_itself(log: Log) -> Any:
    async def cancels(state: State) -> State:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)
        return {}

    return _together(cancels, _waiting(log))


def _one_of_several_raises_cancelled_error(log: Log) -> Any:
    async def raises(state: State) -> State:
        raise asyncio.CancelledError("by hand")

    return _together(raises, _at_once)


def _several_interrupt(log: Log) -> Any:
    async def asks(state: State) -> State:
        interrupt("who?")
        return {}

    return _together(asks, _at_once, asks)


def _several_return_runnables(log: Log) -> Any:
    async def other(state: State) -> Any:
        log.append(get_config()["metadata"]["langgraph_node"])
        return {"seen": ["by a runnable"]}

    async def node(state: State) -> Any:
        return RunnableLambda(other)

    return _together(node, _at_once, lambda state: {"seen": ["sync"]})


def _one_of_several_returns_rubbish(log: Log) -> Any:
    async def rubbish(state: State) -> Any:
        return 7

    return _together(_at_once, rubbish)


def _several_subgraphs(log: Log) -> Any:
    async def step(state: State) -> State:
        log.append(get_config()["metadata"]["langgraph_node"])
        return {**_step(state), "seen": [state.get("count")]}

    inner = _loop(step, times=2)
    return _together(inner, _at_once)


def _one_of_several_swallows_being_stopped(log: Log) -> Any:
    async def swallows(state: State) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("swallowed")
        return {"seen": ["late"]}

    async def raises(state: State) -> State:
        await asyncio.sleep(0)
        raise ValueError("one of several")

    return _together(swallows, raises)


AWAITED = [
    _one_of_several_raises,
    _one_of_several_raises_at_once,
    _one_of_several_isnt_called,
    _one_of_several_cancels_itself,
    _one_of_several_raises_cancelled_error,
    _several_interrupt,
    _several_return_runnables,
    _one_of_several_returns_rubbish,
    _several_subgraphs,
    _one_of_several_swallows_being_stopped,
    _waits,
    _awaits_and_raises,
    _cancels_itself,
    _cancels_itself_and_returns,
    _raises_cancelled_error,
    _leaves_work_to_the_event_loop,
    _sync_router_of_async_nodes,
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param
    langgraph_engine.uninstall()


def _ending(run: Callable[[], Any]) -> Any:
    try:
        result = run()
        for interrupted in result.get("__interrupt__", ()):
            interrupted.id = "drawn anew for every run"
        return result
    except (Exception, asyncio.CancelledError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.name for frame in frames if frame.filename == __file__]
        notes = getattr(error, "__notes__", [])
        # A note ends in the task's id, which is drawn anew for every run.
        return type(error), str(error), [note.split(" and id ")[0] for note in notes], own[-1]


CONFIG = {"recursion_limit": 12}


def _sync(graph: Any) -> Any:
    return _ending(lambda: graph.invoke({"seen": []}, CONFIG))


def _async(graph: Any) -> Any:
    return _ending(lambda: asyncio.run(graph.ainvoke({"seen": []}, CONFIG)))


CASES = [(program, _sync) for program in PROGRAMS] + [
    (program, _async) for program in [*PROGRAMS, *AWAITED]
]


@pytest.mark.since_python_3_11("a node's coroutine has no config")
@pytest.mark.parametrize(
    ("program", "run"), CASES, ids=[f"{p.__name__}-{r.__name__}" for p, r in CASES]
)
def test_it_ends_as_on_stock(engine: str, program: Any, run: Any) -> None:
    expected_log: Log = []
    expected = run(program(expected_log))
    langgraph_engine.install(engine, unsupported="raise")
    log: Log = []
    assert (run(program(log)), log) == (expected, expected_log)


def test_nobody_makes_a_task_that_nobody_looks_at(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    init = live_task.LiveTask.__init__

    def counted(self: Any, *args: Any) -> None:
        made.append(self)
        init(self, *args)

    monkeypatch.setattr(live_task.LiveTask, "__init__", counted)
    langgraph_engine.install(engine, unsupported="raise")
    assert _loop(_step, times=50).invoke({"count": 0}, {"recursion_limit": 99}) == {
        "count": 50,
        "seen": [],
    }
    capabilities = langgraph_engine.registry.load(engine).capabilities
    assert len(made) == (0 if "execute" in capabilities else 51)


def test_a_run_that_is_to_be_drained_stops_between_two_supersteps(engine: str) -> None:
    control = RunControl()

    def node(state: State) -> State:
        if state.get("count") == 2:
            control.request_drain("enough")
        return _step(state)

    def run() -> Any:
        return _ending(lambda: _loop(node, times=9).invoke({"count": 0}, control=control))

    expected = run()
    control = RunControl()
    langgraph_engine.install(engine, unsupported="raise")
    assert run() == expected
    assert "GraphDrained" in str(expected[0])


@pytest.mark.since_python_3_11("a node's coroutine has no config")
def test_a_run_is_cancelled_while_a_node_waits(engine: str) -> None:
    langgraph_engine.install(engine, unsupported="raise")
    log: Log = []
    waiting = asyncio.Event()

    async def node(state: State) -> State:
        if state.get("count") == 2:
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                log.append("stopped")
        log.append(state.get("count"))
        return _step(state)

    async def main() -> None:
        run = asyncio.create_task(_loop(node).ainvoke({"count": 0}))
        await waiting.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())
    assert log == [0, 1, "stopped"]
