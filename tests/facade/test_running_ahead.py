"""Supersteps an engine may run itself: whatever a node or an edge does in one, it ends as on stock."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import itertools
import operator
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.channels import EphemeralValue, LastValue, Topic
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.managed import IsLastStep, RemainingSteps
from langgraph.managed.base import ManagedValue
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.runtime import RunControl, Runtime
from langgraph.types import Command, Interrupt, Overwrite, RetryPolicy, Send, interrupt

import langgraph_engine
from langgraph_engine import live_task
from langgraph_engine.upstream import (
    ChannelWrite,
    ChannelWriteEntry,
    PregelNode,
    RunnableCallable,
)

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


def _writes_a_channel_twice(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(list(state["seen"]))
        return [{"seen": [1]}, Command(update={**_step(state), "seen": [2]})]

    return _loop(node)


def _reads_what_it_may_not_write(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(list(state["seen"]))
        return [Command(update={"count": 1}), Command(update={"count": 2})]

    return _loop(node)


def _hides_a_node(log: Log) -> Any:
    hidden = RunnableLambda(_step).with_config(tags=["langsmith:hidden"])

    def last(state: State) -> State:
        log.append(state["count"])
        return {}

    builder = StateGraph(State)
    builder.add_sequence([("hidden", hidden), ("shown", _step), ("last", last)])
    builder.add_edge(START, "hidden")
    return builder.compile()


def _has_one_channel(log: Log) -> Any:
    def node(number: int) -> int:
        log.append(number)
        return number + 1

    builder: Any = StateGraph(Annotated[int, operator.add])
    builder.add_sequence([("first", node), ("second", node), ("third", lambda _: None)])
    builder.add_edge(START, "first")
    graph = builder.compile()
    return _Given(graph, 1)


def _shows_some_of_its_state(log: Log) -> Any:
    def node(state: Any) -> Any:
        log.append(dict(state))
        return {"inner": [state["count"]], "count": state["count"] + 1}

    class Inner(TypedDict, total=False):
        inner: list[int]
        count: int

    class Output(TypedDict, total=False):
        inner: list[int]

    builder: Any = StateGraph(Inner, output_schema=Output)
    builder.add_sequence([("first", node), ("second", node), ("third", lambda _: {"count": 7})])
    builder.add_edge(START, "first")
    return _Given(builder.compile(), {"count": 1})


class _Given:
    """A graph that is given something else."""

    def __init__(self, graph: Any, given: Any) -> None:
        self._graph, self._given = graph, given

    def invoke(self, _: Any, config: Any) -> Any:
        return self._graph.invoke(self._given, config)

    async def ainvoke(self, _: Any, config: Any) -> Any:
        return await self._graph.ainvoke(self._given, config)

    def stream(self, _: Any, config: Any, **kwargs: Any) -> Any:
        return self._graph.stream(self._given, config, **kwargs)

    def astream(self, _: Any, config: Any, **kwargs: Any) -> Any:
        return self._graph.astream(self._given, config, **kwargs)


def _goes_on_for_ever(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state.get("count"))
        return _step(state)

    return _loop(node, times=1_000)


class Managed(State, total=False):
    left: RemainingSteps
    last: IsLastStep


def _managed_values(log: Log) -> Any:
    def node(state: Managed) -> Any:
        log.append([*state.items()])
        state["left"] = -1  # which is the node's own
        return _step(state)

    def router(state: Managed) -> str:
        log.append([*state.items()])
        return "node" if state["left"] > 7 else END

    builder = StateGraph(Managed)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_conditional_edges("node", router, ["node", END])
    return builder.compile()


class Third(ManagedValue[Any]):
    """One that looks at more than LangGraph's own do."""

    @staticmethod
    def get(scratchpad: Any) -> Any:
        return scratchpad.step, scratchpad.interrupt_counter()


class WithThird(State, total=False):
    third: Annotated[Any, Third]


def _managed_value_of_ones_own(log: Log) -> Any:
    def node(state: WithThird) -> Any:
        log.append([*state.items()])
        return _step(state)

    def router(state: WithThird) -> str:
        log.append([*state.items()])
        return "node" if state["count"] < 3 else END

    builder = StateGraph(WithThird)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_conditional_edges("node", router, ["node", END])
    return builder.compile()


def _sent(node: Any, sent: Any = dict, *, retry: Any = None, timeout: Any = None) -> Any:
    """``node`` is sent to, one packet at a time, and goes back to who sent it."""

    def sender(state: State) -> State:
        return _step(state)

    def router(state: State) -> Any:
        if state["count"] >= 4:
            return END
        return [Send("other", sent(state), timeout=timeout)]

    builder = StateGraph(State)
    builder.add_node("sender", sender)
    builder.add_node("other", node, retry_policy=retry)
    builder.add_edge(START, "sender")
    builder.add_edge("other", "sender")
    builder.add_conditional_edges("sender", router, ["other", END])
    return builder.compile()


def _packets_one_by_one(log: Log) -> Any:
    def node(state: Any) -> State:
        log.append(state)
        return {"seen": [state["count"]]}

    return _sent(node)


def _packets_of_anything(log: Log) -> Any:
    def node(given: Any) -> State:
        log.append(given)
        return {"seen": [given]}

    return _sent(node, lambda state: state["count"] % 2 and f"number {state['count']}")


def _packets_and_the_config(log: Log) -> Any:
    def node(state: State, config: RunnableConfig, runtime: Runtime[None]) -> State:
        metadata = {k: v for k, v in config["metadata"].items() if k.startswith("langgraph")}
        metadata.pop("langgraph_checkpoint_ns")
        log.append([metadata, config["tags"], runtime.execution_info.node_attempt])  # type: ignore[union-attr]
        read = config["configurable"].get("__pregel_read_state")
        log.append(None if read is None else read())
        return {"seen": [state["count"]]}

    return _sent(node)


def _packet_whose_node_raises(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state["count"])
        if state["count"] == 2:
            raise ValueError("in a packet")
        return {}

    return _sent(node)


def _packet_whose_node_interrupts(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state["count"])
        return {"seen": [interrupt(state["count"])]}

    return _sent(node)


def _packet_with_a_timeout(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state["count"])
        return {"seen": [state["count"]]}

    return _sent(node, timeout=30.0)


def _packet_that_is_retried(log: Log) -> Any:
    def node(state: State) -> State:
        log.append(state["count"])
        if len(log) % 2:
            raise ValueError("now and then")
        return {"seen": [state["count"]]}

    return _sent(node, retry=RetryPolicy(initial_interval=0.0, jitter=False, retry_on=ValueError))


def _packet_that_writes_twice(log: Log) -> Any:
    def node(state: State) -> Any:
        log.append(state["count"])
        return [{"seen": [1]}, Command(update={"seen": [2], "unknown": 3})]

    return _sent(node)


def _packet_for_a_subgraph(log: Log) -> Any:
    def step(state: State) -> State:
        log.append(dict(state))
        return {"count": state["count"] + 1, "seen": [state["count"]]}

    return _sent(_loop(step, times=3))


def _runnables_of_any_kind(log: Log) -> Any:
    def first(state: State, config: RunnableConfig) -> State:
        log.append(config["metadata"]["langgraph_step"])
        return _step(state)

    return _loop(RunnableLambda(first) | RunnableLambda(lambda update: {**update, "seen": [1]}))


def _runnable_that_raises(log: Log) -> Any:
    def first(state: State) -> State:
        log.append(state.get("count"))
        if state.get("count") == 2:
            raise ValueError("in a sequence")
        return _step(state)

    return _loop(RunnableLambda(first) | RunnableLambda(lambda update: update))


def _subgraph_again_and_again(log: Log) -> Any:
    def step(state: State) -> State:
        log.append(get_config()["metadata"]["langgraph_node"])
        return {"count": state.get("count", 0) + 1, "seen": [state.get("count")]}

    def once_more(state: State) -> str:
        return "node" if state.get("count", 0) < 3 else END

    return _loop(_loop(step, once_more))


def _subgraph_interrupts(log: Log) -> Any:
    def asks(state: State) -> State:
        log.append(state.get("count"))
        return {"seen": [interrupt("in a subgraph")], "count": 9}

    return _loop(_loop(asks))


def _subgraph_goes_to_its_parent(log: Log) -> Any:
    def goes(state: State) -> Any:
        log.append(state.get("count"))
        return Command(graph=Command.PARENT, update=_step(state), goto="node")

    inner = _loop(goes)

    def over(state: State) -> str:
        return END if state.get("count", 0) >= 3 else "node"

    builder = StateGraph(State)
    builder.add_node("node", _step)
    builder.add_node("inner", inner, destinations=("node",))
    builder.add_edge(START, "node")
    builder.add_conditional_edges(
        "node", lambda state: "inner" if state["count"] < 5 else END, ["inner", END]
    )
    builder.add_conditional_edges("inner", over, ["node", END])
    return builder.compile()


def _entered_by(router: Any, *nodes: str) -> Any:
    """A graph whose first superstep is a conditional edge."""
    builder = StateGraph(State)
    for name in nodes:
        builder.add_node(name, lambda state, name=name: {"seen": [name, state.get("count")]})
    builder.add_conditional_edges(START, router, [*nodes, END])
    return builder.compile()


def _entered_by_condition(log: Log) -> Any:
    def router(state: State, config: RunnableConfig) -> str:
        log.append([dict(state), config["metadata"]["langgraph_node"]])
        return "b"

    return _entered_by(router, "a", "b")


def _entered_by_a_packet(log: Log) -> Any:
    def router(state: State) -> Any:
        log.append([dict(state), get_config()["metadata"]["langgraph_step"]])
        return [Send("a", {"count": 7})]

    return _entered_by(router, "a")


def _entered_by_several(log: Log) -> Any:
    def router(state: State) -> Any:
        log.append(dict(state))
        return ["a", "b", Send("a", {"count": 7})]

    return _entered_by(router, "a", "b")


def _writers_that_send(log: Log) -> Any:
    """A graph made by hand, whose writers have packets of their own."""

    def sends(*before: Any) -> PregelNode:
        writers = [ChannelWrite([Send("other", len(before))]), *before]
        return PregelNode(channels="seen", triggers=["seen"], writers=writers)

    after = RunnableLambda(lambda value: value)
    return Pregel(
        nodes={
            "a": sends(),
            "b": sends(after, ChannelWrite([ChannelWriteEntry("count", 2)])),
            "other": NodeBuilder().do(lambda value: value).write_to("out").build(),
        },
        channels={
            "seen": EphemeralValue(list),
            "count": LastValue(int),
            "out": Topic(int),
            "__pregel_tasks": Topic(Send),
        },
        input_channels=["seen"],
        output_channels=["count", "out"],
    )


def _left_at_once(log: Log) -> Any:
    def router(state: State) -> str:
        log.append(dict(state))
        return END

    return _entered_by(router, "a")


def _entry_raises(log: Log) -> Any:
    def router(state: State) -> str:
        log.append(dict(state))
        raise ValueError("no way in")

    return _entered_by(router, "a")


def _entered_by_edges_of_both_kinds(log: Log) -> Any:
    def router(state: State) -> str:
        log.append(dict(state))
        return "b"

    builder = StateGraph(State)
    builder.add_node("a", _step)
    builder.add_node("b", lambda _: {"seen": ["b"]})
    builder.add_edge(START, "a")
    builder.add_conditional_edges(START, router, ["b"])
    builder.add_conditional_edges(START, RunnableLambda(router, name="again"), ["b"])
    return builder.compile()


PROGRAMS = [
    _writers_that_send,
    _entered_by_condition,
    _entered_by_a_packet,
    _entered_by_several,
    _left_at_once,
    _entry_raises,
    _entered_by_edges_of_both_kinds,
    _managed_values,
    _managed_value_of_ones_own,
    _packets_one_by_one,
    _packets_of_anything,
    _packets_and_the_config,
    _packet_whose_node_raises,
    _packet_whose_node_interrupts,
    _packet_with_a_timeout,
    _packet_that_is_retried,
    _packet_that_writes_twice,
    _packet_for_a_subgraph,
    _runnables_of_any_kind,
    _runnable_that_raises,
    _subgraph_again_and_again,
    _subgraph_interrupts,
    _subgraph_goes_to_its_parent,
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
    _writes_a_channel_twice,
    _reads_what_it_may_not_write,
    _hides_a_node,
    _has_one_channel,
    _shows_some_of_its_state,
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
    others_ended = threading.Event()

    async def other(state: State) -> Any:
        log.append(get_config()["metadata"]["langgraph_node"])
        # A while later, as whoever waits for it in a thread would else be done at about the same time.
        asyncio.get_running_loop().call_later(0.05, others_ended.set)
        return {"seen": ["by a runnable"]}

    async def node(state: State) -> Any:
        return RunnableLambda(other)

    def sync(state: State) -> Any:
        others_ended.wait(10)
        return {"seen": ["sync"]}

    return _together(node, _at_once, sync)


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


def _first_steps_come_first(log: Log) -> Any:
    def node(number: int) -> Any:
        async def waits(state: State) -> State:
            for step in range(number % 3):
                log.append((number, step))
                await asyncio.sleep(0)
            log.append((number, "last"))
            return {"seen": [number]}

        return waits

    return _together(*map(node, range(7)))


def _callbacks_come_after_first_steps(log: Log) -> Any:
    async def asks(state: State) -> State:
        log.append("node")
        asyncio.get_running_loop().call_soon(log.append, "callback")
        return {"seen": [1]}

    return _together(asks, asks, asks)


def _each_has_a_task_of_its_own(log: Log) -> Any:
    tasks: list[Any] = []

    async def node(state: State) -> State:
        tasks.append(asyncio.current_task())
        log.append((len(tasks), len({*tasks}), tasks[-1].done(), type(tasks[-1]) is asyncio.Task))
        return {"seen": [len(tasks)]}

    return _together(node, node, node)


def _each_has_a_context_of_its_own(log: Log) -> Any:
    variable = contextvars.ContextVar("variable", default="unset")

    async def node(state: State) -> State:
        log.append((variable.get(), get_config()["metadata"]["langgraph_node"]))
        variable.set("a node's")
        return {"seen": [variable.get()]}

    return _together(node, node, node)


def _the_middle_one_raises(log: Log) -> Any:
    async def raises(state: State) -> State:
        raise ValueError("in the middle")

    async def node(state: State) -> State:
        log.append("called")
        return {"seen": [1]}

    return _together(node, raises, node)


def _raises_as_it_is_called(error: type[Exception]) -> Callable[[Log], Any]:
    """No coroutine function, but what LangGraph calls as one."""

    def program(log: Log) -> Any:
        def node(state: State) -> Any:
            raise error("no coroutine")

        return _together(_at_once, RunnableCallable(None, node, name="raises"), _at_once)

    program.__name__ = f"_raises_{error.__name__}_as_it_is_called"
    return program


def _coroutines_among_others(log: Log) -> Any:
    """Plain functions are called in threads, and what has a policy goes another way."""

    def node(name: str) -> Any:
        async def logs(state: State) -> State:
            log.append(name)
            return {"seen": [name]}

        return logs

    builder = StateGraph(State)
    for name in ("c", "d", "e", "f", "g"):
        policy = RetryPolicy() if name == "e" else None
        builder.add_node(name, node(name), retry_policy=policy)
        builder.add_edge(START, name)
    return builder.compile()


AWAITED = [
    _first_steps_come_first,
    _callbacks_come_after_first_steps,
    _each_has_a_task_of_its_own,
    _each_has_a_context_of_its_own,
    _the_middle_one_raises,
    _coroutines_among_others,
    _raises_as_it_is_called(ValueError),
    _raises_as_it_is_called(StopIteration),
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


def _without_ids(shown: Any) -> Any:
    """A state, a chunk or chunks; the ids of interrupts are drawn anew for every run."""
    if isinstance(shown, list):
        return [*map(_without_ids, shown)]
    if isinstance(shown, dict):
        for interrupted in shown.get("__interrupt__", ()):
            interrupted.id = "an id"
    return shown


def _ending(run: Callable[[], Any]) -> Any:
    try:
        return _without_ids(run())
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


_SIDE_BY_SIDE = {"other", "a", "b"}
"""Nodes that may run side by side."""


def _comparable(chunks: list[Any]) -> list[Any]:
    """Chunks without ids; those of tasks that threads run together come in any order, so they are sorted."""
    named = [chunk if isinstance(chunk, tuple) else (None, chunk) for chunk in chunks]
    shown = [(mode, _without_ids(chunk)) for mode, chunk in named]

    def together(chunk: tuple[Any, Any]) -> bool:
        return isinstance(chunk[1], dict) and not chunk[1].keys().isdisjoint(_SIDE_BY_SIDE)

    comparable: list[Any] = []
    for several, group in itertools.groupby(shown, together):
        found = list(group)
        comparable += sorted(found, key=repr) if several else found
    return comparable


def _streams(mode: Any) -> Any:
    def stream(graph: Any) -> Any:
        chunks: list[Any] = []

        def run() -> None:
            chunks.extend(map(copy.deepcopy, graph.stream({"seen": []}, CONFIG, stream_mode=mode)))

        ending = _ending(run)
        return ending, _comparable(chunks)

    stream.__name__ = f"streams_{mode}"
    return stream


def _astreams(mode: Any) -> Any:
    def stream(graph: Any) -> Any:
        chunks: list[Any] = []

        async def run() -> None:
            async for chunk in graph.astream({"seen": []}, CONFIG, stream_mode=mode):
                chunks.append(copy.deepcopy(chunk))  # noqa: PERF401 - those before an exception count

        ending = _ending(lambda: asyncio.run(run()))
        return ending, _comparable(chunks)

    stream.__name__ = f"astreams_{mode}"
    return stream


def _runs_as_on_stock(engine: str, program: Any, run: Any) -> None:
    """Whether a program does, and shows, the same on stock and on an engine."""
    expected_log: Log = []
    expected = run(program(expected_log))
    langgraph_engine.install(engine, unsupported="raise")
    log: Log = []
    assert (run(program(log)), log) == (expected, expected_log)


MODES: list[Any] = ["updates", "values", ["updates", "values"]]
CASES = [
    *itertools.product(PROGRAMS, [_sync, *map(_streams, MODES)]),
    *itertools.product([*PROGRAMS, *AWAITED], [_async, *map(_astreams, MODES)]),
]


@pytest.mark.since_python_3_11("a node's coroutine has no config")
@pytest.mark.parametrize(
    ("program", "run"), CASES, ids=[f"{p.__name__}-{r.__name__}" for p, r in CASES]
)
def test_it_ends_as_on_stock(engine: str, program: Any, run: Any) -> None:
    _runs_as_on_stock(engine, program, run)


class SaverElsewhere(InMemorySaver):
    """A saver that isn't known to work in memory: it is called from threads, or awaited."""


def _thread(saver: InMemorySaver) -> list[Any]:
    """All that was saved, without what is drawn anew for every run."""

    def numbers(versions: dict[str, Any]) -> dict[str, int]:
        return {name: int(str(version).split(".")[0]) for name, version in versions.items()}

    def shown(value: Any) -> Any:
        asked = isinstance(value, (list, tuple)) and value and isinstance(value[0], Interrupt)
        return [i.value for i in value] if asked else repr(value)

    saved = []
    for found in saver.list({"configurable": {"thread_id": "1"}}):
        checkpoint: Any = found.checkpoint
        written: dict[
            str, list[Any]
        ] = {}  # by task, as those that run side by side end in any order
        for task_id, channel, value in found.pending_writes or ():
            written.setdefault(task_id, []).append((channel, shown(value)))
        namespace = found.config["configurable"]["checkpoint_ns"].split(":")[0]
        saved.append(
            (
                namespace,
                {**found.metadata, "parents": [*map(str, found.metadata.get("parents", {}))]},
                sorted(checkpoint["channel_values"].items()),
                numbers(checkpoint["channel_versions"]),
                {node: numbers(seen) for node, seen in checkpoint["versions_seen"].items()},
                checkpoint["updated_channels"],
                found.parent_config is None,
                sorted(written.values(), key=repr),
            )
        )
    return sorted(saved, key=lambda entry: (entry[0], -entry[1]["step"]))


def _saving(
    saver_class: type[InMemorySaver], durability: Any, run: str, mode: Any = "values"
) -> Any:
    """Run with a saver, then go on with what was saved."""

    def saves(graph: Any) -> Any:
        saver = graph.checkpointer = saver_class()
        config = {**CONFIG, "configurable": {"thread_id": "1"}}
        options = {"stream_mode": mode, "durability": durability}

        def once(given: Any) -> Any:
            if run == "invoke":
                return graph.invoke(given, config, durability=durability)
            if run == "stream":
                return _comparable([*map(copy.deepcopy, graph.stream(given, config, **options))])
            if run == "ainvoke":
                return asyncio.run(graph.ainvoke(given, config, durability=durability))

            async def astream() -> list[Any]:
                return [copy.deepcopy(c) async for c in graph.astream(given, config, **options)]

            return _comparable(asyncio.run(astream()))

        first = _ending(lambda: once({"seen": []})), _thread(saver)
        return first, _ending(lambda: once(None)), _thread(saver)

    saves.__name__ = f"{saver_class.__name__}-{durability}-{run}-{mode}"
    return saves


KINDS: list[Any] = [(InMemorySaver, "async"), (SaverElsewhere, "async")]
UPDATES: list[Any] = [*zip(KINDS, ["updates", ["updates", "values"]], strict=True)]
SAVING = [
    *itertools.product(
        PROGRAMS,
        [
            *(_saving(*kind, how) for kind in KINDS for how in ("invoke", "stream")),
            _saving(SaverElsewhere, "sync", "invoke"),
            *(_saving(*kind, "stream", mode) for kind, mode in UPDATES),
        ],
    ),
    *itertools.product(
        [*PROGRAMS, *AWAITED],
        [
            *(_saving(*kind, how) for kind in KINDS for how in ("ainvoke", "astream")),
            _saving(InMemorySaver, "sync", "ainvoke"),
            *(_saving(*kind, "astream", mode) for kind, mode in UPDATES),
        ],
    ),
]


@pytest.mark.since_python_3_11("a node's coroutine has no config")
@pytest.mark.parametrize(
    ("program", "run"), SAVING, ids=[f"{p.__name__}-{r.__name__}" for p, r in SAVING]
)
def test_it_saves_what_stock_saves(engine: str, program: Any, run: Any) -> None:
    _runs_as_on_stock(engine, program, run)


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
    assert made == []


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


def _watched(log: Log, mode: Any, took: Callable[[Any, Any], None]) -> Any:
    """Stream a loop; ``took`` is told of each chunk, and may do something to the graph."""

    def node(state: State) -> State:
        log.append(("node", state.get("count")))
        return _step(state)

    graph = _loop(node, times=6)

    def run() -> None:
        for chunk in graph.stream({"seen": []}, CONFIG, stream_mode=mode):
            log.append(("chunk", chunk))
            took(graph, chunk)

    return _ending(run)


def _only_looks(graph: Any, chunk: Any) -> None:
    pass


def _raises_at_two(graph: Any, chunk: Any) -> None:
    if "2" in str(chunk):
        raise ValueError("enough")


def _replaces_the_node_at_two(graph: Any, chunk: Any) -> None:
    if "2" in str(chunk):
        graph.nodes["node"].bound.func = lambda state: {"count": 6, "seen": ["replaced"]}


def _gives_the_node_a_method_at_two(graph: Any, chunk: Any) -> None:
    if "2" in str(chunk):
        other = lambda state, config: {"count": 6, "seen": [config["metadata"]["langgraph_step"]]}  # noqa: E731
        object.__setattr__(graph.nodes["node"].bound, "invoke", other)


def _sets_a_policy_at_two(graph: Any, chunk: Any) -> None:
    if "2" in str(chunk):
        again = RetryPolicy(initial_interval=0, jitter=False, max_attempts=2, retry_on=KeyError)
        graph.nodes["node"].retry_policy = [again]
        failing = iter([KeyError("once")])

        def node(state: State) -> State:
            for error in failing:
                raise error
            return {"count": 6, "seen": ["at the second attempt"]}

        graph.nodes["node"].bound.func = node


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize(
    "took",
    [
        _only_looks,
        _raises_at_two,
        _replaces_the_node_at_two,
        _gives_the_node_a_method_at_two,
        _sets_a_policy_at_two,
    ],
)
def test_chunks_are_taken_between_two_supersteps(engine: str, mode: Any, took: Any) -> None:
    expected_log: Log = []
    expected = _watched(expected_log, mode, took)
    langgraph_engine.install(engine, unsupported="raise")
    log: Log = []
    assert (_watched(log, mode, took), log) == (expected, expected_log)


class Divided(TypedDict, total=False):
    number: Annotated[int, operator.floordiv]
    other: str


@pytest.mark.parametrize("mode", [None, "updates", "values"])
def test_what_a_commit_refused_is_pending(engine: str, mode: Any) -> None:
    def run() -> Any:
        builder = StateGraph(Divided)
        builder.add_sequence(
            [
                ("first", lambda _: {"number": 1}),
                ("second", lambda _: {"other": "kept", "number": 0}),
            ]
        )
        builder.add_edge(START, "first")
        graph = builder.compile(checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        with pytest.raises(ZeroDivisionError):
            list(graph.stream({"other": ""}, config, stream_mode=mode, durability="exit"))
        saved = graph.checkpointer.get_tuple(config)  # type: ignore[union-attr]
        assert saved is not None
        pending = [(channel, value) for _, channel, value in saved.pending_writes or ()]
        return pending, saved.metadata

    expected = run()
    langgraph_engine.install(engine, unsupported="raise")
    assert run() == expected
    assert ("other", "kept") in expected[0]


def _seen_at(graph: Any, config: Any) -> Any:
    """What anybody finds who looks for the thread's state now."""
    state = graph.get_state(config)
    tasks = [(found.name, found.error, found.interrupts, found.result) for found in state.tasks]
    return copy.deepcopy((state.values, state.next, state.metadata["step"], tasks))


@pytest.mark.since_python_3_11("a node's coroutine has no config")
@pytest.mark.parametrize("leaves_at", [None, 3, 6])
@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("saver_class", [InMemorySaver, SaverElsewhere])
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_who_takes_a_chunk_finds_the_state_stock_has_then(
    engine: str, way: str, saver_class: type[InMemorySaver], mode: Any, leaves_at: int | None
) -> None:
    """A task's updates before its superstep is committed; and what is saved then if the stream is left."""
    config: Any = {**CONFIG, "configurable": {"thread_id": "1"}}
    while_saved = 0.02  # seconds a background thread needs at most to save what it was given

    def run() -> Log:
        log: Log = []

        def node(state: State) -> State:
            log.append(state.get("count"))
            return {**_step(state), "seen": [state.get("count")]}

        graph = _loop(node)
        graph.checkpointer = saver_class()

        def take(number: int, chunk: Any) -> bool:
            log.append((copy.deepcopy(chunk), _seen_at(graph, config)))
            return number == leaves_at

        async def astream() -> None:
            chunks = graph.astream({"seen": []}, config, stream_mode=mode)
            number = 0
            async for chunk in chunks:
                await asyncio.sleep(while_saved)
                if take(number, chunk):
                    break
                number += 1
            await chunks.aclose()

        if way == "astream":
            asyncio.run(astream())
        else:
            for number, chunk in enumerate(graph.stream({"seen": []}, config, stream_mode=mode)):
                time.sleep(while_saved)
                if take(number, chunk):
                    break
        log += [
            _thread(graph.checkpointer),
            graph.invoke(None, config),
            _thread(graph.checkpointer),
        ]
        return log

    expected = run()
    langgraph_engine.install(engine, unsupported="raise")
    assert run() == expected


def test_a_stream_may_be_left_in_the_middle(engine: str) -> None:
    def run() -> Log:
        log: Log = []

        def node(state: State) -> State:
            log.append(state.get("count"))
            return _step(state)

        for chunk in _loop(node).stream({"seen": []}, CONFIG, stream_mode="updates"):
            log.append(chunk)
            if len(log) > 3:
                break
        return log

    expected = run()
    langgraph_engine.install(engine, unsupported="raise")
    assert run() == expected


@pytest.mark.since_python_3_11("a node's coroutine has no config")
def test_several_asyncio_tasks_may_take_chunks(engine: str) -> None:
    async def main() -> Log:
        log: Log = []

        async def node(state: State) -> State:
            current = asyncio.current_task()
            assert current is not None
            if state.get("count") == 2:
                current.cancel()
                await asyncio.sleep(0)
            return _step(state)

        stream = _loop(node).astream({"seen": []}, CONFIG, stream_mode="updates")

        async def take() -> None:
            try:
                log.append(await anext(stream))
            except (Exception, asyncio.CancelledError) as error:
                log.append((type(error), str(error)))

        for _ in range(4):
            await asyncio.create_task(take())
        return log

    expected = asyncio.run(main())
    langgraph_engine.install(engine, unsupported="raise")
    assert asyncio.run(main()) == expected


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
