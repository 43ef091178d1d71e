"""Runs that save at their end only, and end early: what is saved, and how they go on, is as on stock."""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Env, History, Invoke, Step, Stream
from pydantic import BaseModel

raises = (
    "ArithmeticError",
    "ValidationError",
    "ArithmeticError",
    "LookupError",
    "GraphRecursionError",
)


class Count(BaseModel):
    count: int = 0
    end: int = 6
    how: str = ""


def build(env: Env) -> Any:
    def step(state: Count) -> Any:
        env.note("step", state.count)
        if state.count != 3:
            return {"count": state.count + 1}
        if state.how == "raises":
            raise ArithmeticError("at three")
        if state.how == "asks":
            return {"count": int(interrupt("how many?"))}
        if state.how == "unfit":
            return {"count": "three"}
        if state.how == "nothing":
            return {"count": 4, "end": 0}
        return {"count": 4}

    def again(state: Count) -> Any:
        if state.how == "router" and state.count == 3:
            raise LookupError("no way")
        if state.how == "fans out" and state.count == 3:
            return [Send("other", Count(count=7)), Send("step", Count(count=8))]
        return "step" if state.count < state.end else END

    inner = StateGraph(Count)
    inner.add_node("step", env.node(step))
    inner.add_node("other", env.node(lambda state: {"how": "other"}))
    inner.add_edge(START, "step")
    inner.add_conditional_edges("step", again, ["step", "other", END])
    graph = StateGraph(Count)
    graph.add_node("first", env.node(step))
    graph.add_node("inner", inner.compile())
    graph.add_node("last", env.node(lambda state: {"count": state.count * 10}))
    graph.add_edge(START, "first")
    graph.add_edge("first", "inner")
    graph.add_edge("inner", "last")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    calls: list[Step] = []
    config = {"max_concurrency": 1}
    at_the_end: Any = {"options": {"durability": "exit"}, "config": config}
    for how in ("", "raises", "unfit", "nothing"):
        calls += [
            Invoke({"count": 1, "how": how}, thread=how or "plain", **at_the_end),
            History(thread=how or "plain"),
        ]
    calls += [
        Invoke({"how": ""}, thread="raises", **at_the_end),
        Stream({"count": 1, "how": "raises"}, mode="values", thread="streamed", **at_the_end),
        History(thread="streamed"),
        Invoke({"count": 1, "how": "asks"}, thread="asks", **at_the_end),
        History(thread="asks"),
        Invoke(Command(resume="5"), thread="asks", **at_the_end),
        History(thread="asks"),
        Stream({"count": 1}, mode="updates", stop_after=1, thread="left", **at_the_end),
        History(thread="left"),
        Invoke(None, thread="left", **at_the_end),
        Invoke({"count": 1, "how": "router"}, thread="router", **at_the_end),
        History(thread="router"),
        Invoke({"count": 1, "how": "fans out"}, thread="fans out", **at_the_end),
        History(thread="fans out"),
        Invoke(
            {"count": 0, "end": 99},
            thread="for ever",
            options={"durability": "exit"},
            config={**config, "recursion_limit": 2},
        ),
        History(thread="for ever"),
    ]
    return calls
