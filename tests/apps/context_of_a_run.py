"""The context of a run: checked against its schema, seen by nodes, routers, subgraphs and tools."""

from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime, get_runtime
from parity.steps import Env, Invoke, Step, Stream

raises = ("TypeError",)


@dataclass
class Context:
    user: str
    level: int = 1


class Greeting(TypedDict, total=False):
    text: str


def build(env: Env) -> Any:
    def greet(state: Greeting, runtime: Runtime[Context]) -> Greeting:
        env.note("context", runtime.context)
        return {"text": f"hello {runtime.context.user}"}

    def shout(state: Greeting) -> Greeting:
        context = get_runtime(Context).context
        return {"text": state["text"].upper() + "!" * context.level}

    def loud(state: Greeting, runtime: Runtime[Context]) -> str:
        return "inner" if runtime.context.level > 1 else END

    inner = StateGraph(Greeting, context_schema=Context)
    inner.add_node("shout", env.node(shout))
    inner.add_edge(START, "shout")
    graph = StateGraph(Greeting, context_schema=Context)
    graph.add_node("greet", env.node(greet))
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "greet")
    graph.add_conditional_edges("greet", loud, ["inner", END])
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({}, options={"context": Context("Ada")}),
        Invoke({}, options={"context": {"user": "Bob", "level": 3}}),
        Stream({}, mode=["updates", "debug"], options={"context": Context("Eve", 2)}),
        Invoke({}, options={"context": {"name": "nobody"}}),
    ]
