"""What is injected into a node by its parameters: `runtime`, `config`, `writer`, `store`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import StreamWriter
from parity.steps import Env, Invoke, Step, Stream


@dataclass
class Customer:
    name: str
    premium: bool = False


class State(TypedDict, total=False):
    visits: int
    greeting: str


def build(env: Env) -> Any:
    def visit(state: State, runtime: Runtime[Customer]) -> State:
        assert runtime.store is not None
        found = runtime.store.get(("visits",), runtime.context.name)
        visits = (found.value["count"] if found else 0) + 1
        runtime.store.put(("visits",), runtime.context.name, {"count": visits})
        runtime.stream_writer({"visits": visits})
        env.note("runtime", [runtime.context, runtime.previous, runtime.server_info])
        info = runtime.execution_info
        assert info is not None
        env.note(
            "info",
            [info.checkpoint_ns, info.task_id, info.thread_id, info.run_id, info.node_attempt],
        )
        return {"visits": visits}

    def greet(
        state: State, config: RunnableConfig, *, writer: StreamWriter, store: BaseStore
    ) -> State:
        writer("greeting")
        env.note("store", [item.value for item in store.search(("visits",))])
        given = config["configurable"]
        env.note("configurable", {key: given[key] for key in given if not key.startswith("__")})
        env.note("own keys", sorted(key for key in given if key.startswith("__")))
        env.note(
            "config",
            {key: config.get(key) for key in ("tags", "metadata", "run_name", "recursion_limit")},
        )
        return {"greeting": "hello"}

    def farewell(state: State, runtime: Runtime, config: RunnableConfig) -> State:
        env.note("farewell", [sorted(config), type(runtime.context).__name__])
        return {"greeting": f"{state['greeting']} and bye"}

    graph = StateGraph(State, context_schema=Customer)
    graph.add_node("visit", env.node(visit))
    graph.add_node("greet", env.node(greet))
    graph.add_node("farewell", env.node(farewell))
    graph.add_edge(START, "visit")
    graph.add_edge("visit", "greet")
    graph.add_edge("greet", "farewell")
    graph.add_edge("farewell", END)
    return graph.compile(checkpointer=env.saver, store=env.store)


def steps(env: Env) -> list[Step]:
    extra = {"configurable": {"locale": "de"}, "tags": ["shop"], "metadata": {"counter": 3}}
    return [
        Invoke({}, options={"context": Customer("Ann")}, config=extra),
        Stream(
            {}, mode=["custom", "updates"], options={"context": {"name": "Ann", "premium": True}}
        ),
    ]
