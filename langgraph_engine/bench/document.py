"""What was measured, as JSON that pyperf reads as well, with what it was measured on.

The file is a pyperf suite: a benchmark for each engine on each case, named ``chain sync rust``, whose values are
the turns, in seconds per unit. ``pyperf stats`` and ``pyperf compare_to`` take it. The key ``langgraph_engine``
holds what pyperf has no place for.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from langgraph_engine.bench.measure import Case, Memory, Profile, Timing
from langgraph_engine.bench.results import lines
from langgraph_engine.bench.workloads import BY_NAME
from langgraph_engine.versions import installed_version

__all__ = ["Document", "NotAResultError", "document", "load", "store"]

_FORMAT: Final = 2
_KEY: Final = "langgraph_engine"
_DISTRIBUTIONS: Final = (
    "langgraph",
    "langgraph-checkpoint",
    "langchain-core",
    "langgraph-engine",
    "langgraph-engine-python",
    "langgraph-engine-rust",
    "langgraph-engine-cffi",
)
_OF_INTEREST: Final = (
    "cpu_model_name",
    "cpu_count",
    "cpu_affinity",
    "cpu_config",
    "platform",
    "python_implementation",
    "python_version",
    "timer",
)
"""What pyperf says of a machine that a reader may want; the rest names the machine itself."""


class NotAResultError(Exception):
    """A file isn't what `store` writes."""


@dataclass(frozen=True)
class Document:
    """Everything of one run.

    Attributes:
        machine: What pyperf knows of the machine, and the load when all was measured.
        versions: Of the distributions that take part.
        profile: How long was measured.
        command: What was asked for.
    """

    timings: list[Timing]
    memories: list[Memory]
    machine: dict[str, str]
    versions: dict[str, str]
    profile: Profile
    command: str


def document(
    timings: list[Timing], memories: list[Memory], profile: Profile, command: str
) -> Document:
    """What was measured, and what it was measured on."""
    import pyperf

    # pyperf collects what it knows of a machine when it makes a run.
    known = pyperf.Run([1.0]).get_metadata()
    machine = {name: str(known[name]) for name in _OF_INTEREST if name in known}
    if hasattr(os, "getloadavg"):
        machine["load_average"] = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    found = {name: installed_version(name) for name in _DISTRIBUTIONS}
    versions = {name: version for name, version in found.items() if version}
    return Document(timings, memories, machine, versions, profile, command)


def store(measured: Document, path: Path) -> None:
    """Write the JSON file."""
    text = io.StringIO()
    _suite(measured.timings).dump(text)
    plain = json.loads(text.getvalue())
    plain[_KEY] = {
        "format": _FORMAT,
        "command": measured.command,
        "profile": asdict(measured.profile),
        "machine": measured.machine,
        "versions": measured.versions,
        "timings": [_with_case(timing) for timing in measured.timings],
        "memory": [_with_case(memory) for memory in measured.memories],
        "summary": [
            {
                "workload": line.case.workload,
                "mode": line.case.mode,
                **{k: v for k, v in asdict(line).items() if k != "case"},
            }
            for line in lines(measured.timings)
        ],
    }
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _suite(timings: Sequence[Timing]) -> Any:
    import pyperf

    benchmarks = []
    for timing in timings:
        if timing.seconds:
            workload = BY_NAME.get(timing.case.workload)
            metadata = {
                "name": f"{timing.case.workload} {timing.case.mode} {timing.engine}",
                "unit": "second",
                "per": workload.unit if workload else "run",
            }
            benchmarks.append(
                pyperf.Benchmark(
                    [pyperf.Run(list(timing.seconds), metadata=metadata, collect_metadata=False)]
                )
            )
    return pyperf.BenchmarkSuite(benchmarks)


def _with_case(found: Timing | Memory) -> dict[str, Any]:
    return {**asdict(found), "case": [found.case.workload, found.case.mode]}


def load(path: Path) -> Document:
    """Read a file that `store` wrote.

    Raises:
        NotAResultError: It is not there, it is another file, or of another format.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotAResultError(f"{path} can't be read as JSON: {error}") from error
    plain = stored.get(_KEY, {}) if isinstance(stored, dict) else {}
    if plain.get("format") != _FORMAT:
        raise NotAResultError(
            f"{path} is no result of this benchmark, or one of another version; measure again"
        )
    profile = plain["profile"]
    return Document(
        timings=[
            replace(Timing(**_cased(t)), seconds=tuple(t["seconds"])) for t in plain["timings"]
        ],
        memories=[Memory(**_cased(m)) for m in plain["memory"]],
        machine=plain["machine"],
        versions=plain["versions"],
        profile=Profile(**{**profile, "memory": tuple(profile["memory"])}),
        command=plain["command"],
    )


def _cased(plain: dict[str, Any]) -> dict[str, Any]:
    workload, mode = plain["case"]
    return {**plain, "case": Case(workload, mode == "async")}
