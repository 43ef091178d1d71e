"""An interrupt that says what it wants to hear: an answer of another form is refused, the next one taken."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, State, Step
from pydantic import BaseModel

raises = ("ValidationError",)


class Verdict(BaseModel):
    approved: bool
    reason: str = "none"


class Review(TypedDict, total=False):
    text: str
    verdict: Verdict
    other: str


def build(env: Env) -> Any:
    def review(state: Review) -> Review:
        verdict = interrupt({"text": state["text"]}, response_schema=Verdict)
        env.note("verdict", verdict)
        return {"verdict": verdict}

    def described(state: Review) -> Review:
        return {"other": interrupt("other?", response_schema={"type": "string"})}

    graph = StateGraph(Review)
    graph.add_node("review", env.node(review))
    graph.add_node("described", env.node(described))
    graph.add_edge(START, "review")
    graph.add_edge("review", "described")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"text": "draft"}),
        State(),
        Invoke(Command(resume={"approved": "perhaps"})),
        Invoke(Command(resume={"approved": True})),
        Invoke(Command(resume="anything")),
        State(),
    ]
