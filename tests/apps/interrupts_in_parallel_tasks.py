"""Parallel tasks that all interrupt: resumed one by one by id, or with a map of ids at once."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Env, Invoke, Later, Seen, State, Step, Stream

raises = ("RuntimeError",)


class Poll(TypedDict):
    voters: list[str]
    votes: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def vote(job: dict[str, str]) -> dict[str, Any]:
        if job["voter"] == "robot":
            return {"votes": ["robot: abstains"]}
        return {"votes": [f"{job['voter']}: {interrupt(job['voter'] + '?')}"]}

    graph = StateGraph(Poll)
    graph.add_node("vote", env.node(vote))
    graph.add_conditional_edges(
        START, lambda state: [Send("vote", {"voter": voter}) for voter in state["voters"]], ["vote"]
    )
    graph.add_edge("vote", END)
    return graph.compile(checkpointer=env.saver)


def answer_all(seen: Seen) -> Command[Any]:
    asked = seen.last["__interrupt__"]
    return Command(resume={question.id: f"yes to {question.value}" for question in asked})


def answer_last(seen: Seen) -> Command[Any]:
    question = seen.last["__interrupt__"][-1]
    return Command(resume={question.id: f"late {question.value}"})


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    start = {"voters": ["ann", "robot", "bob"], "votes": []}
    return [
        Invoke(start, config=one_at_a_time),
        Invoke(Later(answer_all), config=one_at_a_time),
        State(),
        Invoke(start, thread="2", config=one_at_a_time),
        Invoke(Later(answer_last), thread="2", config=one_at_a_time),
        State(thread="2"),
        Invoke(Command(resume="the other one"), thread="2", config=one_at_a_time),
        Stream(start, thread="3", mode=["updates", "values", "tasks"], config=one_at_a_time),
        Invoke(Command(resume="for whom?"), thread="3", config=one_at_a_time),
    ]
