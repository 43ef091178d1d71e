"""Tells a scenario to an engine and compares the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph_engine.conformance.scenario import Scenario, graph_spec
from langgraph_engine.conformance.values import Json, decode, encode, same, text
from langgraph_engine.conformance.vocabulary import ReducerFailed
from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import CommitRejected, Engine, Run, Task, TaskWrites

__all__ = ["Mismatch", "Teller", "replay", "task_path"]


@dataclass
class Mismatch(AssertionError):  # noqa: N818 - a finding
    """An engine's answer is not the scenario's.

    Attributes:
        scenario: Its name.
        index: Which step, from 0.
        step: The step, with what it expects.
        actual: What the engine answered.
    """

    scenario: str
    index: int
    step: Mapping[str, Json]
    actual: Json

    def __str__(self) -> str:
        asked = {key: value for key, value in self.step.items() if key != "expect"}
        return (
            f"scenario '{self.scenario}', step {self.index}: {text(asked)}\n"
            f"  expected {text(self.step.get('expect'))}\n"
            f"  answered {text(self.actual)}"
        )


def replay(engine: Engine, scenario: Scenario) -> None:
    """Tell ``engine`` the whole scenario.

    Raises:
        Mismatch: An answer differs from what the scenario expects.
    """
    teller = Teller(engine, scenario.graph)
    for index, step in enumerate(scenario.steps):
        actual = teller.tell(step)
        if not _agrees(step, actual):
            raise Mismatch(scenario.name, index, step, actual)


def _agrees(step: Mapping[str, Json], actual: Json) -> bool:
    expected = step.get("expect")
    if expected is not None and "refused" in expected:
        refused = actual.get("refused") if actual else None
        return refused is not None and expected["refused"]["mentions"] in refused["message"]
    if step["do"] in ("read", "checkpoint") and expected and "value" in expected:
        return list(actual) == ["value"] and same(expected["value"], actual["value"], ordered=True)
    return same(expected, actual)


class Teller:
    """Carries out the steps of a scenario on one engine, one at a time."""

    def __init__(self, engine: Engine, graph: Mapping[str, Json]) -> None:
        self._engine = engine
        self._graph = graph
        self._program: Any = None
        self._run: Run | None = None
        self._kept: dict[str, Any] = {}

    @property
    def run(self) -> Run:
        """The run the steps talk to."""
        assert self._run is not None, "a scenario restores before anything else"
        return self._run

    def tell(self, step: Mapping[str, Json]) -> Json:
        """Carry out one step.

        Returns:
            The answer in the form of the step's ``expect``; None for a step without an answer.
        """
        carry_out: Callable[[Mapping[str, Json]], Json] = {
            "compile": self._compile,
            "restore": self._restore,
            "plan": self._plan,
            "push": self._push,
            "commit": self._commit,
            "read": self._read,
            "state": self._state,
            "max_version": self._max_version,
            "see": self._see,
            "unseen": self._unseen,
            "checkpoint": self._checkpoint,
            "kept": self._recall,
        }[step["do"]]
        try:
            return carry_out(step)
        except CommitRejected as refusal:
            return {
                "rejected": {
                    "reason": refusal.reason,
                    "channel": refusal.channel,
                    "value": encode(refusal.value),
                }
            }
        except ReducerFailed:
            return {"error": "reducer"}

    def _compile(self, _: Mapping[str, Json]) -> Json:
        try:
            self._program = self._engine.compile(graph_spec(self._graph))
        except ProtocolError as error:
            return {"refused": {"message": str(error)}}
        return None

    def _restore(self, step: Mapping[str, Json]) -> Json:
        if self._program is None:
            self._compile(step)
        checkpoint = decode(step["checkpoint"]) if "checkpoint" in step else None
        self._run = self._program.restore(checkpoint)
        self._keep(step, checkpoint)
        return None

    def _plan(self, step: Mapping[str, Json]) -> Json:
        updated = step["updated"]
        plan = self.run.plan(
            step["step"],
            step["checkpoint_id"],
            step["namespace"],
            None if updated is None else set(updated),
        )
        return {
            "tasks": [_task(task) for task in plan.tasks],
            "ignored": [[reason, encode(packet)] for reason, packet in plan.ignored],
        }

    def _push(self, step: Mapping[str, Json]) -> Json:
        task = self.run.push(
            step["name"],
            task_path(step["path"]),
            tuple(step["parts"]),
            step["step"],
            step["checkpoint_id"],
            step["namespace"],
        )
        return {"task": _task(task)}

    def _commit(self, step: Mapping[str, Json]) -> Json:
        writes = [
            TaskWrites(
                task_path(task["path"]),
                task["name"],
                [(channel, decode(value)) for channel, value in task["writes"]],
                tuple(task["triggers"]),
            )
            for task in step["writes"]
        ]
        committed = self.run.commit(writes, step["version"])
        return {
            "updated": sorted(committed.updated),
            "unknown": [[name, _plain(path), channel] for name, path, channel in committed.unknown],
        }

    def _read(self, step: Mapping[str, Json]) -> Json:
        keys = step["keys"]
        writes = step.get("writes")
        try:
            value = self.run.read(
                keys if isinstance(keys, str) else tuple(keys),
                None if writes is None else [(name, decode(value)) for name, value in writes],
            )
        except KeyError:
            return {"error": "unknown_channel"}
        return {"value": encode(value)}

    def _state(self, step: Mapping[str, Json]) -> Json:
        return {"value": encode(self.run.state(step["name"]))}

    def _max_version(self, _: Mapping[str, Json]) -> Json:
        return {"value": self.run.max_version()}

    def _see(self, step: Mapping[str, Json]) -> Json:
        self.run.see(step["name"])

    def _unseen(self, step: Mapping[str, Json]) -> Json:
        return {"value": self.run.unseen(step["name"])}

    def _checkpoint(self, step: Mapping[str, Json]) -> Json:
        updated = step["updated"]
        checkpoint = self.run.checkpoint(
            step["checkpoint_id"], step["timestamp"], None if updated is None else set(updated)
        )
        self._keep(step, checkpoint)
        return {"value": encode(checkpoint)}

    def _recall(self, step: Mapping[str, Json]) -> Json:
        return {"value": encode(self._kept[step["name"]])}

    def _keep(self, step: Mapping[str, Json], value: Any) -> None:
        if "keep" in step:
            self._kept[step["keep"]] = value


def task_path(form: Json) -> tuple[Any, ...]:
    """A task path from its JSON: arrays are tuples, all the way down."""
    return tuple(task_path(part) if isinstance(part, list) else part for part in form)


def _plain(path: Any) -> Json:
    return [_plain(part) if isinstance(part, tuple) else part for part in path]


def _task(task: Task) -> Json:
    return {
        "id": task.id,
        "name": task.name,
        "path": _plain(task.path),
        "triggers": list(task.triggers),
        "input": encode(task.input),
        "namespace": task.namespace,
    }
