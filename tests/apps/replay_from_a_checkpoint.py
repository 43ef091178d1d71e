"""Calls with a `checkpoint_id` of the past: run on from there, and branch off with new input."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, History, Invoke, Step


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def mark(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name, state["log"])
            return {"log": [name]}

        return env.node(node)

    graph = StateGraph(Log)
    graph.add_sequence([("a", mark("a")), ("b", mark("b")), ("c", mark("c"))])
    graph.add_edge(START, "a")
    graph.add_edge("c", END)
    return graph.compile(checkpointer=env.saver)


def before(node: str, new_input: Any, is_async: bool) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        past = next(s for s in graph.get_state_history(config) if s.next == (node,))
        there = {
            **config,
            "configurable": {**config["configurable"], **past.config["configurable"]},
        }
        return graph.ainvoke(new_input, there) if is_async else graph.invoke(new_input, there)

    return go


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": ["in"]}),
        Do(function=before("b", None, env.is_async)),
        Do(function=before("c", {"log": ["other"]}, env.is_async)),
        History(),
    ]
