"""A node's stream writer, config and store, used from threads that the node starts."""

import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

from langgraph.config import get_config, get_store, get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import StreamWriter
from parity.steps import Env, Invoke, Step, Stream


class Work(TypedDict, total=False):
    parts: int
    done: list[str]


def build(env: Env) -> Any:
    def part(number: int) -> str:
        get_stream_writer()({"part": number})
        get_store().put(("parts",), str(number), {"number": number})
        return f"{number} of {get_config()['metadata']['langgraph_node']}"

    def split(state: Work, writer: StreamWriter) -> Work:
        writer("begin")
        with ThreadPoolExecutor(1) as pool:
            contexts = [contextvars.copy_context() for _ in range(state["parts"])]
            done = list(pool.map(lambda context, at: context.run(part, at), contexts, range(99)))
            pool.submit(contextvars.copy_context().run, writer, "end").result()
        return {"done": done}

    def stored(state: Work) -> Work:
        items = get_store().search(("parts",))
        return {"done": [*state["done"], *sorted(item.key for item in items)]}

    graph = StateGraph(Work)
    graph.add_node("split", split)
    graph.add_node("stored", env.node(stored))
    graph.add_edge(START, "split")
    graph.add_edge("split", "stored")
    return graph.compile(checkpointer=env.saver, store=env.store)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"parts": 3}, mode=["custom", "updates"]),
        Stream({"parts": 2}, mode="custom"),
        Invoke({"parts": 1}),
    ]
