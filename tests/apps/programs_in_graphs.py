"""A functional program as a node and called in one, and a graph called in a task: both ask, and go on where they were."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from parity.steps import Env, Invoke, State, Step, Stream

ids = "numbered"


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    inner = StateGraph(Log)
    inner.add_node("begin", env.node(lambda state: {"log": ["begun"]}))
    inner.add_node("ask", env.node(lambda state: {"log": [interrupt("the graph asks")]}))
    inner.add_edge(START, "begin")
    inner.add_edge("begin", "ask")
    asking = inner.compile(name="asking")
    failures = iter([True])

    if env.is_async:

        @task
        async def ask_graph(words: list[str]) -> list[str]:
            env.note("ask_graph")
            return (await asking.ainvoke({"log": words}))["log"]  # type: ignore[no-any-return]

        @task(retry_policy=RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ValueError))
        async def shout(word: str) -> str:
            env.note("shout", word)
            if next(failures, False):
                raise ValueError("hoarse")
            return word.upper()

        @entrypoint(name="program")
        async def program(state: Log) -> Log:
            words = await ask_graph(state["log"][-1:])
            answer = interrupt("the program asks")
            return {"log": [await shout(word) for word in [*words, answer]]}
    else:

        @task
        def ask_graph(words: list[str]) -> list[str]:
            env.note("ask_graph")
            return asking.invoke({"log": words})["log"]  # type: ignore[no-any-return]

        @task(retry_policy=RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ValueError))
        def shout(word: str) -> str:
            env.note("shout", word)
            if next(failures, False):
                raise ValueError("hoarse")
            return word.upper()

        @entrypoint(name="program")
        def program(state: Log) -> Log:
            words = ask_graph(state["log"][-1:]).result()
            answer = interrupt("the program asks")
            return {"log": [shout(word).result() for word in [*words, answer]]}

    def call(state: Log) -> Log:
        return program.invoke(state)  # type: ignore[no-any-return]

    async def acall(state: Log) -> Log:
        return await program.ainvoke(state)  # type: ignore[no-any-return]

    outer = StateGraph(Log)
    outer.add_node("program", program)
    outer.add_node("call", acall if env.is_async else call)
    outer.add_edge(START, "program")
    outer.add_edge("program", "call")
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"log": ["a"]}, mode=["updates", "tasks"], subgraphs=True),
        State(subgraphs=True),
        Stream(Command(resume="one"), mode="updates", subgraphs=True),
        State(subgraphs=True),
        Invoke(Command(resume="two")),
        Invoke(Command(resume="three")),
        Stream(Command(resume="four"), mode=["updates", "values"], subgraphs=True),
        State(),
    ]
