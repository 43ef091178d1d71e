"""Durability "exit": a delta channel's writes are saved with the checkpoint the run started from."""

from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Overwrite, interrupt
from parity.steps import Env, History, Invoke, State, Step


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(item for write in writes for item in write)]


class Log(TypedDict, total=False):
    lines: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=4)]
    slow: Annotated[list[str], DeltaChannel(extend)]
    ask: bool
    reset: bool


def build(env: Env) -> Any:
    def left(state: Log) -> Log:
        return {"lines": [f"left {len(state['lines'])}"]}

    def right(state: Log) -> Log:
        if state.get("ask"):
            return {"lines": [interrupt("what?")], "slow": ["asked"]}
        return {"lines": ["right"]}

    def join(state: Log) -> Any:
        if state.get("reset"):
            return {"lines": Overwrite(["reset"]), "reset": False}
        return {"slow": ["joined"]}

    graph = StateGraph(Log)
    for node in (left, right, join):
        graph.add_node(node.__name__, env.node(node))
    graph.add_edge(START, "left")
    graph.add_edge(START, "right")
    graph.add_edge(["left", "right"], "join")
    graph.add_edge("join", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    at_exit: Any = {"options": {"durability": "exit"}, "config": one_at_a_time}
    return [
        Invoke({"lines": ["one"]}, **at_exit),
        Invoke({"lines": ["two"], "ask": True}, **at_exit),
        Invoke(Command(resume="this", update={"slow": ["told"]}), **at_exit),
        State(),
        Invoke({"lines": ["three"], "ask": False, "reset": True}, **at_exit),
        Invoke({"lines": ["four"]}, **at_exit),
        State(),
        History(),
        Invoke({"ask": True}, thread="thread-2", **at_exit),
        Invoke(Command(resume="that"), thread="thread-2", **at_exit),
        State(thread="thread-2"),
    ]
