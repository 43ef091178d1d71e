"""What code around LangGraph takes from a task's config, a compiled graph and a stream.

None of it is promised by LangGraph and all of it is in use, so each test has the same program look at
the same thing on stock LangGraph and on an engine.
"""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import contextvars
import copy
import functools
import operator
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.channels import BinaryOperatorAggregate, LastValue, Topic
from langgraph.channels.base import BaseChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config, get_store, get_stream_writer
from langgraph.graph import START, StateGraph, add_messages
from langgraph.graph import message as message_module
from langgraph.prebuilt import ToolNode
from langgraph.runtime import Runtime, get_runtime
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, RetryPolicy, Send, interrupt

import langgraph_engine
from langgraph_engine.loop import Loop
from langgraph_engine.upstream import ChannelWrite, ChannelWriteEntry

ENGINES = [info.name for info in langgraph_engine.engines() if info.name != "langgraph"]
THREAD: Any = {"configurable": {"thread_id": "1"}}


@pytest.fixture(params=ENGINES)
def as_on_stock(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """What a program returns on an engine, once it is shown to be what it returns on stock."""

    def compared(program: Callable[[], Any]) -> Any:
        langgraph_engine.install("langgraph")
        stock = program()
        langgraph_engine.install(request.param, unsupported="raise")
        engine = program()
        assert engine == stock
        return engine

    yield compared
    langgraph_engine.uninstall()


class Seen(TypedDict, total=False):
    seen: Annotated[list[Any], operator.add]
    last: Any


def _graph(*nodes: Any, **options: Any) -> Any:
    builder = StateGraph(Seen)
    builder.add_sequence([(f"node-{at}", node) for at, node in enumerate(nodes)])
    builder.add_edge(START, "node-0")
    return builder.compile(checkpointer=InMemorySaver(), **options)


# -- a task's config ---------------------------------------------------------------------------------


def test_read_is_a_partial_that_holds_the_channels(as_on_stock: Any) -> None:
    def program() -> Any:
        found: list[Any] = []

        def node(state: Seen) -> Seen:
            read = get_config()["configurable"]["__pregel_read"]
            channels = read.args[1]
            found.append(isinstance(read, functools.partial))
            found.append({name: type(channel) for name, channel in channels.items()})
            found.append(all(isinstance(channel, BaseChannel) for channel in channels.values()))
            found.append(channels["last"].get())
            return {"seen": ["node"]}

        _graph(node).invoke({"seen": ["input"], "last": 1}, THREAD)
        return found

    is_partial, kinds, are_channels, last = as_on_stock(program)
    assert is_partial
    assert are_channels
    assert kinds["seen"] is BinaryOperatorAggregate
    assert kinds["last"] is LastValue
    assert last == 1


def test_what_was_sent_is_read_when_read_afresh(as_on_stock: Any) -> None:
    def program() -> Any:
        found: list[Any] = []

        def node(state: Seen) -> Seen:
            conf = get_config()["configurable"]
            conf["__pregel_send"]([("seen", ["sent"]), ("last", 2)])
            found.append(conf["__pregel_read"](["seen", "last"], False))
            found.append(conf["__pregel_read"](["seen", "last"], True))
            found.append(conf["__pregel_read"]("last", True))
            return {"seen": ["returned"]}

        found.append(_graph(node).invoke({"seen": ["input"], "last": 1}, THREAD))
        return found

    stale, fresh, one, result = as_on_stock(program)
    assert stale == {"seen": ["input"], "last": 1}
    assert fresh == {"seen": ["input", "sent"], "last": 2}
    assert one == 2
    assert result == {"seen": ["input", "sent", "returned"], "last": 2}


def test_a_config_has_the_keys_it_has_on_stock(as_on_stock: Any) -> None:
    def program() -> Any:
        found: list[Any] = []

        def node(state: Seen) -> Seen:
            config: Any = get_config()
            conf, metadata = config["configurable"], config["metadata"]
            # Ids made of the time.
            made = {"langgraph_checkpoint_ns", "checkpoint_ns"}
            named = {key: value for key, value in metadata.items() if key not in made}
            found.append([sorted(config), sorted(conf), sorted(metadata), config["tags"]])
            found.append(named)
            found.append([type(conf["__pregel_checkpointer"]), conf["thread_id"], conf["own"]])
            found.append(conf["checkpoint_ns"].split(":")[0])
            found.append(conf["__pregel_task_id"] == conf["checkpoint_ns"].split(":")[1])
            found.append(sorted(key.split(":")[0] for key in conf["checkpoint_map"]))
            return {}

        config = {"configurable": {"thread_id": "1", "own": 1}, "tags": ["t"], "metadata": {"m": 1}}
        _graph(node, _graph(node)).invoke({}, config)
        return found

    assert as_on_stock(program)


def test_a_tool_node_injects_what_it_reads_from_the_config(as_on_stock: Any) -> None:
    class Chat(TypedDict, total=False):
        messages: Annotated[list[AnyMessage], add_messages]

    @tool
    def look(question: str) -> str:
        """Look around."""
        get_stream_writer()({"asked": question})
        item = get_store().get(("facts",), "sky")
        return f"{question} {item and item.value} {get_config()['metadata']['langgraph_node']}"

    def program() -> Any:
        store = InMemoryStore()
        store.put(("facts",), "sky", {"colour": "blue"})
        builder = StateGraph(Chat)
        builder.add_node("tools", ToolNode([look]))
        builder.add_edge(START, "tools")
        calls = [{"name": "look", "args": {"question": "sky?"}, "id": "1", "type": "tool_call"}]
        message = AIMessage("", tool_calls=calls, id="ai")
        graph = builder.compile(store=store)
        chunks = list(graph.stream({"messages": [message]}, stream_mode=["custom", "updates"]))
        update = chunks[-1][1]["tools"]["messages"]
        return [chunks[0], *(message.content for message in update)]

    custom, answer = as_on_stock(program)
    assert custom == ("custom", {"asked": "sky?"})
    assert answer == "sky? {'colour': 'blue'} tools"


def test_the_context_reaches_threads_that_copied_it(as_on_stock: Any) -> None:
    def look() -> Any:
        get_stream_writer()("from a thread")
        runtime: Runtime[Any] = get_runtime()
        return [get_config()["metadata"]["langgraph_node"], runtime.context, runtime.store is None]

    def program() -> Any:
        def node(state: Seen) -> Seen:
            context = contextvars.copy_context()
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return {"seen": pool.submit(context.run, look).result()}

        modes = ["custom", "updates"]
        return list(_graph(node).stream({}, THREAD, stream_mode=modes, context={"user": "me"}))

    assert as_on_stock(program) == [
        ("custom", "from a thread"),
        ("updates", {"node-0": {"seen": ["node-0", {"user": "me"}, True]}}),
    ]


def test_a_thread_that_copied_the_context_can_interrupt(as_on_stock: Any) -> None:
    def program() -> Any:
        def node(state: Seen) -> Seen:
            context = contextvars.copy_context()
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return {"seen": [pool.submit(context.run, interrupt, "?").result()]}

        graph = _graph(node)
        asked = graph.invoke({}, THREAD)["__interrupt__"]
        return [asked[0].value, graph.invoke(Command(resume="yes"), THREAD)]

    assert as_on_stock(program) == ["?", {"seen": ["yes"]}]


def test_callbacks_see_the_config_of_the_node_they_are_called_in(as_on_stock: Any) -> None:
    def program() -> Any:
        found: list[Any] = []

        class Looking(BaseCallbackHandler):
            run_inline = True

            def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
                found.append(get_config()["metadata"]["langgraph_node"])
                get_stream_writer()("from a callback")

        @tool
        def act() -> str:
            """Act."""
            return "acted"

        def node(state: Seen) -> Seen:
            return {"seen": [act.invoke({})]}

        config = {**THREAD, "callbacks": [Looking()]}
        return [found, list(_graph(node).stream({}, config, stream_mode="custom"))]

    assert as_on_stock(program) == [["node-0"], ["from a callback"]]


# -- a compiled graph --------------------------------------------------------------------------------


def test_a_compiled_graph_can_be_looked_into(as_on_stock: Any) -> None:
    def node(state: Seen) -> Seen:
        return {"seen": ["node"]}

    def program() -> Any:
        graph = _graph(node, _graph(node))
        graph.invoke({}, THREAD)
        return [
            graph.nodes["node-0"].bound.func is node,
            graph.nodes["node-0"].bound.invoke({"seen": []}),
            {name: type(channel) for name, channel in graph.channels.items()},
            graph.stream_channels,
            graph.stream_channels_list,
            graph.input_channels,
            sorted(graph.builder.nodes),
            [name for name, _ in graph.get_subgraphs()],
            {name: node.triggers for name, node in graph.nodes.items()},
            graph.get_graph().to_json(),
        ]

    looked = as_on_stock(program)
    assert looked[0] is True
    assert looked[2]["seen"] is BinaryOperatorAggregate


def test_the_channels_of_a_compiled_graph_stay_empty(as_on_stock: Any) -> None:
    def program() -> Any:
        graph = _graph(lambda state: {"seen": ["node"], "last": 1})
        graph.invoke({"seen": ["input"]}, THREAD)
        return {name: channel.is_available() for name, channel in graph.channels.items()}

    assert as_on_stock(program)["last"] is False


# -- streams and savers ------------------------------------------------------------------------------


def _shape(payload: Any) -> Any:
    """A payload's keys and plain values, without the ids and times in it."""
    if isinstance(payload, dict):
        left_out = {"id", "timestamp", "checkpoint_id", "checkpoint_map", "parents"}
        return {key: _shape(value) for key, value in payload.items() if key not in left_out}
    if isinstance(payload, list | tuple):
        return [_shape(value) for value in payload]
    return payload.split(":")[0] if isinstance(payload, str) else payload


@pytest.mark.parametrize("mode", ["tasks", "checkpoints", "debug"])
def test_payloads_have_the_shape_that_transformers_parse(as_on_stock: Any, mode: Any) -> None:
    def program() -> Any:
        def asks(state: Seen) -> Seen:
            return {"seen": [interrupt("?")]}

        graph = _graph(lambda state: {"seen": [1]}, _graph(asks))
        chunks = list(graph.stream({}, THREAD, stream_mode=mode, subgraphs=True))
        return [(tuple(_shape(part) for part in ns), _shape(payload)) for ns, payload in chunks]

    chunks = as_on_stock(program)
    assert {len(namespace) for namespace, _ in chunks} == {0, 1}


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_checkpoint_a_saver_was_given_is_never_changed(as_on_stock: Any, durability: Any) -> None:
    class Keeping(InMemorySaver):
        def __init__(self) -> None:
            super().__init__()
            self.given: list[tuple[Any, Any]] = []

        def put(self, config: Any, checkpoint: Any, *rest: Any) -> Any:
            self.given.append((checkpoint, copy.deepcopy(checkpoint)))
            return super().put(config, checkpoint, *rest)

    def program() -> Any:
        saver = Keeping()

        def node(state: Seen) -> Seen:
            return {"seen": [len(state["seen"])], "last": {"n": len(state["seen"])}}

        graph = _graph(node, node, node).copy({"checkpointer": saver})
        graph.invoke({"seen": []}, THREAD, durability=durability)
        graph.update_state(THREAD, {"seen": ["more"]})
        graph.invoke({"seen": ["again"]}, THREAD, durability=durability)
        return [given == kept for given, kept in saver.given]

    assert set(as_on_stock(program)) == {True}


@pytest.mark.since_python_3_11("a node's coroutine has no config")
def test_the_event_loop_is_never_blocked(as_on_stock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As detectors do it: what blocks raises in the thread of the event loop."""
    event_loops: set[int] = set()

    def forbid(place: Any, name: str, waits: Callable[..., bool] = lambda *args: True) -> None:
        real = getattr(place, name)

        def checked(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() in event_loops and waits(*args):
                raise AssertionError(f"{name} blocks the event loop")
            return real(*args, **kwargs)

        monkeypatch.setattr(place, name, checked)

    forbid(time, "sleep")
    forbid(builtins, "open")
    forbid(threading.Event, "wait", lambda event, *rest: not event.is_set())
    forbid(threading.Condition, "wait", lambda condition, timeout=None: timeout != 0)
    forbid(concurrent.futures, "wait")
    forbid(concurrent.futures.Future, "result", lambda future, *rest: not future.done())

    def program() -> Any:
        async def node(state: Seen) -> Seen:
            await asyncio.sleep(0)
            return {"seen": [1]}

        async def asks(state: Seen) -> Seen:
            return {"seen": [interrupt("?")]}

        async def use() -> Any:
            event_loops.add(threading.get_ident())
            try:
                graph = _graph(node, node, _graph(asks))
                modes = ["updates", "debug", "messages"]
                chunks = [chunk async for chunk in graph.astream({}, THREAD, stream_mode=modes)]
                result = await graph.ainvoke(Command(resume="yes"), THREAD)
                await graph.aupdate_state(THREAD, {"last": 1})
                states = [state async for state in graph.aget_state_history(THREAD)]
                return [len(chunks), result, len(states)]
            finally:
                event_loops.clear()

        return asyncio.run(use())

    assert as_on_stock(program)[1]["seen"][:2] == [1, 1]


# -- warnings ----------------------------------------------------------------------------------------


def test_what_has_no_effect_is_said_once(as_on_stock: Any) -> None:
    def program() -> Any:
        builder = StateGraph(Seen).add_node("node", lambda _: {"last": 1}).add_edge(START, "node")
        graph = builder.compile()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("default")
            for _ in range(3):
                graph.invoke({}, durability="exit")
        return [(warning.category, str(warning.message)) for warning in said]

    assert len(as_on_stock(program)) == 1


# -- what seldom happens -----------------------------------------------------------------------------


class Several(list[Any]):
    """A list of somebody's own."""


def test_a_topic_takes_the_items_of_any_list(as_on_stock: Any) -> None:
    class State(TypedDict):
        all: Annotated[list[str], Topic(str, True)]

    def program() -> Any:
        builder = StateGraph(State).add_node("node", lambda _: {"all": Several("xy")})
        graph = builder.add_edge(START, "node").compile()
        return [graph.invoke({"all": given}) for given in (["i"], Several("ij"))]

    assert as_on_stock(program)[1] == {"all": ["i", "j", "x", "y"]}


@vars(message_module)["_add_messages_wrapper"]
def _last(left: Any, right: Any) -> Any:
    return [*left, *right][-1:]


class Last(TypedDict):
    messages: Annotated[list[Any], _last]


def test_a_reducer_made_as_langgraph_makes_its_own_is_called(as_on_stock: Any) -> None:
    def program() -> Any:
        node = {"messages": [AIMessage("b", id="2")]}
        graph = StateGraph(Last).add_node("node", lambda _: node).add_edge(START, "node").compile()
        return graph.invoke({"messages": [AIMessage("a", id="1")]})

    assert as_on_stock(program) == {"messages": [AIMessage("b", id="2")]}


def test_a_context_is_looked_at_when_the_run_starts(as_on_stock: Any) -> None:
    class Unsure:
        def __bool__(self) -> bool:
            raise ValueError("neither")

    def program() -> Any:
        contexts: list[dict[str, Any]] = [{}, {"own": 1}]

        def node(_: Seen) -> Any:
            for context in contexts:
                context["more"] = 2
            contexts[1].pop("own", None)
            return {"seen": [get_runtime().context]}

        builder = StateGraph(Seen).add_node("node", node).add_edge(START, "node")
        graph: Any = builder.compile()
        seen = [graph.invoke({}, context=context) for context in contexts]
        with pytest.raises(ValueError, match="neither"):
            builder.compile().invoke({}, context=Unsure())  # type: ignore[arg-type]
        return seen

    assert as_on_stock(program) == [{"seen": [None]}, {"seen": [{"more": 2}]}]


@pytest.mark.parametrize("saves", [False, True])
def test_a_configurable_has_its_order(as_on_stock: Any, saves: bool) -> None:
    def program() -> Any:
        def node(_: Seen) -> Any:
            return {"seen": [*get_config()["configurable"]]}

        builder = StateGraph(Seen).add_node("node", node).add_edge(START, "node")
        graph: Any = builder.compile(checkpointer=InMemorySaver() if saves else None)
        return graph.invoke({}, {"configurable": {"own": 1, "thread_id": "1"}})

    assert "__pregel_runtime" in as_on_stock(program)["seen"]


def test_a_thread_may_look_at_a_config_while_the_run_goes_on(
    as_on_stock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, gone_on = threading.Event(), threading.Event()
    strays: list[threading.Thread] = []
    made = Loop.live_task

    def later(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() in strays:
            looking.set()
            assert gone_on.wait(10)
        return made(*args, **kwargs)

    monkeypatch.setattr(Loop, "live_task", later)

    def look() -> None:
        get_config().get("tags")
        looking.set()

    def first(_: Seen) -> Any:
        stray = threading.Thread(target=contextvars.copy_context().run, args=(look,))
        strays.append(stray)
        stray.start()
        assert looking.wait(10)
        return {"seen": [2]}

    def sent(_: Any) -> Any:
        gone_on.set()
        strays[0].join(10)
        return {"seen": [9]}

    def program() -> Any:
        looking.clear()
        gone_on.clear()
        strays.clear()
        builder = StateGraph(Seen).add_node("first", first).add_node("sent", sent)
        builder.add_edge(START, "first")
        builder.add_conditional_edges("first", lambda _: [Send("sent", {})] * 3, ["sent"])
        return builder.compile().invoke({"seen": [0]})

    assert as_on_stock(program) == {"seen": [0, 2, 9, 9, 9]}


@pytest.mark.parametrize("changed", ["bound", "appended", "replaced"])
@pytest.mark.parametrize("then", ["callbacks", "debug", "retry", "update_state"])
def test_a_node_stays_what_it_was_when_it_first_ran(
    as_on_stock: Any, changed: str, then: str
) -> None:
    def program() -> Any:
        builder = StateGraph(Logged)
        builder.add_node("a", lambda _: {"log": ["a"]})
        builder.add_node("b", lambda _: {"log": ["b"]})
        builder.add_edge(START, "a")
        builder.add_edge("a", "b")
        graph = builder.compile(checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        before = graph.invoke({"log": []}, config)
        node = graph.nodes["a"]
        if changed == "bound":
            node.bound = RunnableLambda(lambda _: {"log": ["another"]})
        elif changed == "appended":
            node.writers.append(ChannelWrite((ChannelWriteEntry("log", ["appended"]),)))
        else:
            node.writers = []
        if then == "update_state":
            graph.update_state(config, {"log": ["updated"]}, as_node="a")
            return before, graph.get_state(config)[:2], graph.invoke(None, config)
        if then == "retry":
            node.retry_policy = [RetryPolicy()]
        if then == "callbacks":
            config["callbacks"] = [BaseCallbackHandler()]
        if then == "debug":
            chunks = graph.stream({"log": []}, config, stream_mode=["debug", "values"])
            return before, [chunk for mode, chunk in chunks if mode == "values"]
        return before, graph.invoke({"log": []}, config)

    as_on_stock(program)


class Logged(TypedDict):
    log: Annotated[list[str], operator.add]
