"""A delta channel in a loop: counters, snapshots every few updates, and turns of a conversation."""

from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(item for write in writes for item in write)]


class Log(TypedDict, total=False):
    lines: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=3)]
    rounds: int


def build(env: Env) -> Any:
    def write(state: Log) -> Log:
        env.note("lines", len(state["lines"]))
        return {"lines": [f"line {len(state['lines'])}"], "rounds": state["rounds"] - 1}

    def rest(state: Log) -> Log:
        return {"rounds": state["rounds"]}

    graph = StateGraph(Log)
    graph.add_node("write", env.node(write))
    graph.add_node("rest", env.node(rest))
    graph.add_edge(START, "write")
    graph.add_edge("write", "rest")
    graph.add_conditional_edges("rest", lambda state: "write" if state["rounds"] else END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"lines": ["first"], "rounds": 4}),
        Stream({"lines": ["second"], "rounds": 2}, mode=["values", "updates", "checkpoints"]),
        Invoke({"rounds": 1}),
        Invoke({"lines": ["without a saved parent"], "rounds": 1}, thread="thread-2"),
        State(),
        History(),
    ]
