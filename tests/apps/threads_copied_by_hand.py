"""A waiting thread is copied checkpoint by checkpoint; both copies go on, each its own way, and one is deleted."""

import operator
from collections import defaultdict
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Do, Env, History, Invoke, State, Step


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    last: str


def build(env: Env) -> Any:
    def ask(state: Log) -> Log:
        answer = interrupt(f"after {state['log'][-1]}?")
        return {"log": [answer], "last": answer}

    inner = StateGraph(Log)
    inner.add_node("note", env.node(lambda state: {"log": ["inner"]}))
    inner.add_node("ask", env.node(ask))
    inner.add_edge(START, "note")
    inner.add_edge("note", "ask")
    graph = StateGraph(Log)
    graph.add_node("write", env.node(lambda state: {"log": [f"line {len(state['log'])}"]}))
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "write")
    graph.add_edge(START, "inner")
    return graph.compile(checkpointer=env.saver)


def copy(env: Env, source: str, target: str) -> Any:
    """Puts every checkpoint of a thread, with what is pending of it, into another thread, oldest first."""

    def go(graph: Any, config: dict[str, Any]) -> Any:
        saver = env.saver
        found = list(saver.list({"configurable": {"thread_id": source}}))
        for kept in sorted(found, key=lambda one: one.checkpoint["id"]):
            old = kept.config["configurable"]
            place = {"thread_id": target, "checkpoint_ns": old["checkpoint_ns"]}
            if kept.parent_config is not None:
                parent = kept.parent_config["configurable"]["checkpoint_id"]
                place["checkpoint_id"] = parent
            new = saver.put(
                {"configurable": place},
                kept.checkpoint,
                kept.metadata,
                kept.checkpoint["channel_versions"],
            )
            writes: dict[str, list[Any]] = defaultdict(list)
            for task, channel, value in kept.pending_writes or ():
                writes[task].append((channel, value))
            for task, written in writes.items():
                saver.put_writes(new, written, task)
        return len(found)

    return go


def delete(env: Env, thread: str) -> Any:
    def go(graph: Any, config: dict[str, Any]) -> Any:
        if env.is_async:
            return env.saver.adelete_thread(thread)
        return env.saver.delete_thread(thread)

    return go


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"log": ["begin"]}, thread="1", config=one_at_a_time),
        Do(function=copy(env, "1", "2")),
        State(subgraphs=True, thread="2"),
        Invoke(Command(resume="yes"), thread="2", config=one_at_a_time),
        State(subgraphs=True, thread="1"),
        Do(function=delete(env, "1")),
        Invoke(Command(resume="no"), thread="2", config=one_at_a_time),
        History(thread="2"),
        Do(function=copy(env, "2", "1")),
        Invoke({"log": ["again"]}, thread="1", config=one_at_a_time),
        History(thread="1"),
    ]
