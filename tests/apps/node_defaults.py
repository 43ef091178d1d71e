"""Defaults for all the nodes of a graph: retries, caches, an error handler; a node's own come first."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.cache.memory import InMemoryCache
from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy, RetryPolicy
from parity.steps import Env, Invoke, State, Step, Stream


class Log(TypedDict, total=False):
    fail: int
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def fragile(name: str) -> Any:
        tries: list[int] = []

        def node(state: Log) -> Log:
            tries.append(1)
            env.note(name, len(tries))
            if len(tries) <= state["fail"]:
                raise ConnectionError(f"{name} failed")
            tries.clear()
            return {"log": [name]}

        return env.node(node)

    def recover(state: Log, error: NodeError) -> Log:
        env.note("recover", [error.node, error.error])
        return {"log": [f"recovered {error.node}"]}

    def policy(attempts: int) -> RetryPolicy:
        return RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=attempts)

    graph = StateGraph(Log)
    graph.set_node_defaults(
        retry_policy=policy(2), cache_policy=CachePolicy(), error_handler=env.node(recover)
    )
    graph.add_node("first", fragile("first"))
    graph.add_node("second", fragile("second"), retry_policy=policy(3))
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    return graph.compile(checkpointer=env.saver, cache=InMemoryCache())


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"fail": 0}, thread="1"),
        Stream({"fail": 1}, mode=["updates", "tasks"], thread="2"),
        Stream({"fail": 2}, mode="updates", thread="3"),
        State(thread="3"),
        Stream({"fail": 0}, mode="updates", thread="4"),
    ]
