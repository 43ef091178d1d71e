"""`print_mode` prints chunks of modes that aren't streamed, beside those that are."""

import contextlib
import io
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Step


class Count(TypedDict):
    n: int


def build(env: Env) -> Any:
    graph = StateGraph(Count)
    graph.add_node("up", env.node(lambda state: {"n": state["n"] + 1}))
    graph.add_node("down", env.node(lambda state: {"n": state["n"] - 1}))
    graph.add_edge(START, "up")
    graph.add_edge("up", "down")
    return graph.compile()


def printed(env: Env, **options: Any) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            result = graph.invoke({"n": 1}, config, **options)
        return [result, out.getvalue()]

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            chunks = [chunk async for chunk in graph.astream({"n": 1}, config, **options)]
        return [chunks, out.getvalue()]

    return ago if env.is_async else go


def steps(env: Env) -> list[Step]:
    return [
        Do(function=printed(env, print_mode="updates")),
        Do(function=printed(env, print_mode=["values", "updates"], stream_mode="values")),
        Do(function=printed(env, print_mode=["updates"], stream_mode=["values"])),
    ]
