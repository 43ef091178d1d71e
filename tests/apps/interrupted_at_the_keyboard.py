"""Ctrl-C in a node ends the run at once; what was done is kept, and the run can be taken up again."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Invoke, State, Step

modes = ("sync",)


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    strikes = [KeyboardInterrupt("ctrl-c")]

    def work(state: Log) -> Log:
        env.note("work", len(state["log"]))
        if strikes:
            raise strikes.pop()
        return {"log": ["worked"]}

    graph = StateGraph(Log)
    graph.add_node("first", lambda state: {"log": ["first"]})
    graph.add_node("work", work)
    graph.add_edge(START, "first")
    graph.add_edge("first", "work")
    return graph.compile(checkpointer=env.saver)


def strike(graph: Any, config: dict[str, Any]) -> Any:
    try:
        return graph.invoke({"log": []}, config)
    except KeyboardInterrupt as error:
        return ["struck", str(error)]


def steps(env: Env) -> list[Step]:
    return [Do(function=strike), State(), Invoke(None), State()]
