"""`max_concurrency` bounds how many tasks are at work at once; 20 tasks still all run."""

import asyncio
import operator
import threading
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from parity.steps import Env, Invoke, Step

# Several threads at once: the order in which a handler hears of them is the operating system's.
watches = ("quiet",)
LIMIT = 3


class State(TypedDict):
    results: Annotated[list[int], operator.add]
    most: int


def build(env: Env) -> Any:
    lock = threading.Lock()
    busy: list[int] = []
    most = [0]
    full = threading.Barrier(LIMIT, timeout=10)

    def enter(n: int) -> None:
        with lock:
            busy.append(n)
            most[0] = max(most[0], len(busy))

    def work(job: dict[str, int]) -> dict[str, Any]:
        enter(job["n"])
        full.wait()
        with lock:
            busy.remove(job["n"])
        full.wait()
        return {"results": [job["n"]]}

    async def awork(job: dict[str, int]) -> dict[str, Any]:
        enter(job["n"])
        for _ in range(5):
            await asyncio.sleep(0)
        busy.remove(job["n"])
        return {"results": [job["n"]]}

    graph = StateGraph(State)
    graph.add_node("work", awork if env.is_async else work)
    graph.add_node("report", lambda state: {"most": most[0]})
    graph.add_conditional_edges(
        START, lambda state: [Send("work", {"n": n}) for n in range(18)], ["work"]
    )
    graph.add_edge("work", "report")
    graph.add_edge("report", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [Invoke({"results": []}, config={"max_concurrency": LIMIT})]
