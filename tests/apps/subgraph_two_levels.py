"""A graph in a graph in a graph, with a `Send` into the middle one; namespaces nest."""

import operator
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from parity.steps import Env, Invoke, State, Step, Stream


class Log(TypedDict, total=False):
    depth: int
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def mark(name: str) -> Any:
        def node(state: Log, config: RunnableConfig) -> Log:
            env.note(
                name,
                [config["configurable"]["checkpoint_ns"], config["metadata"]["langgraph_path"]],
            )
            return {
                "log": [f"{name} at {state.get('depth', 0)}"],
                "depth": state.get("depth", 0) + 1,
            }

        return env.node(node)

    bottom = StateGraph(Log)
    bottom.add_node("deep", mark("deep"))
    bottom.add_edge(START, "deep")
    middle = StateGraph(
        Log, output_schema=TypedDict("Out", {"log": Annotated[list[str], operator.add]})
    )
    middle.add_node("down", bottom.compile())
    middle.add_node("up", mark("up"))
    middle.add_edge(START, "down")
    middle.add_edge("down", "up")
    top = StateGraph(Log)
    top.add_node("enter", mark("enter"))
    top.add_node("middle", middle.compile())
    top.add_edge(START, "enter")
    top.add_conditional_edges(
        "enter", lambda state: [Send("middle", {"depth": n * 10}) for n in (1, 2)], ["middle"]
    )
    top.add_edge("middle", END)
    return top.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke({"log": []}, config=one_at_a_time),
        Stream({"log": []}, mode=["values", "updates"], thread="2", config=one_at_a_time),
        State(subgraphs=True),
    ]
