"""Streams that are dropped instead of closed: what was at work ends, what was done is kept and gone on from."""

import asyncio
import gc
import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, Invoke, State, Step

watches = ("quiet",)


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    names = ["a", "b", "c"]

    def written(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name)
            return {"log": [name]}

        return env.node(node)

    inner = StateGraph(Log)
    graph = StateGraph(Log)
    for part in (inner, graph):
        for before, after in zip([START, *names], [*names, END], strict=True):
            if after != END:
                inside = part is graph and after == "b"
                part.add_node(after, inner.compile() if inside else written(after))
            part.add_edge(before, after)
    return graph.compile(checkpointer=env.saver)


def drop(env: Env, after: int, **options: Any) -> Any:
    """Read some chunks, and let go of the stream."""
    options = {"stream_mode": "updates", "durability": "sync", **options}

    def go(graph: Any, config: dict[str, Any]) -> Any:
        stream = graph.stream({"log": []}, config, **options)
        chunks = [next(stream) for _ in range(after)]
        del stream
        gc.collect()
        return chunks

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        loop = asyncio.get_running_loop()
        finished = loop.create_future()
        stream = graph.astream({"log": []}, config, **options)
        chunks = [await anext(stream) for _ in range(after)]
        before = asyncio.all_tasks()
        del stream
        gc.collect()
        # The loop is told of what was dropped, and closes it in a task of its own.
        loop.call_soon(finished.set_result, None)
        await finished
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
        return chunks

    return ago if env.is_async else go


def steps(env: Env) -> list[Step]:
    return [
        Do(function=drop(env, 0)),
        State(),
        Do(function=drop(env, 1)),
        State(),
        Invoke(None),
        Do(function=drop(env, 3, subgraphs=True), thread="2"),
        State(subgraphs=True, thread="2"),
        Invoke(None, thread="2"),
    ]
