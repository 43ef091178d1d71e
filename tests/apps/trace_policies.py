"""Trace policies: what a node's run records of its input and output is not what the node is given."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import TracePolicy, omit_payload
from parity.steps import Env, Invoke, Step, Stream


class Letter(TypedDict, total=False):
    secret: str
    lines: list[str]


def build(env: Env) -> Any:
    def write(state: Letter) -> Letter:
        env.note("write", state)
        return {"lines": [f"a letter about {state['secret']}"]}

    def shorten(state: Letter) -> Letter:
        return {"lines": [line[:8] for line in state["lines"]]}

    counted = TracePolicy(
        process_inputs=lambda state: {"keys": len(state)},
        process_outputs=lambda update: {"lines": len(update["lines"])},
    )
    silent = TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)
    graph = StateGraph(Letter)
    graph.add_node("write", env.node(write), trace_policy=counted)
    graph.add_node("shorten", env.node(shorten), trace_policy=silent)
    graph.add_edge(START, "write")
    graph.add_edge("write", "shorten")
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [Invoke({"secret": "love"}), Stream({"secret": "war"}, mode=["updates", "tasks"])]
