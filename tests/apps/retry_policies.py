"""Retries: succeeding at the third attempt, giving up, an error not retried, the first policy that matches."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy
from parity.steps import Env, Invoke, Step, Stream

raises = ("ConnectionError", "KeyError", "TimeoutError")


class State(TypedDict, total=False):
    kind: str
    fails: int
    result: str


ERRORS = {"connection": ConnectionError, "key": KeyError, "timeout": TimeoutError}


def build(env: Env) -> Any:
    tries: dict[str, int] = {}

    def fetch(state: State, runtime: Runtime) -> State:
        assert runtime.execution_info is not None
        tries[state["kind"]] = tries.get(state["kind"], 0) + 1
        env.note("attempt", [state["kind"], runtime.execution_info.node_attempt])
        if tries[state["kind"]] <= state["fails"]:
            raise ERRORS[state["kind"]](f"try {tries[state['kind']]} failed")
        tries.clear()
        return {"result": "fetched"}

    quick = {"initial_interval": 0.001, "backoff_factor": 2.0, "jitter": False}
    policies = [
        RetryPolicy(max_attempts=2, retry_on=TimeoutError, **quick),
        RetryPolicy(max_attempts=3, retry_on=(ConnectionError, OSError), **quick),
    ]
    graph = StateGraph(State)
    graph.add_node("fetch", env.node(fetch), retry_policy=policies)
    graph.add_edge(START, "fetch")
    graph.add_edge("fetch", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"kind": "connection", "fails": 2}, thread="1"),
        Stream({"kind": "connection", "fails": 5}, mode=["updates", "tasks"], thread="2"),
        Invoke({"kind": "key", "fails": 1}, thread="3"),
        Invoke({"kind": "timeout", "fails": 9}, thread="4"),
        Invoke(None, thread="2"),
    ]
