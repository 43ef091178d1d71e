"""What nodes write to the stream themselves, in the graph and in a subgraph, alone and beside other modes."""

from typing import Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import StreamWriter
from parity.steps import Env, Invoke, Step, Stream


class Work(TypedDict, total=False):
    done: int


def build(env: Env) -> Any:
    def load(state: Work, writer: StreamWriter) -> Work:
        for percent in (0, 50, 100):
            writer({"loaded": percent})
        return {"done": 1}

    def pack(state: Work) -> Work:
        write = get_stream_writer()
        write("packing")
        write(None)
        return {"done": state["done"] + 1}

    inner = StateGraph(Work)
    inner.add_node("pack", env.node(pack))
    inner.add_edge(START, "pack")
    graph = StateGraph(Work)
    graph.add_node("load", env.node(load))
    graph.add_node("ship", inner.compile())
    graph.add_edge(START, "load")
    graph.add_edge("load", "ship")
    graph.add_edge("ship", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [
        Stream({}, mode="custom"),
        Stream({}, mode=["custom", "updates", "values"], subgraphs=True),
        Stream({}, mode=["custom", "tasks"], thread=None),
        Invoke({}),
    ]
