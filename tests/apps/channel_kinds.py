"""A hand-built `Pregel` over one channel of every value kind, with a node that reads them all."""

import operator
from typing import Any

from langgraph.channels import (
    AnyValue,
    BinaryOperatorAggregate,
    EphemeralValue,
    LastValue,
    Topic,
    UntrackedValue,
)
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.types import Overwrite
from parity.steps import Env, History, Invoke, State, Step, Stream

KINDS = ("last", "any", "brief", "untracked", "topic", "growing_topic", "sum")


def build(env: Env) -> Any:
    def look(label: str) -> Any:
        def read(seen: dict[str, Any]) -> Any:
            env.note(label, seen)
            return seen.get("last")

        return env.node(read)

    channels = {
        "start": EphemeralValue(int),
        "last": LastValue(int),
        "any": AnyValue(int),
        "brief": EphemeralValue(int, guard=False),
        "untracked": UntrackedValue(int),
        "topic": Topic(int),
        "growing_topic": Topic(int, accumulate=True),
        "sum": BinaryOperatorAggregate(int, operator.add),
        "out": LastValue(int),
    }
    write_all = {name: lambda value: value for name in KINDS}
    nodes = {
        "writer": NodeBuilder().subscribe_only("start").do(lambda n: n + 1).write_to(**write_all),
        "double": NodeBuilder()
        .subscribe_only("start")
        .do(lambda n: n + 1)
        .write_to("any", "topic", "sum"),
        "reader": NodeBuilder()
        .subscribe_to("last")
        .read_from(*KINDS[1:])
        .do(look("reader"))
        .write_to("out"),
        "later": NodeBuilder()
        .subscribe_to("out")
        .read_from(*KINDS)
        .do(look("later"))
        .write_to(sum=lambda value: Overwrite(-value)),
        "last_one": NodeBuilder()
        .subscribe_to("sum", read=False)
        .read_from(*KINDS)
        .do(look("last one")),
    }
    return Pregel(
        nodes=nodes,
        channels=channels,
        input_channels="start",
        output_channels=["out", "sum", "topic", "growing_topic"],
        stream_channels=["out", *KINDS],
        checkpointer=env.saver,
    )


def steps(env: Env) -> list[Step]:
    # With "async" a checkpoint may be stored before or after the list of a topic in it grows.
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Invoke(1, **one_at_a_time),
        Stream(10, mode=["values", "updates"], **one_at_a_time),
        State(),
        History(),
    ]
