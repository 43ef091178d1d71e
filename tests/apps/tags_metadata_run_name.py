"""Tags, metadata and run names given to the graph, to its nodes and to a call."""

from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


class State(TypedDict):
    n: int


def build(env: Env) -> Any:
    def note(state: State, config: RunnableConfig) -> State:
        env.note("seen", [config.get("tags"), config.get("metadata"), config.get("run_name")])
        return {"n": state["n"] + 1}

    named = RunnableLambda(env.node(note), name="named").with_config(
        tags=["inner"], metadata={"level": "runnable"}, run_name="renamed"
    )
    graph = StateGraph(State)
    graph.add_node("plain", env.node(note), metadata={"level": "node", "owner": "me"})
    graph.add_node("named", named)
    graph.add_edge(START, "plain")
    graph.add_edge("plain", "named")
    graph.add_edge("named", END)
    compiled = graph.compile(checkpointer=env.saver, name="counter")
    return compiled.with_config(tags=["bound"], metadata={"level": "graph"})


def steps(env: Env) -> list[Step]:
    call = {
        "tags": ["call", "bound"],
        "metadata": {"request": 7, "level": "call"},
        "run_name": "today",
    }
    return [
        Invoke({"n": 1}, config=call),
        Stream({"n": 1}, mode=["tasks", "checkpoints", "updates"], config=call),
    ]
