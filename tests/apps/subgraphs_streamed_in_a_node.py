"""One task that streams, invokes and streams the same subgraph: the caller hears each call in a namespace of its own."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream

ids = "numbered"


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def first(state: Log) -> Log:
        return {"log": [f"after {state['log'][-1]}"]}

    def second(state: Log) -> Log:
        if state["log"][0] == "asks":
            return {"log": [interrupt(state["log"][-1])]}
        return {"log": ["done"]}

    inner = StateGraph(Log)
    inner.add_node("first", env.node(first))
    inner.add_node("second", env.node(second))
    inner.add_edge(START, "first")
    inner.add_edge("first", "second")
    child = inner.compile(name="child")

    def calls(state: Log) -> Log:
        chunks = list(child.stream({"log": ["streamed"]}, stream_mode=["updates", "values"]))
        env.note("heard", chunks)
        invoked = child.invoke({"log": ["invoked"]})
        asked = [*child.stream({"log": ["asks"]}, stream_mode="values", subgraphs=True)]
        env.note("asked", asked)
        return {"log": [*invoked["log"], str(len(asked))]}

    async def acalls(state: Log) -> Log:
        stream = child.astream({"log": ["streamed"]}, stream_mode=["updates", "values"])
        env.note("heard", [chunk async for chunk in stream])
        invoked = await child.ainvoke({"log": ["invoked"]})
        asking = child.astream({"log": ["asks"]}, stream_mode="values", subgraphs=True)
        asked = [chunk async for chunk in asking]
        env.note("asked", asked)
        return {"log": [*invoked["log"], str(len(asked))]}

    outer = StateGraph(Log)
    outer.add_node("calls", acalls if env.is_async else calls)
    outer.add_node("last", env.node(lambda state: {"log": ["last"]}))
    outer.add_edge(START, "calls")
    outer.add_edge("calls", "last")
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"log": []}, mode=["updates", "values", "tasks"], subgraphs=True),
        State(subgraphs=True),
        Stream(Command(resume="yes"), mode=["updates", "checkpoints"], subgraphs=True),
        History(),
        Stream({"log": []}, mode="debug", subgraphs=True, thread="2"),
        Invoke(Command(resume="no"), thread="2"),
        Stream({"log": []}, mode="updates", thread="3"),
    ]
