"""Coroutines that run together take their first steps in one callback of the event loop, where LangGraph's have one each."""

from __future__ import annotations

import asyncio
import gc
import operator
import weakref
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Send

from langgraph_engine.coroutines import FirstSteps
from langgraph_engine.loop_async import AsyncLoop

WIDE = 150

pytestmark = pytest.mark.since_python_3_11("a node's coroutine has no context of its own")


class State(TypedDict, total=False):
    seen: Annotated[list[Any], operator.add]


def _wide(node: Callable[[int], Any], **options: Any) -> Any:
    """Many tasks of one node, in one superstep."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    packets = [Send("node", number) for number in range(WIDE)]
    builder.add_conditional_edges(START, lambda _: packets, ["node"])
    return builder.compile(**options)


async def _returns(number: int) -> State:
    return {"seen": [number]}


ALL = {"seen": [*range(WIDE)]}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("saved", [False, True])
def test_few_are_there_at_a_time(*, saved: bool) -> None:
    """A task that is over is gone before the next one is made."""
    tasks: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    async def node(number: int) -> State:
        nonlocal most
        tasks.add(asyncio.current_task())
        most = max(most, len(tasks))
        return {"seen": [number]}

    graph = _wide(node, checkpointer=InMemorySaver() if saved else None)
    gc.disable()
    try:
        assert asyncio.run(graph.ainvoke({"seen": []}, {"configurable": {"thread_id": "1"}})) == ALL
    finally:
        gc.enable()
    assert most <= 2


class OwnLoop(asyncio.SelectorEventLoop):
    """Somebody's own event loop, which wants to know of every task."""

    def create_task(self, *args: Any, **kwargs: Any) -> Any:
        made.append(1)
        return super().create_task(*args, **kwargs)


made: list[Any] = []


def _with_factory() -> asyncio.AbstractEventLoop:
    event_loop = asyncio.new_event_loop()

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(1)
        return asyncio.Task(coroutine, loop=loop, **options)

    event_loop.set_task_factory(factory)
    return event_loop


def _replaced() -> asyncio.AbstractEventLoop:
    event_loop = asyncio.new_event_loop()
    create_task = event_loop.create_task

    def counting(*args: Any, **options: Any) -> Any:
        made.append(1)
        return create_task(*args, **options)

    event_loop.create_task = counting  # type: ignore[method-assign]
    return event_loop


def _debugged() -> asyncio.AbstractEventLoop:
    event_loop = asyncio.new_event_loop()
    event_loop.set_debug(True)
    made.extend([1] * WIDE)
    return event_loop


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("make", [OwnLoop, _with_factory, _replaced, _debugged])
def test_whoever_makes_tasks_makes_them(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    made.clear()
    event_loop = make()
    try:
        assert not FirstSteps.may_be_taken(event_loop)
        assert event_loop.run_until_complete(_wide(_returns).ainvoke({"seen": []})) == ALL
    finally:
        event_loop.close()
    assert len(made) >= WIDE


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("interrupts", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_event_loop_may_go_on(interrupts: type[BaseException]) -> None:
    """What was not begun is begun then."""
    called: list[int] = []

    async def node(number: int) -> State:
        called.append(number)
        if number == 7:
            raise interrupts
        return {"seen": [number]}

    event_loop = asyncio.new_event_loop()
    try:
        run = event_loop.create_task(_wide(node).ainvoke({"seen": []}))
        with pytest.raises(interrupts):
            event_loop.run_until_complete(run)
        assert called == [*range(8)]
        with pytest.raises(interrupts):  # out of the run
            event_loop.run_until_complete(asyncio.wait([run], timeout=20))
        assert isinstance(run.exception(), interrupts)
        assert called == [*range(WIDE)]
    finally:
        event_loop.close()


@pytest.mark.usefixtures("installed")
def test_a_cancelled_run_begins_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is on record as stopped, as an asyncio task is that was cancelled before its first step."""
    called: list[int] = []
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    take = FirstSteps._take

    async def node(number: int) -> State:
        called.append(number)
        return {"seen": [number]}

    def taken_late(self: FirstSteps) -> None:
        """Once the event loop had some turns, as it has for one that was interrupted."""
        if len(turns) == 9:
            run.cancel()
        turns.pop()
        self._event_loop.call_soon((lambda: taken_late(self)) if turns else (lambda: take(self)))

    async def main() -> None:
        nonlocal run
        run = asyncio.create_task(_wide(node, checkpointer=saver).ainvoke({"seen": []}, config))
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run: Any = None
    turns = [1] * 9
    monkeypatch.setattr(FirstSteps, "_take", taken_late)
    asyncio.run(main())
    assert called == []
    saved = saver.get_tuple(config)
    assert saved is not None
    assert saved.metadata["step"] == 0
    writes = [write[1:] for write in saved.pending_writes or ()]
    assert writes == [("__error__", "CancelledError()")] * WIDE


@pytest.mark.usefixtures("installed")
def test_a_turn_that_others_ask_for_meanwhile_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As finalizers and threads may, while a task is made."""
    order: list[Any] = []
    start = AsyncLoop.start_coroutine

    def asking(self: AsyncLoop, *args: Any) -> Any:
        task = start(self, *args)
        self.event_loop.call_soon(order.append, "other")
        return task

    async def node(number: int) -> State:
        order.append(number)
        return {"seen": [number]}

    monkeypatch.setattr(AsyncLoop, "start_coroutine", asking)
    assert asyncio.run(_wide(node).ainvoke({"seen": []})) == ALL
    assert order == [*range(WIDE), *["other"] * WIDE]
