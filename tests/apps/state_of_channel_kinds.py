"""What a live state shows of each channel kind when finished tasks wait for one that asks; updates of them."""

import operator
from typing import Any

from langgraph.channels import (
    AnyValue,
    BinaryOperatorAggregate,
    EphemeralValue,
    LastValue,
    NamedBarrierValue,
    Topic,
    UntrackedValue,
)
from langgraph.channels.last_value import LastValueAfterFinish
from langgraph.channels.named_barrier_value import NamedBarrierValueAfterFinish
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.types import StateUpdate, interrupt
from parity.steps import BulkUpdate, Env, History, Invoke, Later, Seen, State, Step, Update

KINDS = ("last", "any", "brief", "untracked", "topic", "growing_topic", "sum", "late")
BARRIERS = ("gate", "wide_gate", "late_gate")


def ask(number: int) -> Any:
    return interrupt(number)


def build(env: Env) -> Any:
    channels = {
        "start": EphemeralValue(int),
        "again": LastValue(int),
        "last": LastValue(int),
        "any": AnyValue(int),
        "brief": EphemeralValue(int, guard=False),
        "untracked": UntrackedValue(int),
        "topic": Topic(int),
        "growing_topic": Topic(int, accumulate=True),
        "sum": BinaryOperatorAggregate(int, operator.add),
        "late": LastValueAfterFinish(int),
        "gate": NamedBarrierValue(str, {"a"}),
        "wide_gate": NamedBarrierValue(str, {"a", "b"}),
        "late_gate": NamedBarrierValueAfterFinish(str, {"a"}),
    }
    write_all = {name: (lambda value: value) for name in KINDS}
    shut = {name: (lambda value: "a") for name in BARRIERS}
    nodes = {
        "begin": NodeBuilder()
        .subscribe_only("start")
        .do(lambda n: n + 1)
        .write_to("again", **write_all, **shut),
        "writer": NodeBuilder()
        .subscribe_only("again")
        .do(env.node(lambda n: n * 10))
        .write_to(**write_all),
        "gated": NodeBuilder()
        .subscribe_to("gate", "late_gate", read=False)
        .read_from("last")
        .do(env.node(lambda seen: "a"))
        .write_to("gate", "wide_gate", "late_gate"),
        "finisher": NodeBuilder()
        .subscribe_to("late", read=False)
        .read_from("last")
        .do(env.node(lambda seen: 5))
        .write_to("late", "any"),
        "asker": NodeBuilder().subscribe_only("again").do(env.node(ask)).write_to("last"),
    }
    return Pregel(
        nodes=nodes,
        channels=channels,
        input_channels="start",
        output_channels=["last", "sum"],
        stream_channels=[*KINDS, *BARRIERS],
        checkpointer=env.saver,
    )


def latest(seen: Seen) -> Any:
    return seen.last.config


def steps(env: Env) -> list[Step]:
    one_at_a_time: dict[str, Any] = {
        "config": {"max_concurrency": 1},
        "options": {"durability": "sync"},
    }
    return [
        Invoke(1, **one_at_a_time),
        State(),
        State(at=Later(latest)),
        Update(3, as_node="writer"),
        State(),
        BulkUpdate([[StateUpdate("a", "gated"), StateUpdate(4, "finisher")]]),
        State(),
        Update(None, as_node="__end__"),
        State(),
        Update(8, as_node="__input__"),
        State(),
        Invoke(None, **one_at_a_time),
        State(),
        History(),
    ]
