"""Barrier channels by hand: a node waits for every name, and one of them only fires at the finish."""

from typing import Any

from langgraph.channels import (
    EphemeralValue,
    LastValue,
    LastValueAfterFinish,
    NamedBarrierValue,
    NamedBarrierValueAfterFinish,
    Topic,
)
from langgraph.pregel import NodeBuilder, Pregel
from parity.steps import Env, History, Invoke, Step, Stream

raises = ("InvalidUpdateError",)


def build(env: Env) -> Any:
    def once(name: str) -> Any:
        return env.node(lambda _: name)

    nodes = {
        "a": NodeBuilder()
        .subscribe_only("start")
        .do(once("a"))
        .write_to("gate", "late_gate", "log"),
        "b": NodeBuilder()
        .subscribe_only("start")
        .do(once("b"))
        .write_to("log", "late", next=lambda x: x),
        "c": NodeBuilder()
        .subscribe_only("next")
        .do(once("c"))
        .write_to("gate", "late_gate", "log"),
        "opened": NodeBuilder().subscribe_to("gate", read=False).do(once("opened")).write_to("log"),
        "at_end": NodeBuilder()
        .subscribe_to("late_gate", read=False)
        .do(once("at_end"))
        .write_to("log"),
        "last": NodeBuilder().subscribe_only("late").do(once("last")).write_to("log"),
        "wrong": NodeBuilder().subscribe_only("bad").do(once("nobody")).write_to("gate"),
    }
    return Pregel(
        nodes=nodes,
        channels={
            "start": EphemeralValue(str),
            "bad": EphemeralValue(str),
            "next": LastValue(str),
            "gate": NamedBarrierValue(str, {"a", "c"}),
            "late_gate": NamedBarrierValueAfterFinish(str, {"a", "c"}),
            "late": LastValueAfterFinish(str),
            "log": Topic(str, accumulate=True),
        },
        input_channels=["start", "bad"],
        output_channels="log",
        checkpointer=env.saver,
    )


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the set of a barrier in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Stream({"start": "go"}, mode=["values", "updates"], **one_at_a_time),
        Invoke({"start": "again"}, **one_at_a_time),
        History(),
        Invoke({"bad": "go"}, thread="2"),
    ]
