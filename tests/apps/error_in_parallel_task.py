"""One of several tasks fails: what the others wrote is kept as pending writes and not done again."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream

raises = ("LookupError", "LookupError")


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    failures = ["first", "second"]

    def visit(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name)
            if name == "b" and failures:
                raise LookupError(failures.pop(0))
            return {"log": [name]}

        return env.node(node)

    graph = StateGraph(Log)
    for name in ("a", "b", "end"):
        graph.add_node(name, visit(name))
    graph.add_edge(START, "a")
    graph.add_edge(START, "b")
    graph.add_edge(["a", "b"], "end")
    graph.add_edge("end", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Stream({"log": []}, mode=["updates", "tasks"], **one_at_a_time),
        State(),
        Invoke(None, **one_at_a_time),
        Invoke(None, **one_at_a_time),
        History(),
    ]
