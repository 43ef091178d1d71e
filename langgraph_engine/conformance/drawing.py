"""Graphs and calls, drawn by Hypothesis.

A story is drawn while it is told to the ``python`` engine: the tasks of a plan decide whose writes are
drawn next, so most stories are runs that could happen. What comes out is a scenario with the answers
already in it, ready to be told to another engine and, once shrunk, to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st

from langgraph_engine.conformance.engines import find_engine
from langgraph_engine.conformance.replay import Teller
from langgraph_engine.conformance.scenario import Scenario
from langgraph_engine.conformance.values import Json
from langgraph_engine.conformance.vocabulary import CUSTOM, REDUCERS
from langgraph_engine.protocol import PULL, PUSH

__all__ = ["stories"]

_TASKS: Final = "__pregel_tasks"
_NODES: Final = ("n", "m", "z", "k")
_NAMES: Final = ("p", "q", "r")
_RESERVED: Final = ("__no_writes__", "__return__", "__error__", "__resume__", "__interrupt__")
_TIME: Final = "2025-01-01T00:00:00+00:00"

_scalars: Final = st.one_of(
    st.integers(-3, 3),
    st.none(),
    st.booleans(),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from([0.5, 2.0]),
    st.lists(st.integers(0, 3), max_size=2),
    st.just({"k": {"$tuple": [1, [2]]}}),
)


def _mostly(usual: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """``rare`` about one time in ten, and shrinking towards ``usual``."""
    return st.integers(0, 9).flatmap(lambda roll: rare if roll == 9 else usual)


def _written(channel: Mapping[str, Json], nodes: Sequence[str]) -> st.SearchStrategy[Any]:
    """Values a task might write to the channel."""
    kind = channel["kind"]
    if kind.startswith("named_barrier"):
        return _mostly(st.sampled_from(channel["names"]), st.sampled_from(["fog", 3]))
    if kind == "topic":
        return st.one_of(_scalars, st.builds(lambda v: {"$tuple": [v]}, _scalars))
    if kind == _kind_of_tasks:
        packet = st.builds(
            lambda node, value: {"$send": {"node": node, "arg": value}},
            _mostly(st.sampled_from(nodes), st.just("fog")),
            _scalars,
        )
        return st.one_of(packet, _mostly(st.lists(packet, max_size=2), st.just("no packet")))
    if kind == "binary_operator":
        plain = _REDUCED[channel["reducer"]]
        return _mostly(plain, st.builds(lambda v: {"$overwrite": v}, plain))
    if kind == "custom" and channel["custom"] == "counter":
        return st.integers(-2, 3)
    return _scalars


_kind_of_tasks: Final = "tasks"
_REDUCED: Final[dict[str, st.SearchStrategy[Any]]] = {
    "int_add": st.integers(-3, 3),
    "int_max": st.integers(-3, 3),
    "list_concat": st.lists(st.integers(0, 3), max_size=2),
    "str_concat": st.sampled_from(["", "a", "bc"]),
    "fail": st.integers(-3, 3),
}


@st.composite
def _channels(draw: st.DrawFn, kinds: Sequence[str], featured: str) -> list[dict[str, Json]]:
    drawn = [featured, *draw(st.lists(st.sampled_from(kinds), max_size=4))]
    channels: list[dict[str, Json]] = []
    for name, kind in zip("abcde", drawn, strict=False):
        if kind == _kind_of_tasks:
            if not any(channel["name"] == _TASKS for channel in channels):
                channels.append({"name": _TASKS, "kind": kind})
            continue
        channel: dict[str, Json] = {"name": name, "kind": kind}
        if kind in ("ephemeral_value", "untracked_value"):
            channel["guard"] = draw(st.booleans())
        elif kind == "topic":
            channel["accumulate"] = draw(st.booleans())
        elif kind.startswith("named_barrier"):
            channel["names"] = sorted(draw(st.sets(st.sampled_from(_NAMES), min_size=1)))
        elif kind == "binary_operator":
            usual = st.sampled_from(sorted(set(REDUCERS) - {"fail"}))
            channel["reducer"] = draw(_mostly(usual, st.just("fail")))
        elif kind == "custom":
            channel["custom"] = draw(st.sampled_from(sorted(CUSTOM)))
        channels.append(channel)
    return channels


def _triggers(readable: Sequence[str]) -> st.SearchStrategy[list[str]]:
    channels = st.sampled_from(readable)
    usual = st.lists(channels, unique=True, min_size=1, max_size=3)
    return _mostly(usual, st.just([]))


@st.composite
def _graphs(draw: st.DrawFn, kinds: Sequence[str], featured: str) -> dict[str, Json]:
    channels = draw(_channels(kinds, featured))
    readable = [channel["name"] for channel in channels if channel["name"] != _TASKS]
    nodes: list[dict[str, Json]] = []
    for name in draw(st.permutations(_NODES))[: draw(st.integers(1, 4))]:
        some = st.lists(st.sampled_from(readable), unique=True, max_size=3) if readable else None
        reads = draw(st.one_of(st.sampled_from(readable), some)) if some is not None else []
        nodes.append(
            {
                "name": name,
                "triggers": draw(_triggers(readable)) if readable else [],
                "reads": reads,
                "runs": draw(_mostly(st.just(True), st.just(False))),
            }
        )
    return {
        "channels": channels,
        "nodes": nodes,
        "trigger_to_nodes": draw(_mostly(st.just(_triggered(nodes)), st.just({}))),
    }


def _triggered(nodes: Sequence[Mapping[str, Json]]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for node in nodes:
        for channel in node["triggers"]:
            table.setdefault(channel, []).append(node["name"])
    return table


@dataclass
class _Storyteller:
    """Draws one step after the other and tells each to the reference engine."""

    draw: st.DrawFn
    graph: Mapping[str, Json]
    versions: str
    teller: Teller
    steps: list[Mapping[str, Json]] = field(default_factory=list)
    number: int = 0
    version: int = 0
    updated: list[str] = field(default_factory=list)

    def tell(self, step: dict[str, Json]) -> Json:
        answer = self.teller.tell(step)
        self.steps.append(step if answer is None else {**step, "expect": answer})
        return answer

    def flip(self) -> bool:
        return bool(self.draw(st.booleans()))

    def rarely(self) -> bool:
        return bool(self.draw(_mostly(st.just(False), st.just(True))))

    def checkpoint_id(self) -> str:
        return f"1f0c1b5e-0000-6000-8000-{self.number:012x}"

    def next_version(self) -> Json:
        self.version += 1
        if self.versions == "text":  # the form of LangGraph's InMemorySaver
            tail = self.draw(st.sampled_from([0.5, 0.0917364, 1e-05]))
            return f"{self.version:032}.{tail:016}"
        if self.versions == "float":
            return self.version + 0.25
        return self.version if self.versions == "int" else None

    def writes(self, at_least: int = 0) -> list[list[Json]]:
        nodes = [node["name"] for node in self.graph["nodes"]]
        written: list[list[Json]] = []
        for channel in self.draw(
            st.lists(
                st.sampled_from([*self.graph["channels"], None]), min_size=at_least, max_size=4
            )
        ):
            if channel is not None:
                written.append([channel["name"], self.draw(_written(channel, nodes))])
            elif self.rarely():
                written.append([self.draw(st.sampled_from((*_RESERVED, "fog"))), 1])
        return written

    def commit(self, tasks: list[dict[str, Json]]) -> None:
        shuffled = self.draw(st.permutations(tasks)) if len(tasks) > 1 else tasks
        answer = self.tell(
            {"do": "commit", "writes": shuffled, "version": self.next_version()},
        )
        self.updated = answer.get("updated", [])

    def input(self) -> None:
        name, writes = "__input__", self.writes(at_least=2)
        self.commit([{"path": [PULL, name], "name": name, "writes": writes, "triggers": []}])

    def plan(self) -> list[dict[str, Json]]:
        names = [channel["name"] for channel in self.graph["channels"]]
        updated = self.draw(
            st.one_of(
                st.just(sorted(self.updated)),
                st.none(),
                st.lists(st.sampled_from([*names, "fog"]), unique=True),
            )
        )
        answer = self.tell(
            {
                "do": "plan",
                "step": self.number,
                "checkpoint_id": self.checkpoint_id(),
                "namespace": self.draw(st.sampled_from(["", "outer:1", "outer:1|inner:2"])),
                "updated": updated,
            }
        )
        return list(answer["tasks"])

    def superstep(self) -> None:
        self.number += 1
        ran = [
            {
                "path": task["path"],
                "name": task["name"],
                "writes": self.writes(),
                "triggers": task["triggers"],
            }
            for task in self.plan()
        ]
        if self.rarely():
            ran.append(self.called(ran))
        if not ran and self.flip():
            ran = [self.stray()]
        self.commit(ran)

    def stray(self) -> dict[str, Json]:
        """A task nobody planned: what ``update_state`` commits."""
        node = self.draw(st.sampled_from(self.graph["nodes"]))
        return {
            "path": [PULL, node["name"]],
            "name": node["name"],
            "writes": self.writes(),
            "triggers": node["triggers"],
        }

    def called(self, ran: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
        """A task asked for by a running one."""
        parent = ran[0]["path"] if ran else [PULL, "n"]
        answer = self.tell(
            {
                "do": "push",
                "name": "called",
                "path": [PUSH, parent, 0, True],
                "parts": [_path_text(parent), "0"],
                "step": self.number,
                "checkpoint_id": self.checkpoint_id(),
                "namespace": "",
            }
        )
        task = answer["task"]
        return {
            "path": task["path"],
            "name": task["name"],
            "writes": self.writes(),
            "triggers": task["triggers"],
        }

    def look(self) -> None:
        """Ask something that changes nothing."""
        names = [channel["name"] for channel in self.graph["channels"]]
        what = self.draw(st.sampled_from(["read", "fresh", "state", "max_version", "unseen"]))
        if what == "read":
            self.tell({"do": "read", "keys": list(self.draw(st.permutations(names)))})
        elif what == "fresh":
            keys = self.draw(st.one_of(st.just(names), st.sampled_from(names)))
            self.tell({"do": "read", "keys": keys, "writes": self.writes()})
        elif what == "state":
            self.tell({"do": "state", "name": self.draw(st.sampled_from(names))})
        elif what == "unseen":
            self.tell({"do": "unseen", "name": "__interrupt__"})
        else:
            self.tell({"do": "max_version"})

    def save(self) -> Json:
        answer = self.tell(
            {
                "do": "checkpoint",
                "checkpoint_id": self.checkpoint_id(),
                "timestamp": _TIME,
                "updated": self.draw(st.sampled_from([None, sorted(self.updated)])),
            }
        )
        return answer["value"]

    def restore(self, checkpoint: Json) -> None:
        """Go on from a checkpoint of this run, or of the same thread before its graph changed."""
        if self.rarely():
            checkpoint = {
                **checkpoint,
                "v": self.draw(st.integers(1, 4)),
                "channel_values": {**checkpoint["channel_values"], "gone": 1},
                "channel_versions": {**checkpoint["channel_versions"], "gone": self.next_version()},
            }
            if checkpoint["channel_versions"]["gone"] is None:
                checkpoint["channel_versions"]["gone"] = self.version
            # LangGraph takes a reducer's channel without a value for one to rebuild from history,
            # which is its loop's business, not an engine's.
            kinds = {channel["name"]: channel["kind"] for channel in self.graph["channels"]}
            values = checkpoint["channel_values"]
            droppable = sorted(name for name in values if kinds.get(name) != "binary_operator")
            del values[self.draw(st.sampled_from(droppable))]
        self.tell({"do": "restore", "checkpoint": checkpoint})


def _path_text(path: Json) -> str:
    if isinstance(path, list):
        return "~" + ", ".join(_path_text(part) for part in path)
    return f"{path:010d}" if isinstance(path, int) else str(path)


@st.composite
def stories(draw: st.DrawFn, kinds: Sequence[str], featured: str) -> Scenario:
    """Draw a graph, a run of it, and the reference engine's answers.

    Args:
        draw: Hypothesis's.
        kinds: Channel kinds the graph may have.
        featured: The kind it surely has.
    """
    graph = draw(_graphs(kinds, featured))
    teller = _Storyteller(
        draw=draw,
        graph=graph,
        versions=draw(st.sampled_from(["int", "none", "text", "float"])),
        teller=Teller(find_engine("python"), graph),
    )
    teller.tell({"do": "restore"})
    teller.input()
    for _ in range(draw(st.integers(1, 4))):
        teller.superstep()
        if teller.flip():
            teller.look()
        if teller.rarely():
            teller.tell({"do": "see", "name": "__interrupt__"})
        if teller.rarely():
            teller.input()
        if teller.rarely():
            teller.restore(teller.save())
    teller.save()
    return Scenario(
        name="drawn",
        about=f"Drawn by Hypothesis around {featured} channels, and shrunk.",
        behavior=(),
        graph=graph,
        steps=tuple(teller.steps),
    )
