"""A reducer raises while a superstep is committed."""

from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, State, Step, Stream

# Reading the state of the thread applies the same writes again, and fails the same way.
raises = ("ValueError", "ValueError", "ValueError")


def at_most_three(before: list[int], added: list[int]) -> list[int]:
    if len(before) + len(added) > 3:
        raise ValueError(f"no room for {added} beside {before}")
    return before + added


class Box(TypedDict):
    items: Annotated[list[int], at_most_three]
    size: int


def build(env: Env) -> Any:
    def fill(state: Box) -> Box:
        return {"items": [len(state["items"])], "size": len(state["items"]) + 1}

    graph = StateGraph(Box)
    graph.add_node("fill", env.node(fill))
    graph.add_edge(START, "fill")
    graph.add_conditional_edges(
        "fill", lambda state: "fill" if state["size"] < 9 else END, ["fill", END]
    )
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"items": [], "size": 0}),
        State(),
        Stream({"items": [1, 2, 3, 4]}, mode=["values", "updates", "checkpoints"], thread="2"),
        History(thread="2"),
    ]
