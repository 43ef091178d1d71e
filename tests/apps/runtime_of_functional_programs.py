"""What an entrypoint and its tasks are given: config, writer, store, context, runtime, previous result."""

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.runtime import Runtime, get_runtime
from langgraph.store.base import BaseStore
from langgraph.types import StreamWriter
from parity.steps import Env, Invoke, Step, Stream


@dataclass
class Context:
    user: str


def build(env: Env) -> Any:
    def part(number: int) -> str:
        get_stream_writer()({"part": number})
        return f"{number} for {get_runtime(Context).context.user}"

    wrapped: Any = task(name="part of it")(env.node(part))

    def begin(config: Any, store: Any, runtime: Any, previous: Any) -> None:
        env.note("thread", config["configurable"]["thread_id"])
        env.note("metadata", sorted(config["metadata"]))
        env.note("same store", runtime.store is store)
        env.note("previous", [previous, runtime.previous])

    @entrypoint(checkpointer=env.saver, store=env.store, context_schema=Context)
    def program(
        count: int,
        *,
        config: RunnableConfig,
        writer: StreamWriter,
        store: BaseStore,
        runtime: Runtime[Context],
        previous: Any = None,
    ) -> list[str]:
        begin(config, store, runtime, previous)
        writer("begin")
        return [wrapped(number).result() for number in range(count)]

    @entrypoint(checkpointer=env.saver, store=env.store, context_schema=Context)
    async def aprogram(
        count: int,
        *,
        config: RunnableConfig,
        writer: StreamWriter,
        store: BaseStore,
        runtime: Runtime[Context],
        previous: Any = None,
    ) -> list[str]:
        begin(config, store, runtime, previous)
        writer("begin")
        return [await wrapped(number) for number in range(count)]

    return aprogram if env.is_async else program


def steps(env: Env) -> list[Step]:
    ada = {"context": Context("Ada")}
    return [
        Invoke(1, options=ada, config={"metadata": {"own": 1}}),
        Stream(2, mode=["custom", "updates", "tasks"], options=ada),
        Stream(1, mode="debug", options={"context": {"user": "Bob"}}),
    ]
