"""A reader that stops in the middle of a stream, and the thread going on from what was saved."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, State, Step, Stream


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    graph = StateGraph(Log)
    names = ["a", "b", "c", "d"]
    for name in names:

        def node(state: Log, name: str = name) -> Log:
            env.note(name)
            return {"log": [name]}

        graph.add_node(name, env.node(node))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    saved_before_going_on = {"durability": "sync"}
    return [
        Stream({"log": []}, mode="updates", stop_after=2, options=saved_before_going_on),
        State(),
        Invoke(None),
        Stream({"log": []}, mode="values", stop_after=1, options=saved_before_going_on, thread="2"),
        State(thread="2"),
    ]
