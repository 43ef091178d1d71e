"""A thread begun with a plain reducer goes on with a delta channel, and back again."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, Invoke, State, Step


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(item for write in writes for item in write)]


class Plain(TypedDict, total=False):
    lines: Annotated[list[str], operator.add]


class Delta(TypedDict, total=False):
    lines: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=3)]


def compiled(env: Env, schema: Any) -> Any:
    def write(state: Any) -> Any:
        env.note("lines", list(state["lines"]))
        return {"lines": [f"{schema.__name__} {len(state['lines'])}"]}

    graph = StateGraph(schema)
    graph.add_node("write", env.node(write))
    graph.add_edge(START, "write")
    graph.add_edge("write", END)
    return graph.compile(checkpointer=env.saver)


def build(env: Env) -> Any:
    return compiled(env, Delta)


def steps(env: Env) -> list[Step]:
    plain = compiled(env, Plain)

    def with_plain(_: Any, config: dict[str, Any]) -> Any:
        return plain.invoke({"lines": ["plain"]}, config)

    async def awith_plain(_: Any, config: dict[str, Any]) -> Any:
        return await plain.ainvoke({"lines": ["plain"]}, config)

    before = awith_plain if env.is_async else with_plain
    return [
        Do(function=before),
        Invoke({"lines": ["delta"]}),
        State(),
        Invoke({"lines": ["delta again"]}),
        Do(function=before),
        Invoke({"lines": ["and delta"]}),
        State(),
    ]
