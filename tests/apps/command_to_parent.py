"""A node of a subgraph jumps in the parent graph with `Command(graph=Command.PARENT)`."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict, total=False):
    topic: str
    log: Annotated[list[str], operator.add]


def look(state: State) -> State:
    return {"log": ["looked"]}


def hand_over(state: State) -> Command[str]:
    target = "poet" if state["topic"] == "spring" else "clerk"
    return Command(graph=Command.PARENT, goto=target, update={"log": [f"handed to {target}"]})


def never(state: State) -> State:
    return {"log": ["not reached"]}


def poet(state: State) -> State:
    return {"log": [f"a poem about {state['topic']}"]}


def clerk(state: State) -> State:
    return {"log": [f"a form about {state['topic']}"]}


def build(env: Env) -> Any:
    desk = StateGraph(State)
    desk.add_sequence([look, hand_over, never])
    desk.add_edge(START, "look")
    graph = StateGraph(State)
    graph.add_node("desk", desk.compile())
    graph.add_node(poet)
    graph.add_node(clerk)
    graph.add_edge(START, "desk")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"topic": "spring"}, thread="1"),
        Stream({"topic": "tax"}, mode=["updates", "values"], subgraphs=True, thread="2"),
    ]
