"""``langgraph-engine bench``: a user's own graph on stock LangGraph and on engines."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph_engine import registry
from langgraph_engine.cli import named_graph
from langgraph_engine.errors import ConfigurationError
from langgraph_engine.installation import AUTO, requested_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langgraph_engine.bench.measure import Profile
    from langgraph_engine.bench.results import Line
    from langgraph_engine.cli.arguments import Arguments

__all__ = ["command"]

_DIFFERENCES_SHOWN = 5
_TURNS = 10


@dataclass
class _Findings:
    """What was found out about one graph.

    Attributes:
        wrong: What a user must know before looking at any time, a sentence each.
        notes: What puts the times into perspective, a sentence each.
        shares: By mode, the part of stock's time that passes inside nodes, from 0 to 1.
        lines: The times.
    """

    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


def command(arguments: Arguments) -> int:
    """Compare results, then times; 1 if an engine's result is not stock's, or it took no run."""
    from langgraph_engine.bench.user_graph import Target

    engines = _engines(arguments.engine)
    target = Target(
        arguments.graph or "",
        _json(arguments.input, "--input", "-" if arguments.input == "-" else None),
        _config(arguments.config),
    )
    named_graph.load(target.graph)
    modes = ["sync", "async"] if arguments.mode == "both" else [arguments.mode]
    found = _Findings()
    for mode in modes:
        _compare(target.text(), mode, engines, found)
    for sentence in found.notes:
        print(sentence)
    if not found.wrong:
        _time(target.text(), modes, engines, _profile(arguments), found)
    if arguments.json:
        _store(arguments.json, target.graph, found)
    for sentence in found.wrong:
        print(sentence)
    return 1 if found.wrong else 0


def _engines(asked: str | None) -> list[str]:
    """The engines to compare with stock; each is there, or the error says how to add it."""
    names = [name for name in (asked or requested_engine()).split(",") if name]
    names = [registry.best() if name == AUTO else name for name in names]
    if not names or registry.STOCK in names:
        raise ConfigurationError(
            "Stock LangGraph is always measured; name an engine to compare with it: --engine rust"
        )
    for name in names:
        registry.load(name)
    return list(dict.fromkeys(names))


def _json(name: str, option: str, stdin: str | None = None) -> Any:
    """What a JSON file holds, or standard input."""
    source = "standard input" if stdin else f"'{name}'"
    try:
        text = sys.stdin.read() if stdin else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{option}: {source} can't be read ({error.strerror}); name a JSON file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{option}: {source} is not UTF-8; store it as UTF-8") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{option}: {source} is not JSON: {error.msg} in line {error.lineno}, column "
            f"{error.colno}; write what the graph is invoked with as JSON"
        ) from error


def _config(name: str | None) -> dict[str, Any]:
    config = _json(name, "--config") if name else {}
    if not isinstance(config, dict):
        raise ConfigurationError(
            f"--config: '{name}' holds no JSON object; write a config such as "
            '{"recursion_limit": 100}'
        )
    return config


def _profile(arguments: Arguments) -> Profile:
    from langgraph_engine.bench.measure import Profile

    if arguments.runs:
        return Profile("runs", arguments.runs, 0, 0, float("inf"), fewest=arguments.runs)
    turn = arguments.seconds / _TURNS
    return Profile("seconds", _TURNS, turn, turn, float("inf"))


def _compare(target: str, mode: str, engines: list[str], found: _Findings) -> None:
    """Run the graph twice on stock and once on each engine, and compare what comes out."""
    from langgraph_engine.bench.canonical import differences
    from langgraph_engine.bench.processes import WorkerError, start

    request = {"workload": target, "asynchronous": mode == "async"}
    with ExitStack() as stack:
        # The nodes are watched in a process of their own, where the graph has not run before.
        watched, stock, *others = start(
            [registry.STOCK, registry.STOCK, *engines], stack, "fallback"
        )
        try:
            expected = stock.ask("answer", **request)["answer"]
            again = stock.ask("answer", **request)["answer"]
            share = watched.ask("nodes", **request)["share"]
        except WorkerError as error:
            raise ConfigurationError(
                f"The graph fails on stock LangGraph ({mode}): {error}; check --input, --config and "
                "--mode"
            ) from error
        unlike = next(differences(expected, again, ("the first run", "the second")), None)
        if unlike:
            found.notes.append(
                f"Stock's own results differ ({mode}), so none are compared: {unlike}"
            )
        if share is not None:
            found.shares[mode] = share
        for worker in others:
            try:
                answer = worker.ask("answer", **request)
            except WorkerError as error:
                found.wrong.append(f"{worker.engine} fails where stock doesn't ({mode}): {error}")
                continue
            found.wrong += [
                f"{worker.engine} hands this graph back to stock ({mode}): {reason}"
                for reason in answer["handed_back"]
            ]
            names = ("stock", worker.engine)
            unequal = list(differences(expected, answer["answer"], names)) if not unlike else []
            if unequal:
                found.wrong += _reported(worker.engine, mode, unequal)
            elif not unlike:
                print(f"{worker.engine} gives stock's result ({mode})")


def _reported(engine: str, mode: str, unequal: list[str]) -> Iterator[str]:
    yield f"{engine} gives another result than stock ({mode}):"
    for sentence in unequal[:_DIFFERENCES_SHOWN]:
        yield f"  {sentence}"
    if len(unequal) > _DIFFERENCES_SHOWN:
        yield f"  and {len(unequal) - _DIFFERENCES_SHOWN} more"


def _time(
    target: str, modes: list[str], engines: list[str], profile: Profile, found: _Findings
) -> None:
    """Time the graph, print a table, and say what there is to gain."""
    from langgraph_engine.bench import measure, results

    cases = [measure.Case(target, mode == "async") for mode in modes]
    names = [registry.STOCK, *engines]
    with _progress(len(cases)) as advance:
        timings = measure.measure(cases, names, profile, lambda _: None, advance)
    found.lines = results.lines(timings)
    print(f"\n{'mode':<7}{'engine':<12}{'per run':>12}{'spread':>12}{'times stock':>14}")
    for line in found.lines:
        ratio = "" if line.engine == registry.STOCK else f"{line.times_stock:.2f}x"
        times = f"{results.duration(line.median_us):>12}{results.duration(line.spread_us):>12}"
        print(f"{line.case.mode:<7}{results.title(line.engine):<12}{times}{ratio:>14}")
        if line.error:
            found.wrong.append(f"{line.engine} failed ({line.case.mode}): {line.error}")
    for mode in modes:
        print(_to_gain(mode, found.shares.get(mode)))


def _to_gain(mode: str, share: float | None) -> str:
    """What any engine could gain at most, given the nodes' part of stock's time."""
    if share is None:
        return f"How much of the time passes in nodes can't be told of this graph ({mode})."
    if share < 0.05:
        return f"Nodes take less than 5% of stock's time ({mode}): nearly all of it is LangGraph's own."
    share = min(share, 1.0)
    said = f"take {share:.0%} of stock's time ({mode}): at most {1 / share:.2f}x is to be had."
    return f"There is little to gain: nodes {said}" if share >= 0.5 else f"Nodes {said}"


@contextmanager
def _progress(parts: int) -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error, if that is a terminal and rich is installed."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ModuleNotFoundError:
        yield lambda _: None
        return
    done = 0
    console = Console(stderr=True)
    # Redrawn between turns only: a thread that draws would take time from what is timed.
    with Progress(
        console=console, transient=True, auto_refresh=False, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("timing", total=parts)

        def advance(part: float) -> None:
            nonlocal done
            bar.update(task, completed=done + part, refresh=True)
            done += part == 1

        yield advance


def _store(file: str, graph: str, found: _Findings) -> None:
    plain = {
        "graph": graph,
        "wrong": found.wrong,
        "notes": found.notes,
        "nodes_share": found.shares,
        "results": [
            {
                "mode": line.case.mode,
                "engine": line.engine,
                "median_us": line.median_us,
                "spread_us": line.spread_us,
                "times_stock": line.times_stock,
                "error": line.error,
            }
            for line in found.lines
        ],
    }
    try:
        Path(file).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"--json: '{file}' can't be written ({error.strerror}); name another file"
        ) from error
