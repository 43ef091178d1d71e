"""Updates where writers do more than write: schemas that coerce, edges that read, managed values, nothing."""

import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.managed import IsLastStep, RemainingSteps
from parity.steps import Env, History, Invoke, State, Step, Update
from pydantic import BaseModel

raises = ("ValidationError", "InvalidUpdateError")


class Work(BaseModel):
    number: int = 0
    log: Annotated[list[str], operator.add] = []
    left: RemainingSteps = 0
    last: IsLastStep = False


def build(env: Env) -> Any:
    def look(state: Work) -> dict[str, Any]:
        env.note("look", [state.left, state.last])
        return {"number": state.number + 1}

    def way(state: Work) -> str:
        env.note("way", [state.number, state.log, state.left, state.last])
        return "look" if state.number % 3 else END

    graph = StateGraph(Work)
    graph.add_node("look", env.node(look))
    graph.add_node("note", env.node(lambda state: {"log": ["note"]}))
    graph.add_edge(START, "note")
    graph.add_conditional_edges("note", way, ["look", END])
    graph.add_conditional_edges("look", way, ["look", END])
    return graph.compile(checkpointer=env.saver, interrupt_before=["look"])


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"number": 1}),
        State(),
        Update({"number": 4, "log": ["four"]}),
        State(),
        Update(Work(number=5, log=["five"]), as_node="note"),
        Update({"number": 6}, as_node="look"),
        State(),
        Update({"number": "seven"}, as_node="look"),
        State(),
        History(),
        Update({"number": 7}, as_node="note", thread="2"),
        State(thread="2"),
        Update({"number": 1}, as_node="__start__", thread="3", options={"task_id": "not-an-id"}),
        State(thread="3"),
        Invoke(None, thread="3"),
        Update({"number": 1}, as_node="", thread="3"),
    ]
