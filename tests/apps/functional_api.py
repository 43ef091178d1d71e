"""`@entrypoint` and `@task`: calls with results, `previous`, `entrypoint.final`, a retry and a failure."""

from typing import Any

from langgraph.func import entrypoint, task
from langgraph.types import RetryPolicy, StreamWriter
from parity.steps import Env, History, Invoke, State, Step, Stream

raises = ("ValueError",)


def build(env: Env) -> Any:
    tries: list[int] = []

    @task
    def square(n: int) -> int:
        env.note("square", n)
        return n * n

    @task(
        name="shaky", retry_policy=RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=3)
    )
    def unsteady(n: int) -> int:
        tries.append(n)
        if len(tries) % 2:
            raise ConnectionError("shaky")
        return n + 1

    @task
    def refuse(n: int) -> int:
        raise ValueError(f"{n} is too much")

    @task
    async def asquare(n: int) -> int:
        env.note("square", n)
        return n * n

    @entrypoint(checkpointer=env.saver)
    def total(numbers: list[int], *, previous: Any = None, writer: StreamWriter) -> Any:
        writer({"previous": previous})
        squares = [square(number).result() for number in numbers]
        result = sum(squares) + unsteady(previous or 0).result()
        if result > 1000:
            result = refuse(result).result()
        return entrypoint.final(value={"total": result}, save=result)

    @entrypoint(checkpointer=env.saver)
    async def atotal(numbers: list[int], *, previous: Any = None, writer: StreamWriter) -> Any:
        writer({"previous": previous})
        squares = [await asquare(number) for number in numbers]
        result = sum(squares) + await unsteady(previous or 0)
        if result > 1000:
            result = await refuse(result)
        return entrypoint.final(value={"total": result}, save=result)

    return atotal if env.is_async else total


def steps(env: Env) -> list[Step]:
    return [
        Invoke([1, 2, 3]),
        Stream([4], mode=["updates", "tasks", "custom"]),
        Stream([5], mode="values"),
        State(),
        Invoke([40]),
        History(),
    ]
