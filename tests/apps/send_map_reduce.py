"""`Send` starts one task for each item found at run time, each with an input of its own."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from parity.steps import Env, History, Invoke, Step, Stream


class State(TypedDict, total=False):
    text: str
    counts: Annotated[list[tuple[str, int]], operator.add]
    total: int


def split(state: State) -> State:
    return {"text": state["text"].lower()}


def each_word(state: State) -> list[Send]:
    return [
        Send("count", {"word": word, "at": at}) for at, word in enumerate(state["text"].split())
    ]


def count(job: dict[str, Any]) -> State:
    return {"counts": [(job["word"], len(job["word"]))]}


def add_up(state: State) -> State:
    return {"total": sum(length for _, length in state.get("counts", []))}


def build(env: Env) -> Any:
    graph = StateGraph(State)
    for node in (split, count, add_up):
        graph.add_node(node.__name__, env.node(node))
    graph.add_edge(START, "split")
    graph.add_conditional_edges("split", each_word, ["count"])
    graph.add_edge("count", "add_up")
    graph.add_edge("add_up", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"text": "The quick brown fox"}, config=one_at_a_time),
        Stream({"text": "jumps over"}, mode=["updates", "tasks"], config=one_at_a_time),
        Stream({"text": ""}, mode="values", thread="nothing-to-map", config=one_at_a_time),
        History(),
    ]
