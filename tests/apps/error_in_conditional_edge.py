"""The function of a conditional edge raises, or names a node that isn't there."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, State, Step, Stream

raises = ("KeyError", "ZeroDivisionError", "KeyError", "ValueError")


class Ask(TypedDict):
    way: str


def build(env: Env) -> Any:
    def route(state: Ask) -> str:
        if state["way"] == "broken":
            raise ZeroDivisionError("no way")
        return {"left": "goal", "straight": "goal", "map": "elsewhere"}[state["way"]]

    def unmapped(state: Ask) -> Any:
        return "nowhere" if state["way"] == "left!" else None

    graph = StateGraph(Ask)
    graph.add_node("look", env.node(lambda state: None))
    graph.add_node("goal", env.node(lambda state: {"way": state["way"] + "!"}))
    graph.add_node("after", env.node(lambda state: {}))
    graph.add_edge(START, "look")
    graph.add_conditional_edges("look", env.node(route), {"goal": "goal", "end": END})
    graph.add_edge("goal", "after")
    graph.add_conditional_edges("after", env.node(unmapped))
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"way": "unknown"}, mode=["updates", "tasks"], thread="1"),
        Invoke({"way": "broken"}, thread="2"),
        Invoke({"way": "map"}, thread="3"),
        Invoke({"way": "left"}, thread="4"),
        State(thread="4"),
        Invoke({"way": "straight"}, thread="5"),
    ]
