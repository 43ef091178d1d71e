"""A graph on a server as a node of this one: its chunks, its interrupts, its errors, its commands."""

from types import SimpleNamespace
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk.schema import StreamPart
from parity.steps import Env, Invoke, State, Step, Stream

raises = ("ParentCommand", "RemoteException")


class Ask(TypedDict, total=False):
    question: str
    answer: str


def parts(question: str) -> list[StreamPart]:
    """What the server sends."""
    answered = {"question": question, "answer": f"{question}!"}
    asked = {"value": "which?", "id": "0" * 32}
    return {
        "what": [
            StreamPart("custom", {"thinking": True}),
            StreamPart("updates|inner:1", {"think": {"answer": "hm"}}),
            StreamPart("updates", {"think": {"answer": "what!"}}),
            StreamPart("values", answered),
        ],
        "ask": [StreamPart("updates", {"__interrupt__": [asked]})],
        "fail": [StreamPart("error", {"error": "ValueError", "message": "no"})],
        "leave": [StreamPart("command", {"graph": "__parent__", "goto": "left"})],
    }[question]


def build(env: Env) -> Any:
    def heard(**request: Any) -> list[StreamPart]:
        kept = ("input", "command", "stream_mode", "assistant_id", "stream_subgraphs")
        env.note("request", {key: request[key] for key in kept})
        return parts((request["input"] or {"question": "what"})["question"])

    async def aheard(**request: Any) -> Any:
        for part in heard(**request):
            yield part

    remote = RemoteGraph(
        "thinker",
        sync_client=SimpleNamespace(runs=SimpleNamespace(stream=heard)),  # type: ignore[arg-type]
        client=SimpleNamespace(runs=SimpleNamespace(stream=aheard)),  # type: ignore[arg-type]
    )
    graph = StateGraph(Ask)
    graph.add_node("remote", remote)
    graph.add_node("left", env.node(lambda state: {"answer": "left"}))
    graph.add_edge(START, "remote")
    graph.add_edge("remote", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    modes = ["custom", "updates", "values"]
    return [
        Invoke({"question": "what"}, thread="1"),
        Stream({"question": "what"}, mode=modes, subgraphs=True, thread="2"),
        Stream({"question": "ask"}, mode="updates", thread="3"),
        State(thread="3"),
        Invoke(Command(resume="this"), thread="3"),
        Invoke({"question": "leave"}, thread="4"),
        Invoke({"question": "fail"}, thread="5"),
    ]
