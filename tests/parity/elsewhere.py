"""Programs that stop in the middle, to be taken up again by another engine, or by another process.

`python -m parity.elsewhere ENGINE PROGRAM FILE` starts one on an engine, with a SQLite saver, in a
process that dies in the middle of a superstep.
"""

from __future__ import annotations

import operator
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from .stillness import writes_saved_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.checkpoint.base import BaseCheckpointSaver

    Maker = Callable[[BaseCheckpointSaver[Any], Callable[[], None]], Any]

THREAD = {"configurable": {"thread_id": "1"}}
INPUT = {"log": ["begin"], "left": 2}
ANSWER: Command[Any] = Command(resume="yes")

PROGRAMS: dict[str, Maker] = {}
"""By name: makes a graph from a saver and the place where it may die. Each asks once, later on."""


def _program(make: Maker) -> Maker:
    PROGRAMS[make.__name__] = make
    return make


class Plain(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    left: int


def _joined(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(line for write in writes for line in write)]


class Delta(TypedDict, total=False):
    log: Annotated[list[str], DeltaChannel(_joined, snapshot_frequency=3)]
    left: int


def _looping(schema: Any, saver: Any, perhaps_die: Callable[[], None]) -> Any:
    """Fans out, dies with half of a superstep done, asks, goes round."""

    def work(number: int) -> Any:
        if number == 1:
            perhaps_die()
        return {"log": [f"work {number}"]}

    def ask(state: Any) -> Any:
        answer = interrupt(f"{len(state['log'])} lines; go on?")
        return {"log": [answer], "left": state["left"] - 1}

    def fan_out(state: Any) -> Any:
        return [Send("work", number) for number in range(3)] if state["left"] else END

    graph = StateGraph(schema)
    graph.add_node("work", work)
    graph.add_node("ask", ask)
    graph.add_node("again", lambda state: None)
    graph.add_conditional_edges(START, fan_out, ["work", END])
    graph.add_edge("work", "ask")
    graph.add_edge("ask", "again")
    graph.add_conditional_edges("again", fan_out, ["work", END])
    return graph.compile(checkpointer=saver)


@_program
def loop(saver: Any, perhaps_die: Callable[[], None]) -> Any:
    return _looping(Plain, saver, perhaps_die)


@_program
def loop_with_delta_channel(saver: Any, perhaps_die: Callable[[], None]) -> Any:
    return _looping(Delta, saver, perhaps_die)


@_program
def subgraphs(saver: Any, perhaps_die: Callable[[], None]) -> Any:
    """One subgraph dies and asks, another one keeps a memory of its own."""

    def fragile(state: Plain) -> Plain:
        perhaps_die()
        return {"log": ["survived"]}

    def remember(state: Delta) -> Delta:
        return {"log": [f"remembers {len(state.get('log', []))}"]}

    inner = StateGraph(Plain)
    inner.add_sequence(
        [
            ("note", lambda state: {"log": ["inner"]}),
            ("fragile", fragile),
            ("ask", lambda state: {"log": [interrupt("inner?")]}),
        ]
    )
    inner.add_edge(START, "note")
    memory = StateGraph(Delta)
    memory.add_node("remember", remember)
    memory.add_edge(START, "remember")
    outer = StateGraph(Delta)
    outer.add_sequence(
        [
            ("memory", memory.compile(checkpointer=True)),
            ("inner", inner.compile()),
            ("after", lambda state: {"left": 0}),
        ]
    )
    outer.add_edge(START, "memory")
    return outer.compile(checkpointer=saver)


@_program
def tasks(saver: Any, perhaps_die: Callable[[], None]) -> Any:
    """A functional program; what its finished tasks returned is not worked out again."""

    @task
    def length(line: str) -> int:
        return len(line)

    @task
    def fragile(number: int) -> str:
        perhaps_die()
        return f"{number} {interrupt('and?')}"

    @entrypoint(checkpointer=saver)
    def program(input: dict[str, Any], previous: Any = None) -> Any:
        total = length(input["log"][0]).result()
        return {"total": total, "said": fragile(total).result(), "before": previous}

    return program


def main() -> None:
    """Runs a program until it dies."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    import langgraph_engine

    engine, name, file = sys.argv[1:]
    langgraph_engine.install(engine, unsupported="raise")

    def die() -> None:
        time.sleep(0.2)  # a task's result may be had, on stock too, a moment before it is saved
        os._exit(9)

    with SqliteSaver.from_conn_string(file) as saver, writes_saved_at_once():
        graph = PROGRAMS[name](saver, die)
        graph.invoke(INPUT, THREAD, durability="sync")


if __name__ == "__main__":
    main()
