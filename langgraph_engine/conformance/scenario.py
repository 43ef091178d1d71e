"""A scenario: a graph, then calls to an engine and what each must answer.

The format is documented in ``tests/scenarios/README.md``, which ships beside the scenarios.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from langgraph.types import Send

from langgraph_engine import upstream
from langgraph_engine.conformance.values import Json
from langgraph_engine.conformance.vocabulary import CUSTOM, REDUCERS
from langgraph_engine.protocol import ChannelSpec, GraphSpec, NodeSpec

__all__ = ["Scenario", "default_scenarios", "graph_spec", "load_scenarios", "needed_capabilities"]

_PACKAGED: Final = Path(__file__).with_name("scenarios")
_IN_TREE: Final = Path(__file__).parents[2] / "tests" / "scenarios"


@dataclass(frozen=True)
class Scenario:
    """One scenario file.

    Attributes:
        name: The file's name without its suffix.
        about: One sentence for the reader.
        behavior: The Behavior bullets it proves, ``"<method>: <bullet>"``.
        graph: The graph, as JSON.
        steps: The calls, as JSON.
    """

    name: str
    about: str
    behavior: tuple[str, ...]
    graph: Mapping[str, Json]
    steps: Sequence[Mapping[str, Json]] = field(default_factory=tuple)

    @classmethod
    def load(cls, path: Path) -> Scenario:
        """Read one file."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            name=content["name"],
            about=content["about"],
            behavior=tuple(content["behavior"]),
            graph=content["graph"],
            steps=tuple(content["steps"]),
        )

    def dump(self) -> str:
        """The file's text: one channel, node and step a line."""
        return (
            f'{{\n  "name": {_line(self.name)},\n  "about": {_line(self.about)},\n'
            f'  "behavior": {_lines(self.behavior, 2)},\n  "graph": {{\n'
            f'    "channels": {_lines(self.graph["channels"], 4)},\n'
            f'    "nodes": {_lines(self.graph["nodes"], 4)},\n'
            f'    "trigger_to_nodes": {_line(self.graph["trigger_to_nodes"])}\n  }},\n'
            f'  "steps": {_lines(self.steps, 2)}\n}}\n'
        )


def _line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(items: Iterable[Json], indent: int) -> str:
    inner = ",".join(f"\n{' ' * indent}  {_line(item)}" for item in items)
    return f"[{inner}\n{' ' * indent}]" if inner else "[]"


def default_scenarios() -> Path:
    """The folder of the scenarios that came with this package."""
    return _PACKAGED if _PACKAGED.is_dir() else _IN_TREE


def load_scenarios(folder: Path) -> list[Scenario]:
    """Read every scenario of a folder, sorted by name.

    Raises:
        ValueError: A file is not called what it says, or the folder has none.
    """
    scenarios = []
    for path in sorted(folder.glob("*.json")):
        scenario = Scenario.load(path)
        if scenario.name != path.stem:
            raise ValueError(f"{path.name} calls itself '{scenario.name}'")
        scenarios.append(scenario)
    if not scenarios:
        raise ValueError(f"no scenarios in {folder}")
    return scenarios


def graph_spec(graph: Mapping[str, Json]) -> GraphSpec:
    """Turn a scenario's graph into the protocol's."""
    return GraphSpec(
        channels=tuple(_channel(channel) for channel in graph["channels"]),
        nodes=tuple(_node(node) for node in graph["nodes"]),
        trigger_to_nodes={
            channel: tuple(nodes) for channel, nodes in graph["trigger_to_nodes"].items()
        },
        missing=upstream.MISSING,
        send_type=Send,
    )


def _channel(form: Mapping[str, Json]) -> ChannelSpec:
    name, kind = form["name"], form["kind"]
    if kind == "binary_operator":
        reducer = REDUCERS[form["reducer"]]
        return ChannelSpec(name, kind, fold=reducer, initial=reducer.initial)
    if kind == "custom":
        channel = CUSTOM[form["custom"]]()
        channel.key = name
        return ChannelSpec(name, kind, custom=channel)
    return ChannelSpec(
        name,
        kind,
        guard=form.get("guard", True),
        accumulate=form.get("accumulate", False),
        names=frozenset(form.get("names", ())),
    )


def _node(form: Mapping[str, Json]) -> NodeSpec:
    reads: Any = form["reads"]
    return NodeSpec(
        name=form["name"],
        triggers=tuple(form["triggers"]),
        reads=reads if isinstance(reads, str) else tuple(reads),
        runs=form.get("runs", True),
    )


def needed_capabilities(graph: Mapping[str, Json]) -> list[str]:
    """What an engine must declare to be given this graph, sorted.

    >>> needed_capabilities({"channels": [{"name": "x", "kind": "topic"}]})
    ['channel:topic']
    """
    return sorted({f"channel:{channel['kind']}" for channel in graph["channels"]})
