"""The same random calls on this engine and on the readable one: not one answer differs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph_engine_python.engine import PythonEngine

from langgraph_engine.protocol import (
    PULL,
    PUSH,
    ChannelSpec,
    CommitRejected,
    Engine,
    GraphSpec,
    NodeSpec,
    TaskWrites,
)

CHECKPOINT_ID = "1ef4f797-8335-6428-8001-8a1503f9b875"
TASKS = "__pregel_tasks"


class Missing:
    """Stands for "no value"."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True)
class Packet:
    """What LangGraph calls ``Send``."""

    node: Any
    arg: Any


class SubPacket(Packet):
    """A packet of a subclass is a packet."""


class ReducerError(Exception):
    """Raised by a reducer."""


class Total:
    """A custom channel: adds up, forgets when a superstep brings nothing, and can wait."""

    def __init__(self, style: int, value: Any = MISSING, *, open_: bool = True) -> None:
        self.style, self.value, self.open = style, value, open_

    def from_checkpoint(self, saved: Any) -> Total:
        return Total(self.style, saved, open_=self.style % 2 == 0)

    def copy(self) -> Total:
        return Total(self.style, self.value, open_=self.open)

    def checkpoint(self) -> Any:
        return self.value

    def get(self) -> Any:
        return self.value

    def is_available(self) -> bool:
        return self.value is not MISSING and self.open

    def update(self, values: Any) -> bool:
        if "boom" in values:
            raise ReducerError(self.style)
        if not values:
            had, self.value = self.value, (MISSING if self.style % 3 == 0 else self.value)
            return had is not self.value
        self.value = (0 if self.value is MISSING else self.value) + len(values)
        return self.style != 5 or self.value % 2 == 0

    def consume(self) -> bool:
        if self.style in (1, 4) and self.open:
            self.open = False
            return True
        return False

    def finish(self) -> bool:
        if self.style % 2 and not self.open:
            self.open = True
            return True
        return False


def fold(base: Any, values: Any) -> Any:
    """A reducer that joins, and sometimes raises."""
    if "boom" in values:
        raise ReducerError(len(values))
    return (() if base is MISSING else base) + tuple(values)


KINDS = (
    "last_value",
    "last_value_after_finish",
    "any_value",
    "ephemeral_value",
    "untracked_value",
    "topic",
    "binary_operator",
    "named_barrier",
    "named_barrier_after_finish",
    "custom",
)


def channel(rng: random.Random, name: str, nodes: list[str]) -> ChannelSpec:
    kind = rng.choice(KINDS)
    barrier = kind.startswith("named_barrier")
    start = rng.choice([MISSING, ()])
    style = rng.randrange(6)
    return ChannelSpec(
        name=name,
        kind=kind,
        guard=rng.random() < 0.6,
        accumulate=rng.random() < 0.5,
        names=frozenset(rng.sample(nodes, rng.randint(0, min(3, len(nodes)))) if barrier else ()),
        fold=fold if kind == "binary_operator" else None,
        initial=(lambda: start) if kind == "binary_operator" else None,
        custom=Total(style) if kind == "custom" else None,
    )


def graph(seed: int) -> GraphSpec:
    rng = random.Random(seed)
    nodes = [f"n{index}" for index in range(rng.randint(1, 6))]
    rng.shuffle(nodes)
    names = [f"c{index}" for index in range(rng.randint(1, 9))]
    rng.shuffle(names)
    channels = [channel(rng, name, nodes) for name in names]
    if rng.random() < 0.8:
        at = rng.randint(0, len(channels))
        channels.insert(at, ChannelSpec(TASKS, "tasks", accumulate=rng.random() < 0.1))
    specs = []
    for node in nodes:
        triggers = rng.choices(names, k=rng.randint(0, 3))
        one = rng.random() < 0.3
        reads = rng.choice(names) if one else tuple(rng.sample(names, rng.randint(0, len(names))))
        specs.append(NodeSpec(node, tuple(triggers), reads, runs=rng.random() < 0.95))
    trigger_to_nodes: dict[str, list[str]] = {}
    if rng.random() < 0.8:
        for spec in specs:
            for trigger in spec.triggers:
                trigger_to_nodes.setdefault(trigger, []).append(spec.name)
        if rng.random() < 0.2:
            trigger_to_nodes.setdefault(rng.choice(names), []).append("gone")
        if rng.random() < 0.1:
            trigger_to_nodes.setdefault("nowhere", []).append(nodes[0])
    return GraphSpec(tuple(channels), tuple(specs), trigger_to_nodes, MISSING, Packet)


def value(rng: random.Random, spec: ChannelSpec | None, nodes: list[str]) -> Any:
    kind = spec.kind if spec else "last_value"
    if kind.startswith("named_barrier"):
        names = [*spec.names] if spec else []
        return rng.choice([*names] * 6 + [rng.choice(nodes), 7]) if names else rng.choice(nodes)
    if kind == "tasks":
        packets = [
            rng.choice([Packet, Packet, SubPacket])(rng.choice([*nodes, "gone"]), rng.randrange(9))
            for _ in range(3)
        ]
        return rng.choice([*packets, "stray", packets, []])
    if kind in ("binary_operator", "custom") and rng.random() < 0.04:
        return "boom"
    if kind == "topic":
        return rng.choice([rng.randrange(9), [1, 2], [], (3, 4)])
    return rng.choice([rng.randrange(99), "text", None, ("t", 1)])


def writes(rng: random.Random, spec: GraphSpec) -> list[tuple[str, Any]]:
    by_name = {channel.name: channel for channel in spec.channels}
    nodes = [node.name for node in spec.nodes]
    strange = ["__no_writes__", "__error__", "unknown", "__return__"]
    made = []
    for _ in range(rng.randint(0, 4)):
        name = rng.choice([*by_name] * 4 + strange)
        made.append((name, value(rng, by_name.get(name), nodes)))
    return made


def checkpoint_outcome(checkpoint: dict[str, Any]) -> Any:
    """Everything a checkpoint says, with the orders that are part of the contract."""
    return (
        list(checkpoint),
        checkpoint["v"],
        checkpoint["ts"],
        checkpoint["id"],
        list(checkpoint["channel_values"].items()),
        checkpoint["channel_versions"],
        [(node, list(seen.items())) for node, seen in checkpoint["versions_seen"].items()],
        checkpoint["updated_channels"],
        {name: type(version) for name, version in checkpoint["channel_versions"].items()},
    )


def plain(outcome: Any) -> Any:
    """An outcome without objects that belong to one engine."""
    if isinstance(outcome, Total):
        return ("Total", outcome.style, outcome.value, outcome.open)
    return outcome


class Driver:
    """Makes the same calls on one engine's run, by seed."""

    def __init__(self, engine: Any, seed: int) -> None:
        self.spec = graph(seed)
        self.rng = random.Random(seed + 1)
        self.program = engine.compile(self.spec)
        self.run = self.program.restore(None)
        self.version = self.rng.choice(["engine", "int", "str", "float"])
        self.step = 0
        self.updated: Any = None
        self.tasks: list[Any] = []

    def outcome(self) -> Any:
        call = self.rng.choice(
            ["commit"] * 5
            + ["plan"] * 5
            + ["read"] * 2
            + ["checkpoint"] * 2
            + ["state", "see", "unseen", "push", "restore", "max_version"]
        )
        try:
            return (call, plain(getattr(self, call)()))
        except (CommitRejected, ReducerError) as error:
            return (call, type(error).__name__, error.args)

    def next_version(self) -> Any:
        number = self.step + 10
        return {
            "engine": None,
            "int": number,
            "str": f"{number:032d}.{self.rng.random()}",
            "float": number / 2,
        }[self.version]

    def commit(self) -> Any:
        rng = self.rng
        self.step += 1
        batch = [
            TaskWrites(task.path, task.name, writes(rng, self.spec), task.triggers)
            for task in self.tasks
            if rng.random() < 0.9
        ]
        names = [channel.name for channel in self.spec.channels]
        if rng.random() < 0.3 or not batch:
            batch.append(TaskWrites((), "__input__", writes(rng, self.spec), ()))
        if rng.random() < 0.2:
            path = (PUSH, (PULL, self.spec.nodes[0].name), rng.randrange(3), True)
            batch.append(TaskWrites(path, self.spec.nodes[0].name, writes(rng, self.spec), (PUSH,)))
        if rng.random() < 0.2:
            triggers = tuple(rng.sample([*names, "strange"], 1))
            batch.append(TaskWrites((PULL, "zz"), "zz", writes(rng, self.spec), triggers))
        rng.shuffle(batch)
        shape = rng.choice([list, tuple])
        committed = self.run.commit(shape(batch), self.next_version())
        self.updated = committed.updated
        self.tasks = []
        return (committed.updated, list(committed.unknown))

    def plan(self) -> Any:
        rng = self.rng
        known = self.updated if rng.random() < 0.7 else rng.choice([None, set(), {"strange"}])
        namespace = rng.choice(["", "parent:1|child"])
        plan = self.run.plan(rng.choice([-1, self.step]), CHECKPOINT_ID, namespace, known)
        self.tasks = list(plan.tasks)
        return (
            [(t.id, t.name, t.path, t.triggers, ordered(t.input), t.namespace) for t in plan.tasks],
            list(plan.ignored),
        )

    def push(self) -> Any:
        path = (PUSH, (PULL, "a"), 1, True)
        task = self.run.push("called", path, ("x", "1"), self.step, CHECKPOINT_ID, "ns")
        return (task.id, task.name, task.path, task.triggers, task.input, task.namespace)

    def read(self) -> Any:
        rng = self.rng
        names = [channel.name for channel in self.spec.channels]
        keys: Any = rng.choice(names)
        if rng.random() < 0.5:
            keys = rng.choice([list, tuple])(rng.choices(names, k=3))
        pending = None if rng.random() < 0.4 else writes(rng, self.spec)
        return ordered(self.run.read(keys, pending))

    def state(self) -> Any:
        return self.run.state(self.rng.choice(self.spec.channels).name)

    def max_version(self) -> Any:
        return self.run.max_version()

    def name(self) -> str:
        return self.rng.choice([self.spec.nodes[0].name, "__interrupt__"])

    def see(self) -> Any:
        return self.run.see(self.name())

    def unseen(self) -> Any:
        return self.run.unseen(self.name())

    def take_checkpoint(self) -> Any:
        updated = self.rng.choice([None, ["b", "a"], {"c", "b", "a"}])
        return self.run.checkpoint(CHECKPOINT_ID, "2024-01-01", updated)

    def checkpoint(self) -> Any:
        checkpoint = self.take_checkpoint()
        return checkpoint_outcome(checkpoint)

    def restore(self) -> Any:
        rng = self.rng
        checkpoint = self.take_checkpoint()
        if rng.random() < 0.3 and checkpoint["channel_versions"]:
            version = next(iter(checkpoint["channel_versions"].values()))
            checkpoint["channel_values"]["older"] = 1
            checkpoint["channel_versions"]["older"] = version
            checkpoint["versions_seen"]["older"] = {"older": version}
        if rng.random() < 0.2:
            checkpoint["v"] = 1
        if rng.random() < 0.1:
            checkpoint["versions_seen"] = {}
        if rng.random() < 0.2:
            for channel in self.spec.channels:
                saved = checkpoint["channel_values"].get(channel.name)
                if channel.kind in ("topic", "tasks") and saved is not None:
                    checkpoint["channel_values"][channel.name] = (set(), saved)
        if rng.random() < 0.1:
            checkpoint = rng.choice([None, {}])
            self.step = 0
        self.run = self.program.restore(checkpoint)
        self.tasks = []
        self.updated = None
        return checkpoint_outcome(self.take_checkpoint())


def ordered(value: Any) -> Any:
    """A dict with its order."""
    return ("dict", list(value.items())) if isinstance(value, dict) else value


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_answers_as_the_readable_engine_does(engine: Engine, first: int) -> None:
    for seed in range(first, first + 50):
        native, python = Driver(engine, seed), Driver(PythonEngine(), seed)
        for call in range(40):
            expected = python.outcome()
            assert native.outcome() == expected, f"seed {seed}, call {call} of\n{native.spec}"
