"""A state that a node's schema refuses: the run fails before the node, and no input brings the thread further."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream, Update
from pydantic import BaseModel

raises = (
    "ValidationError",
    "ValidationError",
    "ValidationError",
    "ValidationError",
    "ValidationError",
    "ValidationError",
    "ValidationError",
    "ValidationError",
)


class Form(TypedDict, total=False):
    age: Any
    name: str


class Checked(BaseModel):
    age: int


def build(env: Env) -> Any:
    def check(state: Checked) -> Form:
        env.note("check", state)
        return {"name": f"{state.age} years"}

    graph = StateGraph(Form)
    graph.add_node("before", env.node(lambda state: {"name": "before"}))
    graph.add_node("check", env.node(check), input_schema=Checked)
    graph.add_edge(START, "before")
    graph.add_edge("before", "check")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"age": "unknown"}, mode=["updates", "values"]),
        State(),
        Invoke(None),
        Invoke({"age": "3"}),
        Update({"age": "4"}, as_node="before"),
        Invoke(None),
        State(),
        Invoke({"age": 5}),
        Stream({"age": "6"}, mode=["updates", "values"], thread="2"),
        History(thread="2"),
    ]
