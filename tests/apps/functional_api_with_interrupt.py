"""A functional program that asks a person: tasks that are done are not done again when it resumes."""

from typing import Any

from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, State, Step, Stream


def build(env: Env) -> Any:
    @task
    def write(topic: str) -> str:
        env.note("write", topic)
        return f"an essay about {topic}"

    @task
    def review(text: str) -> str:
        return f"{text}, {interrupt({'please review': text})}"

    @entrypoint(checkpointer=env.saver)
    def essay(topic: str) -> dict[str, Any]:
        draft = write(topic).result()
        title = interrupt("title?")
        return {"title": title, "text": review(draft).result()}

    @entrypoint(checkpointer=env.saver)
    async def aessay(topic: str) -> dict[str, Any]:
        draft = await write(topic)
        title = interrupt("title?")
        return {"title": title, "text": await review(draft)}

    return aessay if env.is_async else essay


def steps(env: Env) -> list[Step]:
    modes = ["updates", "values", "tasks"]
    return [
        Invoke("cats"),
        State(),
        Stream(Command(resume="On Cats"), mode=modes),
        Stream(Command(resume="well done"), mode=modes),
        State(),
    ]
