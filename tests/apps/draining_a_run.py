"""A run asked to drain stops after the superstep at work and can be taken up again."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl, Runtime
from parity.steps import Do, Env, Invoke, State, Step

raises = ("GraphDrained",)


class Count(TypedDict):
    n: int


def build(env: Env) -> Any:
    def up(state: Count, runtime: Runtime) -> Count:
        if state["n"] == 2 and runtime.control is not None:
            runtime.control.request_drain("enough for today")
        return {"n": state["n"] + 1}

    graph = StateGraph(Count)
    graph.add_node("up", env.node(up))
    graph.add_edge(START, "up")
    graph.add_conditional_edges("up", lambda state: "up" if state["n"] < 5 else END, ["up", END])
    return graph.compile(checkpointer=env.saver)


def run(env: Env) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        call = graph.ainvoke if env.is_async else graph.invoke
        return call({"n": 0}, config, control=RunControl())

    return go


def steps(env: Env) -> list[Step]:
    return [Do(function=run(env)), State(), Invoke(None), State()]
