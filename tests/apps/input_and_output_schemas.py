"""Schemas of input and output narrower than the state, a node with an input schema, and private state."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, State, Step, Stream


class Question(TypedDict):
    question: str


class Answer(TypedDict):
    answer: str


class Everything(Question, Answer):
    tries: int


class Draft(TypedDict):
    """Travels from `think` to `polish` only."""

    draft: str


class Narrow(TypedDict):
    answer: str
    tries: int


def build(env: Env) -> Any:
    def think(state: Question) -> Draft:
        env.note("think sees", state)
        return {"draft": state["question"][::-1]}

    def polish(state: Draft) -> Everything:
        env.note("polish sees", state)
        return {"answer": state["draft"].title(), "tries": 1, "question": "answered"}

    def check(state: Any) -> dict[str, Any]:
        env.note("check sees", state)
        return {"tries": state["tries"] + 1}

    graph = StateGraph(Everything, input_schema=Question, output_schema=Answer)
    graph.add_node("think", think)
    graph.add_node("polish", polish)
    graph.add_node("check", check, input_schema=Narrow)
    graph.add_sequence([("end", lambda state: None)])
    graph.add_edge(START, "think")
    graph.add_edge("think", "polish")
    graph.add_edge("polish", "check")
    graph.add_edge("check", "end")
    graph.add_edge("end", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"question": "what now", "answer": "ignored", "unknown": 1}),
        State(),
        Stream({"question": "and then"}, mode=["values", "updates", "debug"], thread="2"),
    ]
