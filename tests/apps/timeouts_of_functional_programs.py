"""Timeouts of tasks and of a functional program: given up, tried again, and kept by those that are in time."""

import asyncio
from typing import Any

from langgraph.errors import NodeTimeoutError
from langgraph.func import entrypoint, task
from langgraph.types import RetryPolicy, TimeoutPolicy
from parity.steps import Env, Invoke, State, Step, Stream

modes = ("async",)
raises = ("NodeTimeoutError", "NodeTimeoutError")


def build(env: Env) -> Any:
    slow = iter([True])
    again = RetryPolicy(initial_interval=0.001, jitter=False)

    @task
    async def quick(word: str) -> str:
        env.note("quick", word)
        return word.upper()

    @task(timeout=0.2, retry_policy=again)
    async def slow_once(word: str) -> str:
        env.note("slow_once", word)
        if next(slow, False):
            await asyncio.Event().wait()
        return word * 2

    @task(timeout=TimeoutPolicy(run_timeout=0.2))
    async def never(word: str) -> str:
        env.note("never", word)
        await asyncio.Event().wait()
        return word

    @entrypoint(checkpointer=env.saver, timeout=5)
    async def program(words: list[str]) -> list[str]:
        done = []
        for word in words:
            work = {"never": never, "slow": slow_once}.get(word, quick)
            try:
                done.append(await work(word))
            except NodeTimeoutError as error:
                env.note("in time?", error)
                if words[0] != "caught":
                    raise
        return done

    return program


def steps(env: Env) -> list[Step]:
    return [
        Invoke(["one", "slow"]),
        Stream(["one", "never"], mode=["updates", "tasks"], thread="2"),
        State(thread="2"),
        Invoke(None, thread="2"),
        Invoke(["caught", "never", "two"], thread="3"),
    ]
