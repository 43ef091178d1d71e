"""Packets whose node fails now and then: each is retried for itself, and what is done is done once."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy, Send
from parity.steps import Env, Invoke, State, Step

raises = ("ConnectionError",)


class Work(TypedDict, total=False):
    failures: list[int]
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    tries: dict[int, int] = {}

    def work(failures: int, runtime: Runtime) -> Work:
        tries[failures] = tries.get(failures, 0) + 1
        info: Any = runtime.execution_info
        env.note("try", [failures, tries[failures], info.node_attempt])
        if tries[failures] <= failures:
            raise ConnectionError(f"try {tries[failures]}")
        return {"log": [f"{failures} failures"]}

    def one_at_a_time(state: Work) -> Any:
        return [Send("work", failures) for failures in state["failures"]]

    retry = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=3)
    graph = StateGraph(Work)
    graph.add_node("work", env.node(work), retry_policy=retry)
    graph.add_conditional_edges(START, one_at_a_time, ["work"])
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one = {"max_concurrency": 1}
    return [
        Invoke({"failures": [0, 1, 2]}, config=one, thread="1"),
        Invoke({"failures": [4]}, config=one, thread="2"),
        State(thread="2"),
        Invoke(None, config=one, thread="2"),
    ]
