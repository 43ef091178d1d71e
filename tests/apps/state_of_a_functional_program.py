"""A functional program's state: while it waits, when it is done, what it returns and what it keeps."""

from typing import Any

from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, State, Step, Update


def build(env: Env) -> Any:
    @task
    def double(number: int) -> int:
        return number * 2

    @entrypoint(checkpointer=env.saver)
    def work(number: int, *, previous: int | None = None) -> Any:
        doubled = double(number).result()
        extra = interrupt(f"how much more than {doubled}?")
        total = doubled + extra + (previous or 0)
        return entrypoint.final(value={"total": total}, save=total)

    @entrypoint(checkpointer=env.saver)
    async def awork(number: int, *, previous: int | None = None) -> Any:
        doubled = await double(number)
        extra = interrupt(f"how much more than {doubled}?")
        total = doubled + extra + (previous or 0)
        return entrypoint.final(value={"total": total}, save=total)

    return awork if env.is_async else work


def steps(env: Env) -> list[Step]:
    return [
        Invoke(2),
        State(),
        Invoke(Command(resume=1)),
        State(),
        Update({"total": 100}),
        State(),
        Invoke(3),
        State(),
        History(),
    ]
