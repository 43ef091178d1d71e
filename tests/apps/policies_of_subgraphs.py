"""Compiled graphs as nodes with policies: tried again where they failed, found in a cache, and handled when they give up."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.cache.memory import InMemoryCache
from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy, Command, RetryPolicy, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    fails: int


class Question(TypedDict, total=False):
    fails: int
    answer: str


def build(env: Env) -> Any:
    tries: list[int] = []

    def first(state: Log) -> Log:
        env.note("first")
        return {"log": ["first"]}

    def second(state: Log) -> Log:
        tries.append(1)
        env.note("try", len(tries))
        if len(tries) <= state["fails"]:
            raise ValueError(f"try {len(tries)}")
        tries.clear()
        return {"log": ["second"]}

    def give_up(state: Log, error: NodeError) -> Log:
        tries.clear()
        return {"log": [f"{error.node} gave up: {error.error}"]}

    failing = StateGraph(Log)
    failing.add_node("first", env.node(first))
    failing.add_node("second", env.node(second))
    failing.add_edge(START, "first")
    failing.add_edge("first", "second")

    def answer(state: Question) -> Question:
        env.note("answer")
        return {"answer": interrupt("?") if state["fails"] == 1 else "known"}

    asking = StateGraph(Question)
    asking.add_node("answer", env.node(answer))
    asking.add_edge(START, "answer")

    outer = StateGraph(Log)
    outer.add_node(
        "failing",
        failing.compile(),
        retry_policy=RetryPolicy(
            initial_interval=0.001, jitter=False, max_attempts=2, retry_on=ValueError
        ),
        error_handler=env.node(give_up),
    )
    by_fails = CachePolicy(key_func=lambda state: str(state["fails"]))
    outer.add_node("asking", asking.compile(), cache_policy=by_fails)
    outer.add_edge(START, "failing")
    outer.add_edge("failing", "asking")
    return outer.compile(checkpointer=env.saver, cache=InMemoryCache())


def steps(env: Env) -> list[Step]:
    return [
        Stream({"log": ["begin"], "fails": 1}, mode=["updates", "values"], subgraphs=True),
        State(subgraphs=True),
        Invoke(Command(resume="yes")),
        Stream({"log": ["begin"], "fails": 1}, mode=["updates", "tasks"], thread="2"),
        Stream({"log": ["begin"], "fails": 2}, mode="updates", subgraphs=True, thread="3"),
        History(thread="3"),
        Stream({"log": ["begin"], "fails": 0}, mode="tasks", subgraphs=True, thread="4"),
    ]
