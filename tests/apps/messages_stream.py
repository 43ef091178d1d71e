"""`stream_mode="messages"`: tokens of a model called in a node, messages returned by nodes, a silent model."""

from typing import Any

from langchain_core.messages import AIMessage
from langgraph.constants import TAG_NOSTREAM
from langgraph.graph import END, START, MessagesState, StateGraph
from parity.chat_model import ScriptedModel
from parity.steps import Env, Invoke, Step, Stream


def build(env: Env) -> Any:
    poet = ScriptedModel(script=["roses are red", "violets are blue"], name_of_ids="poet")
    critic = ScriptedModel(script=["rather good"], name_of_ids="critic").with_config(
        tags=["critic"]
    )
    silent = ScriptedModel(script=["unheard"], name_of_ids="silent").with_config(
        tags=[TAG_NOSTREAM]
    )

    def speak(model: Any) -> Any:
        def node(state: MessagesState) -> dict[str, Any]:
            return {"messages": [model.invoke(state["messages"])]}

        async def anode(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        return anode if env.is_async else node

    review = StateGraph(MessagesState)
    review.add_node("critic", speak(critic))
    review.add_edge(START, "critic")

    graph = StateGraph(MessagesState)
    graph.add_node("poet", speak(poet))
    graph.add_node("review", review.compile())
    graph.add_node("silent", speak(silent))
    graph.add_node("closing", lambda state: {"messages": AIMessage("the end", id="closing")})
    names = ["poet", "review", "silent", "closing"]
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    ask = {"messages": [{"role": "user", "content": "a poem please", "id": "ask"}]}
    return [
        Stream(ask, mode="messages"),
        Stream({"messages": "another"}, mode=["messages", "updates"], subgraphs=True),
        Invoke(ask, thread="2"),
    ]
