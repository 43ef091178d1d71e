"""`stream_eager` gives a task's chunks while its neighbours are still at work."""

import operator
import threading
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, Step, Stream

modes = ("sync",)
watches = ("quiet",)


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    env.gate = threading.Event()  # type: ignore[attr-defined]

    def slow(state: Log) -> Log:
        env.note("let through", env.gate.wait(10))  # type: ignore[attr-defined]
        return {"log": ["slow"]}

    graph = StateGraph(Log)
    graph.add_node("quick", lambda state: {"log": ["quick"]})
    graph.add_node("slow", slow)
    graph.add_node("last", lambda state: {"log": ["last"]})
    graph.add_edge(START, "quick")
    graph.add_edge(START, "slow")
    graph.add_edge(["quick", "slow"], "last")
    compiled = graph.compile(checkpointer=env.saver)
    compiled.stream_eager = True
    return compiled


def steps(env: Env) -> list[Step]:
    def let_through(chunk: Any) -> None:
        if "quick" in chunk:
            env.gate.set()  # type: ignore[attr-defined]

    return [Stream({"log": []}, mode="updates", on_chunk=let_through)]
