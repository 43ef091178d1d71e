"""Subgraphs that remember, called twice by one task: no error, each call by its place has a memory of its own."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, State, Step, Stream

ids = "numbered"


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def remembering(name: str, asks: bool) -> Any:
        def write(state: Log) -> Log:
            env.note(name, state["log"])
            return {"log": [interrupt(name) if asks else f"line {len(state['log'])}"]}

        graph = StateGraph(Log)
        graph.add_node("write", env.node(write))
        graph.add_edge(START, "write")
        return graph.compile(name=name, checkpointer=True)

    counter, other, asking = (
        remembering("counter", False),
        remembering("other", False),
        remembering("asking", True),
    )

    def caller(graphs: tuple[Any, ...]) -> Any:
        def calls(state: Log) -> Log:
            results = [graph.invoke({"log": ["begin"]}) for graph in graphs]
            return {"log": [str(len(result["log"])) for result in results]}

        async def acalls(state: Log) -> Log:
            results = [await graph.ainvoke({"log": ["begin"]}) for graph in graphs]
            return {"log": [str(len(result["log"])) for result in results]}

        return acalls if env.is_async else calls

    outer = StateGraph(Log)
    outer.add_node("same", caller((counter, counter)))
    outer.add_node("different", caller((counter, other)))
    outer.add_node("asking", caller((asking, asking)))
    names = ["same", "different", "asking"]
    for before, after in zip([START, *names], names, strict=False):
        outer.add_edge(before, after)
    return outer.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Stream({"log": []}, mode=["updates", "values"], subgraphs=True),
        State(subgraphs=True),
        Invoke(Command(resume="one")),
        Stream(Command(resume="two"), mode="updates", subgraphs=True),
        Invoke({"log": ["a new turn"]}),
        State(subgraphs=True),
    ]
