"""A conditional entry point that may choose several nodes, one, or none, and an edge function with config."""

import operator
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class Log(TypedDict):
    want: list[str]
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def enter(state: Log) -> list[str]:
        return state["want"]

    def leave(state: Log, config: RunnableConfig) -> bool:
        env.note(
            "leave",
            [
                config["metadata"]["langgraph_node"],
                config["metadata"].get("loud"),
                len(state["log"]),
            ],
        )
        return bool(config["metadata"].get("loud"))

    graph = StateGraph(Log)
    for name in ("a", "b", "c", "shout"):
        graph.add_node(name, env.node(lambda state, name=name: {"log": [name]}))
        graph.add_conditional_edges(
            name, env.node(leave), {True: "shout" if name != "shout" else END, False: END}
        )
    graph.set_conditional_entry_point(enter, ["a", "b", "c", END])
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one: dict[str, Any] = {"max_concurrency": 1}
    return [
        Invoke({"want": ["c", "a"], "log": []}, config=one),
        Stream(
            {"want": ["b"], "log": []},
            mode=["values", "tasks"],
            config={**one, "metadata": {"loud": True}},
        ),
        Invoke({"want": [END], "log": []}, config=one),
        Invoke({"want": [], "log": ["nobody"]}, thread="2", config=one),
    ]
