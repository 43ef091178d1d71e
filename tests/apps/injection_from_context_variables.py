"""`get_config`, `get_store`, `get_stream_writer` and `get_runtime` in a node and deep below it."""

from typing import Any, TypedDict

from langgraph.config import get_config, get_store, get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict, total=False):
    step: int


def build(env: Env) -> Any:
    def deep(label: str) -> None:
        config = get_config()
        env.note(
            label, [config["metadata"], config.get("tags"), config["configurable"]["checkpoint_ns"]]
        )
        get_stream_writer()({"from": label})
        get_store().put(("labels",), label, {"step": config["metadata"]["langgraph_step"]})

    def one(state: State) -> State:
        deep("one")
        return {"step": 1}

    def two(state: State) -> State:
        deep("two")
        env.note("context", get_runtime().context)
        env.note(
            "labels",
            sorted((item.key, item.value["step"]) for item in get_store().search(("labels",))),
        )
        return {"step": 2}

    def onward(state: State) -> str:
        env.note("edge", get_config()["metadata"]["langgraph_node"])
        return "two"

    graph = StateGraph(State, context_schema=dict)
    graph.add_node("one", env.node(one))
    graph.add_node("two", env.node(two))
    graph.add_edge(START, "one")
    graph.add_conditional_edges("one", env.node(onward), ["two"])
    graph.add_edge("two", END)
    return graph.compile(store=env.store)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({}, thread=None, options={"context": {"user": 1}}),
        Stream({}, mode=["custom", "values"], config={"metadata": {"tenant": "x"}}),
    ]
