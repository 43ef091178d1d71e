"""A run that is asked to drain while a subgraph is at work, and is taken up again there."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.errors import GraphDrained
from langgraph.graph import START, StateGraph
from langgraph.runtime import RunControl, Runtime
from parity.steps import Do, Env, Invoke, State, Step


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def drain(state: Log, runtime: Runtime) -> Log:
        env.note("asked before", runtime.drain_requested)
        if runtime.control is not None:
            runtime.control.request_drain("deploy")
        return {"log": ["drain"]}

    inner = StateGraph(Log)
    inner.add_node("drain", env.node(drain))
    inner.add_node("after", env.node(lambda state: {"log": ["after"]}))
    inner.add_edge(START, "drain")
    inner.add_edge("drain", "after")
    outer = StateGraph(Log)
    outer.add_node("inner", inner.compile())
    outer.add_node("last", env.node(lambda state: {"log": ["last"]}))
    outer.add_edge(START, "inner")
    outer.add_edge("inner", "last")
    return outer.compile(checkpointer=env.saver)


def drained(env: Env) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        control = RunControl()
        try:
            return graph.invoke({"log": []}, config, control=control)
        except GraphDrained as error:
            return [str(error), control.drain_reason]

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        control = RunControl()
        try:
            return await graph.ainvoke({"log": []}, config, control=control)
        except GraphDrained as error:
            return [str(error), control.drain_reason]

    return ago if env.is_async else go


def steps(env: Env) -> list[Step]:
    return [Do(function=drained(env)), State(subgraphs=True), Invoke(None), State()]
