"""A `Command` as input: an update, a way to go, both with an answer, and on a thread nobody used."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from parity.steps import Env, History, Invoke, State, Step, Stream

raises = (
    "EmptyInputError",
    "InvalidUpdateError",  # The update of the command before is still pending.
    "InvalidUpdateError",
    "InvalidUpdateError",  # No parent.
)


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    last: str


def build(env: Env) -> Any:
    def noted(name: str, **more: Any) -> Any:
        return env.node(lambda state: {"log": [f"{name} {state.get('last')}"], **more})

    graph = StateGraph(Log)
    graph.add_node("a", noted("a", last="a"))
    graph.add_node("ask", env.node(lambda state: {"log": [interrupt(state.get("last"))]}))
    graph.add_node("c", noted("c"))
    graph.add_node("aside", noted("aside"))
    for before, after in ((START, "a"), ("a", "ask"), ("ask", "c"), ("c", END)):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    both = Command(goto=["c", Send("aside", {"last": "sent"})], update={"log": ["both"]})
    return [
        Invoke(None, config=one_at_a_time),
        Invoke({}, config=one_at_a_time),
        Stream(
            Command(update={"last": "changed"}), mode=["updates", "values"], config=one_at_a_time
        ),
        State(),
        Invoke(Command(update={"last": "again"}, resume="yes"), config=one_at_a_time),
        State(),
        Invoke({"log": ["begin"]}, thread="2", config=one_at_a_time),
        Invoke(Command(update={"last": "changed"}, resume="yes"), thread="2", config=one_at_a_time),
        State(thread="2"),
        Stream(Command(goto="aside"), mode=["updates", "tasks"], thread="2", config=one_at_a_time),
        Stream(both, mode=["values", "checkpoints"], thread="2", config=one_at_a_time),
        Invoke(Command(update={"unknown": 1}), thread="2", config=one_at_a_time),
        Invoke(Command(graph=Command.PARENT, goto="a"), thread="2", config=one_at_a_time),
        Invoke(Command(goto="nowhere"), thread="2", config=one_at_a_time),
        History(thread="2"),
        Stream(Command(goto="c"), mode=["values", "checkpoints"], thread="3", config=one_at_a_time),
        History(thread="3"),
        Stream(both, mode=["values", "checkpoints"], thread="4", config=one_at_a_time),
        Invoke(
            Command(goto="aside", update=[("last", "as pairs"), ("log", ["pairs"])]),
            thread="5",
            config=one_at_a_time,
        ),
        State(thread="5"),
    ]
