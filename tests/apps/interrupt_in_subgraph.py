"""An interrupt two graphs deep: what was done there before is not done again when it resumes."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def mark(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name)
            return {"log": [name]}

        return env.node(node)

    def ask(state: Log) -> Log:
        env.note("ask")
        return {"log": [f"{interrupt('how deep?')} deep"]}

    deep = StateGraph(Log)
    deep.add_sequence([("prepare", mark("prepare")), ("ask", env.node(ask))])
    deep.add_edge(START, "prepare")
    middle = StateGraph(Log)
    middle.add_node("deep", deep.compile())
    middle.add_edge(START, "deep")
    top = StateGraph(Log)
    top.add_sequence([("begin", mark("begin")), ("middle", middle.compile()), ("end", mark("end"))])
    top.add_edge(START, "begin")
    top.add_edge("end", END)
    return top.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    modes = ["updates", "values", "tasks"]
    return [
        Invoke({}),
        State(subgraphs=True),
        Invoke(Command(resume="very")),
        History(),
        Stream({}, mode=modes, subgraphs=True, thread="2"),
        Stream(Command(resume="quite"), mode=modes, subgraphs=True, thread="2"),
    ]
