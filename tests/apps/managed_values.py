"""`RemainingSteps` and `IsLastStep` tell a node how far the recursion limit is."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.managed import IsLastStep, RemainingSteps
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict):
    log: Annotated[list[Any], operator.add]
    remaining: RemainingSteps
    last: IsLastStep


def walk(state: State) -> dict[str, Any]:
    return {"log": [(state["remaining"], state["last"])]}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    graph.add_node(walk)
    graph.add_edge(START, "walk")
    graph.add_conditional_edges("walk", lambda state: "walk" if state["remaining"] > 2 else END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": []}, config={"recursion_limit": 6}),
        Stream({"log": []}, mode=["values", "tasks"], config={"recursion_limit": 4}),
        Invoke({"log": []}, config={"recursion_limit": 2}, thread="2"),
    ]
