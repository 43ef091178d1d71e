"""A chat over several turns and threads: the saver remembers, `add_messages` gives ids and replaces by id."""

from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from parity.chat_model import ScriptedModel
from parity.steps import Env, History, Invoke, State, Step, Stream


def build(env: Env) -> Any:
    env.saver = MemorySaver()
    model = ScriptedModel(script=["Hello!", "You said it before.", "Bye."])

    def chat(state: MessagesState) -> dict[str, Any]:
        return {"messages": model.invoke(state["messages"])}

    async def achat(state: MessagesState) -> dict[str, Any]:
        return {"messages": await model.ainvoke(state["messages"])}

    graph = StateGraph(MessagesState)
    graph.add_node("chat", achat if env.is_async else chat)
    graph.add_edge(START, "chat")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"messages": [HumanMessage("hi")]}),
        Invoke({"messages": [HumanMessage("hi again", id="again"), ("user", "and again")]}),
        Stream({"messages": [HumanMessage("hi once more, edited", id="again")]}, mode="values"),
        Invoke({"messages": "somebody else"}, thread="thread-2"),
        State(),
        History(thread="thread-2"),
    ]
