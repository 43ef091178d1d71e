"""State changed from outside between two calls, as a node or not, and an earlier checkpoint gone back to."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, History, Invoke, State, Step, Stream, Update


class Plan(TypedDict, total=False):
    goal: str
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    graph = StateGraph(Plan)
    graph.add_node("think", lambda state: {"log": [f"think of {state['goal']}"]})
    graph.add_node("act", lambda state: {"log": [f"act for {state['goal']}"]})
    graph.add_node("rest", lambda state: {"log": ["rest"]})
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda state: "rest" if state["goal"] == "sleep" else "act", ["act", "rest"]
    )
    graph.add_edge("act", END)
    graph.add_edge("rest", END)
    return graph.compile(checkpointer=env.saver, interrupt_before=["act"])


def go_back(graph: Any, config: dict[str, Any]) -> Any:
    """Runs again from the checkpoint after the input."""
    early = [s for s in graph.get_state_history(config) if s.next == ("think",)][-1]
    fork = graph.update_state(early.config, {"goal": "sleep"})
    return [early.config, fork]


def replay(graph: Any, config: dict[str, Any]) -> Any:
    return graph.get_state(config).config


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"goal": "win"}),
        Update({"goal": "sleep", "log": ["edited"]}),
        State(),
        Invoke(None),
        Update({"goal": "sleep"}, as_node="think"),
        Stream(None, mode=["values", "updates"]),
        Do(function=go_back),
        Invoke(None),
        Do(function=replay),
        History(),
    ]
