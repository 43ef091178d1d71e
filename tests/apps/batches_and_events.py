"""A graph used as a plain Runnable: piped, batched, mapped, and listened to with `astream_events`."""

from typing import Any, TypedDict

from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, Step


class Count(TypedDict):
    n: int


def build(env: Env) -> Any:
    graph = StateGraph(Count)
    graph.add_node("up", env.node(lambda state: {"n": state["n"] + 1}))
    graph.add_node("double", env.node(lambda state: {"n": state["n"] * 2}))
    graph.add_edge(START, "up")
    graph.add_edge("up", "double")
    graph.add_edge("double", END)
    return graph.compile(name="counter")


def batch(env: Env) -> Any:
    inputs: list[Any] = [{"n": n} for n in range(4)]

    def go(graph: Any, config: dict[str, Any]) -> Any:
        config["max_concurrency"] = 1
        return graph.abatch(inputs, config) if env.is_async else graph.batch(inputs, config)

    return go


def piped(env: Env) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        chain = (
            RunnableLambda(lambda n: {"n": n}) | graph | RunnableLambda(lambda state: state["n"])
        )
        return chain.ainvoke(20, config) if env.is_async else chain.invoke(20, config)

    return go


def events(env: Env) -> Any:
    async def go(graph: Any, config: dict[str, Any]) -> Any:
        return [
            {key: value for key, value in event.items() if key not in ("run_id", "parent_ids")}
            async for event in graph.astream_events({"n": 1}, config, version="v2")
        ]

    return go if env.is_async else lambda graph, config: None


def steps(env: Env) -> list[Step]:
    return [Do(function=batch(env)), Do(function=piped(env)), Do(function=events(env), thread=None)]
