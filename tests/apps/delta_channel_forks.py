"""Going back in a thread with a delta channel: replays, forks by update, input at an old checkpoint."""

from typing import Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from parity.steps import Do, Env, History, Invoke, State, Step


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(item for write in writes for item in write)]


class Log(TypedDict, total=False):
    lines: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=50)]


def build(env: Env) -> Any:
    def write(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name, list(state["lines"]))
            return {"lines": [name]}

        return node

    graph = StateGraph(Log)
    for name in ("a", "b", "c"):
        graph.add_node(name, env.node(write(name)))
    graph.add_edge(START, "a")
    graph.add_edge("a", "b")
    graph.add_edge("b", "c")
    graph.add_edge("c", END)
    return graph.compile(checkpointer=env.saver)


def back(steps_back: int, values: Any, *, update: bool = False) -> Any:
    """Run, or update, from the checkpoint so many steps before the newest."""

    def sync(graph: Any, config: dict[str, Any]) -> Any:
        past = list(graph.get_state_history(config))[steps_back].config
        if update:
            return graph.invoke(None, graph.update_state(past, values))
        return graph.invoke(values, past)

    async def asynchronous(graph: Any, config: dict[str, Any]) -> Any:
        past = [state async for state in graph.aget_state_history(config)][steps_back].config
        if update:
            return await graph.ainvoke(None, await graph.aupdate_state(past, values))
        return await graph.ainvoke(values, past)

    return sync, asynchronous


def steps(env: Env) -> list[Step]:
    def go(steps_back: int, values: Any, *, update: bool = False) -> Step:
        return Do(function=back(steps_back, values, update=update)[env.is_async])

    return [
        Invoke({"lines": ["in"]}),
        go(2, None),
        State(),
        go(3, {"lines": ["anew"]}),
        State(),
        go(1, {"lines": ["updated"]}, update=True),
        State(),
        Invoke({"lines": ["and on"]}),
        History(),
    ]
