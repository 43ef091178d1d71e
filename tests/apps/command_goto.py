"""Nodes that say where to go themselves, with `Command(update, goto)`: one node, several, and a `Send`."""

import operator
from typing import Annotated, Any, Literal, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict, total=False):
    request: str
    log: Annotated[list[str], operator.add]


def triage(state: State) -> Command[Literal["repair", "refund", "archive"]]:
    match state["request"]:
        case "broken":
            return Command(update={"log": ["triaged"]}, goto="repair")
        case "angry":
            return Command(
                update=[("log", ["triaged"]), ("log", ["hurry"])], goto=["repair", "refund"]
            )
        case "bulk":
            return Command(goto=[Send("archive", {"request": f"copy {n}"}) for n in range(2)])
    return Command(update={"log": ["ignored"]})


def repair(state: State) -> Command[Literal["archive"]]:
    return Command(goto="archive", update={"log": ["repaired"]})


def refund(state: State) -> State:
    return {"log": ["refunded"]}


def archive(state: State) -> State:
    return {"log": [f"archived {state['request']}"]}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    for node in (triage, repair, refund, archive):
        graph.add_node(node.__name__, env.node(node))
    graph.add_edge(START, "triage")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"request": "broken"}, thread="1"),
        Stream({"request": "angry"}, mode=["updates", "values"], thread="2", config=one_at_a_time),
        Stream({"request": "bulk"}, mode=["tasks", "updates"], thread="3", config=one_at_a_time),
        Invoke({"request": "spam"}, thread="4"),
    ]
