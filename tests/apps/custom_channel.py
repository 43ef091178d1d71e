"""A user's own `BaseChannel` subclass: its `update`, `consume` and `finish` are called as stock calls them."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langgraph.channels.base import BaseChannel
from langgraph.errors import EmptyChannelError, InvalidUpdateError
from langgraph.graph import END, START, StateGraph
from parity.steps import Env, History, Invoke, Step, Stream
from typing_extensions import Self

raises = ("InvalidUpdateError",)
CALLS: list[str] = []


class Highest(BaseChannel[int, int, dict[str, int]]):
    """Keeps the highest value and how many it was chosen from."""

    def __init__(self, typ: Any = int, key: str = "") -> None:
        super().__init__(typ, key)
        self.best: dict[str, int] | None = None

    @property
    def ValueType(self) -> Any:  # noqa: N802 - the name is LangGraph's
        return int

    @property
    def UpdateType(self) -> Any:  # noqa: N802 - the name is LangGraph's
        return int

    def from_checkpoint(self, checkpoint: Any) -> Self:
        channel = type(self)(self.typ, self.key)
        if isinstance(checkpoint, dict):
            channel.best = dict(checkpoint)
        return channel

    def checkpoint(self) -> Any:
        if self.best is None:
            raise EmptyChannelError
        return dict(self.best)

    def copy(self) -> Self:
        return self.from_checkpoint(self.best)

    def update(self, values: Sequence[int]) -> bool:
        CALLS.append(f"update {list(values)}")
        if not values:
            return False
        if min(values) < 0:
            raise InvalidUpdateError(f"{min(values)} is below zero")
        before = self.best or {"value": 0, "of": 0}
        self.best = {"value": max(before["value"], *values), "of": before["of"] + len(values)}
        return True

    def get(self) -> int:
        if self.best is None:
            raise EmptyChannelError
        return self.best["value"]

    def finish(self) -> bool:
        CALLS.append("finish")
        return False


class State(TypedDict):
    score: Annotated[int, Highest]
    turn: int


def build(env: Env) -> Any:
    CALLS.clear()

    def play(gain: int) -> Any:
        return env.node(lambda state: {"score": state["score"] + gain})

    def count(state: State) -> dict[str, Any]:
        env.note("calls", CALLS)
        return {"turn": state["turn"] + 1}

    graph = StateGraph(State)
    graph.add_node("careful", play(1))
    graph.add_node("bold", play(5))
    graph.add_node("count", env.node(count))
    graph.add_edge(START, "careful")
    graph.add_edge(START, "bold")
    graph.add_edge(["careful", "bold"], "count")
    graph.add_edge("count", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Stream({"score": 1, "turn": 0}, mode=["values", "updates"], **one_at_a_time),
        Invoke({"score": 2}, **one_at_a_time),
        Invoke({"score": -2}, **one_at_a_time),
        History(),
    ]
