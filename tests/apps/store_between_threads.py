"""What one thread puts into the store another one finds, with searches, deletions and namespaces."""

from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.store.base import BaseStore
from parity.steps import Env, Invoke, Step, Stream


class Note(TypedDict, total=False):
    say: str
    known: list[str]


def build(env: Env) -> Any:
    def remember(state: Note, config: RunnableConfig, *, store: BaseStore) -> None:
        user = config["configurable"]["user"]
        if state["say"] == "forget":
            for item in store.search(("notes", user)):
                store.delete(("notes", user), item.key)
        else:
            store.put(("notes", user), state["say"], {"said": state["say"]})

    async def aremember(state: Note, config: RunnableConfig, *, store: BaseStore) -> None:
        user = config["configurable"]["user"]
        if state["say"] == "forget":
            for item in await store.asearch(("notes", user)):
                await store.adelete(("notes", user), item.key)
        else:
            await store.aput(("notes", user), state["say"], {"said": state["say"]})

    def recall(state: Note, config: RunnableConfig, *, store: BaseStore) -> Note:
        found = store.search(("notes", config["configurable"]["user"]))
        return {"known": sorted(item.value["said"] for item in found)}

    async def arecall(state: Note, config: RunnableConfig, *, store: BaseStore) -> Note:
        found = await store.asearch(("notes", config["configurable"]["user"]))
        return {"known": sorted(item.value["said"] for item in found)}

    graph = StateGraph(Note)
    graph.add_node("remember", aremember if env.is_async else remember)
    graph.add_node("recall", arecall if env.is_async else recall)
    graph.add_edge(START, "remember")
    graph.add_edge("remember", "recall")
    return graph.compile(checkpointer=env.saver, store=env.store)


def steps(env: Env) -> list[Step]:
    ada: dict[str, Any] = {"configurable": {"user": "ada"}}
    bob: dict[str, Any] = {"configurable": {"user": "bob"}}
    return [
        Invoke({"say": "one"}, thread="1", config=ada),
        Stream({"say": "two"}, thread="2", config=ada, mode=["updates", "debug"]),
        Invoke({"say": "three"}, thread="3", config=bob),
        Invoke({"say": "forget"}, thread="4", config=ada),
        Invoke({"say": "four"}, thread="3", config=bob),
    ]
