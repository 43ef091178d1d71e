"""`entrypoint.final` returns one thing and saves another; `previous` is what was saved; entrypoints nest."""

from typing import Any

from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream


def build(env: Env) -> Any:
    @task
    def add(left: int, right: int) -> int:
        return left + right

    @entrypoint()
    def twice(number: int) -> int:
        return add(number, number).result()

    @entrypoint()
    async def atwice(number: int) -> int:
        return await add(number, number)

    def finished(number: int, total: int, previous: Any) -> Any:
        env.note("previous", previous)
        factor = interrupt("factor?") if total > 10 else 1
        return entrypoint.final(value=f"{number} made {total * factor}", save=total)

    @entrypoint(checkpointer=env.saver)
    def program(number: int, *, previous: Any = None) -> Any:
        total = add(twice.invoke(number), previous or 0).result()
        return finished(number, total, previous)

    @entrypoint(checkpointer=env.saver)
    async def aprogram(number: int, *, previous: Any = None) -> Any:
        total = await add(await atwice.ainvoke(number), previous or 0)
        return finished(number, total, previous)

    return aprogram if env.is_async else program


def steps(env: Env) -> list[Step]:
    return [
        Invoke(1),
        Stream(3, mode=["updates", "values", "tasks"]),
        Invoke(4),
        State(),
        Invoke(Command(resume=10)),
        History(options={"limit": 2}),
    ]
