"""A history that is read one snapshot at a time: stopped early, filtered, from a snapshot on, and never begun."""

import operator
from itertools import islice
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, Invoke, Step


class Count(TypedDict, total=False):
    n: Annotated[int, operator.add]


def build(env: Env) -> Any:
    graph = StateGraph(Count)
    graph.add_node("more", env.node(lambda state: {"n": 1}))
    graph.add_edge(START, "more")
    graph.add_conditional_edges("more", lambda state: "more" if state["n"] % 9 else "__end__")
    return graph.compile(checkpointer=env.saver)


def read(env: Env, first: int, **options: Any) -> Any:
    """The first snapshots of a history, whose iterator is then closed; and of one that goes on before the last."""

    def go(graph: Any, config: dict[str, Any]) -> Any:
        history = graph.get_state_history(config, **options)
        found = list(islice(history, first))
        history.close()
        older = graph.get_state_history(config, before=found[-1].config, limit=2) if found else ()
        return [found, list(older), list(history)]

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        history = graph.aget_state_history(config, **options)
        found = [
            snapshot for _ in range(first) if (snapshot := await anext(history, None)) is not None
        ]
        await history.aclose()
        older = []
        if found:
            rest = graph.aget_state_history(config, before=found[-1].config, limit=2)
            older = [snapshot async for snapshot in rest]
        return [found, older, [snapshot async for snapshot in history]]

    return ago if env.is_async else go


def begun_and_written_to(env: Env) -> Any:
    """A history whose thread is updated after its first snapshot was read."""

    def go(graph: Any, config: dict[str, Any]) -> Any:
        history = graph.get_state_history(config)
        newest = next(history)
        graph.update_state(config, {"n": 100})
        return [newest, [snapshot.values for snapshot in history]]

    async def ago(graph: Any, config: dict[str, Any]) -> Any:
        history = graph.aget_state_history(config)
        newest = await anext(history)
        await graph.aupdate_state(config, {"n": 100})
        return [newest, [snapshot.values async for snapshot in history]]

    return ago if env.is_async else go


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"n": 0}),
        Do(function=read(env, 3)),
        Do(function=read(env, 2, filter={"source": "input"})),
        Do(function=read(env, 4, filter={"source": "loop"}, limit=3)),
        Do(function=read(env, 0)),
        Do(function=read(env, 1), thread="unused"),
        Do(function=begun_and_written_to(env)),
    ]
