"""A saver that numbers versions with plain integers and knows nothing of task paths."""

import operator
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, Step, Stream


class OlderSaver(InMemorySaver):
    """As savers were written before versions were strings."""

    def get_next_version(self, current: Any, channel: None) -> Any:
        return 1 if current is None else current + 1

    def put_writes(  # type: ignore[override]
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str
    ) -> None:
        super().put_writes(config, writes, task_id)

    async def aput_writes(  # type: ignore[override]
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str
    ) -> None:
        super().put_writes(config, writes, task_id)


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    env.saver = OlderSaver()
    graph = StateGraph(Log)
    for name in ("a", "b", "c"):
        graph.add_node(name, env.node(lambda state, name=name: {"log": [name]}))
    graph.add_edge(START, "a")
    graph.add_edge("a", "b")
    graph.add_edge("a", "c")
    graph.add_edge(["b", "c"], END)
    return graph.compile(checkpointer=env.saver, interrupt_after=["a"])


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Invoke({"log": []}, **one_at_a_time),
        Stream(None, mode=["updates", "checkpoints"], **one_at_a_time),
        History(),
    ]
