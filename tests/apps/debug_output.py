"""Runs asked to print what they do, by `debug=True` of a call or of the graph."""

import contextlib
import io
import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Step

raises = ("ValueError",)


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def fail_on(word: str) -> Any:
        def node(state: Log) -> Log:
            if word in state["log"]:
                raise ValueError(word)
            return {"log": [f"not {word}"]}

        return env.node(node)

    inner = StateGraph(Log)
    inner.add_node("check", fail_on("bad"))
    inner.add_edge(START, "check")
    outer = StateGraph(Log)
    outer.add_node("first", fail_on("never"))
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "first")
    outer.add_edge("first", "inner")
    return outer.compile(checkpointer=env.saver)


def printed(env: Env, word: str, by_graph: bool = False, **options: Any) -> Any:
    @contextlib.contextmanager
    def caught(graph: Any) -> Any:
        out = io.StringIO()
        graph.debug = by_graph
        try:
            with contextlib.redirect_stdout(out):
                yield
        finally:
            graph.debug = False
            env.note("printed", out.getvalue())

    def go(graph: Any, config: dict[str, Any]) -> Any:
        with caught(graph):
            return list(graph.stream({"log": [word]}, config, **options))

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        with caught(graph):
            return [chunk async for chunk in graph.astream({"log": [word]}, config, **options)]

    return ago if env.is_async else go


def steps(env: Env) -> list[Step]:
    return [
        Do(function=printed(env, "good", debug=True)),
        Do(function=printed(env, "good", debug=True, stream_mode="updates", subgraphs=True)),
        Do(function=printed(env, "good", by_graph=True, stream_mode="values")),
        Do(function=printed(env, "good", by_graph=True, debug=False), thread="2"),
        Do(function=printed(env, "bad", debug=True), thread="3"),
    ]
