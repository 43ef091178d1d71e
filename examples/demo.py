"""Run the agent of ``agent.py`` on stock LangGraph and on every engine; compare, and time.

    python examples/demo.py

Each engine gets a process of its own, started with ``LANGGRAPH_ENGINE`` set and nothing else changed.
Every chunk that the agent streams, and every checkpoint it leaves, must be the one stock gives. Ids
that LangGraph draws at random are replaced by numbers in order of appearance, so that it still shows
when two of them should be the same and aren't.

Exits with 1 if anything differs, or if an engine that was asked for didn't do the work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

STOCK = "langgraph"
NATIVE = "rust"
ROUNDS = 3
SECONDS_PER_TIMING = 0.5
RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|\b[0-9a-f]{32}\b")


def main() -> int:
    """Compare the engines that are here."""
    parser = argparse.ArgumentParser(description="Compare engines on the example agent.")
    parser.add_argument("--engines", help="separated by commas; default: all that are installed")
    parser.add_argument("--process", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.process:
        print(json.dumps(be_one_engine()))
        return 0
    engines = [STOCK, *(args.engines.split(",") if args.engines else installed())]
    if NATIVE not in engines:
        print(why_no_native_engine())
    rounds: list[dict[str, dict[str, Any]]] = []
    for i in range(ROUNDS):
        print(f"round {i + 1} of {ROUNDS}: {', '.join(map(title, engines))}", flush=True)
        rounds.append({engine: in_a_process(engine) for engine in engines})
    differences = compared(engines, rounds[0])
    for sentence in differences:
        print(f"DIFFERENT: {sentence}")
    if not differences:
        shown = rounds[0][STOCK]["transcripts"]
        chunks = len(shown["sync"]) + len(shown["async"])
        kept = len(shown["checkpoints"])
        print(f"\nEqual everywhere: {chunks} streamed chunks and {kept} checkpoints.")
    print_times(engines, rounds)
    return 1 if differences else 0


def title(engine: str) -> str:
    """The engine's name as it is printed."""
    return "stock" if engine == STOCK else engine


def installed() -> list[str]:
    """The project's own engines that are installed here."""
    import langgraph_engine

    found = {engine.name for engine in langgraph_engine.engines()}
    return [name for name in ("python", "cffi", NATIVE) if name in found]


def why_no_native_engine() -> str:
    """One sentence for those who wonder where the fast engine is."""
    if shutil.which("cargo") is None:
        return "No Rust toolchain here (no cargo on the PATH): python engine only."
    return "The rust engine isn't installed here; `nox -s demo` builds it."


def in_a_process(engine: str) -> dict[str, Any]:
    """What one engine did: its transcripts, its times, and whose work it was."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LANGGRAPH_")}
    if engine != STOCK:
        environment |= {"LANGGRAPH_ENGINE": engine, "LANGGRAPH_ENGINE_UNSUPPORTED": "raise"}
    command = [sys.executable, __file__, "--process"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - this very file
    if done.returncode:
        sys.exit(f"the process of {title(engine)} failed, with exit code {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def compared(engines: list[str], answers: dict[str, dict[str, Any]]) -> list[str]:
    """What differs from stock, a sentence each."""
    found = []
    stock = answers[STOCK]["transcripts"]
    for engine in engines:
        answer = answers[engine]
        if answer["active"] != engine:
            found.append(f"{engine} was asked for, and {answer['active']} ran")
        if engine != STOCK and not answer["native_runs"]:
            found.append(f"{engine} did none of the runs itself")
        for part, expected in stock.items():
            for i, (ours, theirs) in enumerate(
                zip([*answer["transcripts"][part], None], [*expected, None], strict=False)
            ):
                if ours != theirs:
                    found.append(f"{engine}, {part} {i}:\n  stock {theirs}\n  here  {ours}")
                    break
    return found


def print_times(engines: list[str], rounds: list[dict[str, dict[str, Any]]]) -> None:
    """The table: milliseconds of the fastest run, and how many times faster than stock that is."""
    print(f"\n{'fastest run, ms':<34}" + "".join(f"{title(e):>18}" for e in engines))
    for what in rounds[0][STOCK]["ms"]:
        ms = {engine: min(r[engine]["ms"][what] for r in rounds) for engine in engines}
        times = {engine: f" ({ms[STOCK] / ms[engine]:.1f}x)" for engine in engines}
        times[STOCK] = ""
        cells = [f"{ms[engine]:.2f}{times[engine]}" for engine in engines]
        print(f"{what:<34}" + "".join(f"{cell:>18}" for cell in cells))
    print("Most of the agent's time is its model and its messages; the loop is LangGraph alone.")


# What follows runs in the process of one engine.


def be_one_engine() -> dict[str, Any]:
    """Run the agent, time it, and say who did the work."""
    import agent

    import langgraph_engine

    transcripts = {
        "sync": plain(list(agent.talk(agent.build(), "thread"))),
        "async": plain(asyncio.run(held_async(agent))),
        "checkpoints": plain(checkpoints(agent)),
    }
    compiled, loop = agent.build(), counting_loop()
    threads = iter(range(10**9))

    def streamed() -> None:
        for _ in agent.talk(compiled, str(next(threads))):
            pass

    async def streamed_async() -> None:
        async for _ in agent.talk_async(compiled, str(next(threads))):
            pass

    def invoked() -> None:
        config = {"configurable": {"thread_id": str(next(threads))}}
        for turn in agent.TURNS:
            compiled.invoke(turn, config)

    ms = {
        "agent, streamed": timed(streamed),
        "agent, streamed, async": timed_async(streamed_async),
        "agent, invoked": timed(invoked),
        "loop of 100 supersteps": timed(lambda: loop.invoke({"n": 0}, {"recursion_limit": 200})),
    }
    native = langgraph_engine.stats()["native"].get(langgraph_engine.active(), {})
    return {
        "active": langgraph_engine.active(),
        "native_runs": sum(native.values()),
        "transcripts": transcripts,
        "ms": ms,
    }


async def held_async(agent: Any) -> list[Any]:
    """Every chunk of the conversation, held asynchronously."""
    return [chunk async for chunk in agent.talk_async(agent.build(), "thread")]


def checkpoints(agent: Any) -> list[Any]:
    """Every checkpoint the conversation leaves, newest first."""
    compiled = agent.build()
    for _ in agent.talk(compiled, "thread"):
        pass
    history = compiled.get_state_history({"configurable": {"thread_id": "thread"}})
    return [state._replace(created_at=None) for state in history]


def counting_loop() -> Any:
    """A graph whose nodes do next to nothing, a hundred times."""
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        n: int

    graph = StateGraph(State)
    graph.add_node("step", lambda state: {"n": state["n"] + 1})
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda s: "step" if s["n"] < 100 else END, ["step", END])
    return graph.compile()


def plain(items: list[Any]) -> list[str]:
    """Text for each item, with random ids replaced by numbers in order of appearance."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"<id {len(numbers)}>")

    return [RANDOM_ID.sub(number, repr(item)) for item in items]


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of the fastest run: the one the rest of the machine disturbed least."""
    fastest = math.inf
    end = time.perf_counter() + SECONDS_PER_TIMING
    while time.perf_counter() < end:
        started = time.perf_counter()
        run()
        fastest = min(fastest, time.perf_counter() - started)
    return 1e3 * fastest


def timed_async(run: Callable[[], Any]) -> float:
    """The same for a coroutine function, in one event loop."""
    loop = asyncio.new_event_loop()
    try:
        return timed(lambda: loop.run_until_complete(run()))
    finally:
        loop.close()


if __name__ == "__main__":
    sys.exit(main())
