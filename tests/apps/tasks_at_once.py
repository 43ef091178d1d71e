"""Tasks of a superstep really run at the same time: they meet, then finish in the order the user lets them."""

import asyncio
import operator
import threading
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Env, Invoke, Step, Stream

# Which of two threads starts first is up to the operating system, so the order seen by a handler is too.
watches = ("quiet",)
PATIENCE = 10


class Log(TypedDict):
    log: Annotated[list[str], operator.add]
    wait: bool


class Gate:
    """Opened by the reader of the stream, waited for in a node."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.aopen = asyncio.Event()

    def saw(self, chunk: Any) -> None:
        if "early" in chunk[1]:
            self.open.set()
            self.aopen.set()


GATES = [Gate()]


def build(env: Env) -> Any:
    GATES[0] = gate = Gate()
    barrier = threading.Barrier(2, timeout=PATIENCE)
    here = [asyncio.Event(), asyncio.Event()]

    def node(at: int, waits: bool) -> Any:
        def visit(state: Log) -> dict[str, Any]:
            barrier.wait()
            if waits and state["wait"]:
                assert gate.open.wait(PATIENCE)
            return {"log": [f"task {at}"]}

        async def avisit(state: Log) -> dict[str, Any]:
            here[at].set()
            await asyncio.wait_for(here[1 - at].wait(), PATIENCE)
            if waits and state["wait"]:
                await asyncio.wait_for(gate.aopen.wait(), PATIENCE)
            return {"log": [f"task {at}"]}

        return avisit if env.is_async else visit

    graph = StateGraph(Log)
    graph.add_node("late", node(0, waits=True))
    graph.add_node("early", node(1, waits=False))
    graph.add_edge(START, "late")
    graph.add_edge(START, "early")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": [], "wait": False}),
        # With "custom" a stream hands a chunk out at once; in "updates" alone it may come with the next one.
        Stream(
            {"log": [], "wait": True}, mode=["updates", "custom"], on_chunk=GATES[0].saw, thread="2"
        ),
    ]
