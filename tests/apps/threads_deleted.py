"""Threads that are deleted and begun again, beside one that stays."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Do, Env, History, Invoke, State, Step


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    inner = StateGraph(Log)
    inner.add_node("ask", env.node(lambda state: {"log": [interrupt("?")]}))
    inner.add_edge(START, "ask")
    graph = StateGraph(Log)
    graph.add_node("write", env.node(lambda state: {"log": [f"line {len(state['log'])}"]}))
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "write")
    graph.add_edge("write", "inner")
    return graph.compile(checkpointer=env.saver)


def delete(env: Env, thread: str) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        if env.is_async:
            return env.saver.adelete_thread(thread)
        return env.saver.delete_thread(thread)

    return go


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": ["a"]}, thread="1"),
        Invoke({"log": ["b"]}, thread="2"),
        Do(function=delete(env, "1")),
        State(thread="1"),
        History(thread="1"),
        Invoke({"log": ["c"]}, thread="1"),
        Invoke(Command(resume="yes"), thread="1"),
        Invoke(Command(resume="no"), thread="2"),
        History(thread="2"),
    ]
