"""A node's `error_handler` takes over when the node has failed, and the run goes on."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy
from parity.steps import Env, History, Invoke, Step, Stream

raises = ("RuntimeError",)


class Log(TypedDict, total=False):
    fail: str
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def work(state: Log) -> Log:
        env.note("work")
        if state["fail"]:
            raise OSError(state["fail"])
        return {"log": ["worked"]}

    def recover(state: Log, error: NodeError) -> Any:
        env.note("recover", [error.node, error.error])
        if state["fail"] == "badly":
            raise RuntimeError("can't recover")
        return Command(update={"log": [f"recovered from {error.error}"]}, goto="after")

    graph = StateGraph(Log)
    retry = RetryPolicy(initial_interval=0.001, max_attempts=2, jitter=False)
    graph.add_node("work", env.node(work), error_handler=env.node(recover), retry_policy=retry)
    graph.add_node("after", env.node(lambda state: {"log": ["after"]}))
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"fail": ""}, thread="1"),
        Stream({"fail": "somehow"}, mode=["updates", "values", "tasks"], thread="2"),
        History(thread="2"),
        Invoke({"fail": "badly"}, thread="3"),
    ]
