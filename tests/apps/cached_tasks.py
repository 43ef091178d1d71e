"""Functional tasks with a cache and retries: keys of their own, clearing, failures that aren't kept."""

from typing import Any

from langgraph.cache.memory import InMemoryCache
from langgraph.func import entrypoint, task
from langgraph.types import CachePolicy, RetryPolicy
from parity.steps import Do, Env, Invoke, Step, Stream

raises = ("ConnectionError",)


def build(env: Env) -> Any:
    failures = [ConnectionError("once"), ConnectionError("twice")]
    policy = CachePolicy(key_func=lambda word: word.lower())
    retry = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=2)

    def length(word: str) -> int:
        env.note("length", word)
        if word == "fragile" and failures:
            raise failures.pop(0)
        return len(word)

    counted: Any = task(cache_policy=policy, retry_policy=retry)(env.node(length))
    env.counted = counted  # type: ignore[attr-defined]

    @entrypoint(checkpointer=env.saver, cache=InMemoryCache())
    def program(words: list[str]) -> list[int]:
        return [counted(word).result() for word in words]

    @entrypoint(checkpointer=env.saver, cache=InMemoryCache())
    async def aprogram(words: list[str]) -> list[int]:
        return [await counted(word) for word in words]

    return aprogram if env.is_async else program


def steps(env: Env) -> list[Step]:
    def clear(graph: Any, config: dict[str, Any]) -> Any:
        counted = env.counted  # type: ignore[attr-defined]
        return (
            counted.aclear_cache(graph.cache) if env.is_async else counted.clear_cache(graph.cache)
        )

    return [
        Invoke(["one", "ONE", "three"], thread="1"),
        Stream(["one", "three", "four"], mode=["updates", "tasks"], thread="2"),
        Invoke(["fragile"], thread="3"),
        Invoke(["fragile"], thread="4"),
        Do(function=clear),
        Invoke(["one", "fragile"], thread="5"),
    ]
