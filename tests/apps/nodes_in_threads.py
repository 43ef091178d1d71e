"""Plain functions as nodes of an asynchronous graph run in threads, with the context of their task."""

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

from langgraph.config import get_config, get_stream_writer
from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST", default="none")


class Work(TypedDict, total=False):
    done: list[str]


def build(env: Env) -> Any:
    def plain(state: Work) -> Work:
        in_main = threading.current_thread() is threading.main_thread()
        REQUEST.set("set in plain")
        return {"done": [f"in main thread: {in_main}", f"request {REQUEST.get()}"]}

    def pool(state: Work) -> Work:
        """Hands its own context on to threads of its own."""

        def job(n: int) -> str:
            get_stream_writer()({"job": n})
            return f"{n} for {get_config()['metadata']['langgraph_node']}"

        with ThreadPoolExecutor(max_workers=1) as threads:
            jobs = [threads.submit(contextvars.copy_context().run, job, n) for n in range(3)]
            return {"done": [*state["done"], REQUEST.get(), *[j.result() for j in jobs]]}

    graph = StateGraph(Work)
    graph.add_sequence([plain, pool])
    graph.add_edge(START, "plain")
    graph.add_edge("pool", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [Invoke({}), Stream({}, mode=["custom", "values"], thread=None)]
