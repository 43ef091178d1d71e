"""A command that goes to nodes and sends packets at once, also from a router's answer and a tool."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from parity.steps import Env, Invoke, State, Step, Stream


class Log(TypedDict, total=False):
    jobs: list[str]
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def plan(state: Log) -> Command[Any]:
        packets = [Send("work", {"jobs": [job]}) for job in state["jobs"]]
        return Command(update={"log": ["plan"]}, goto=["note", *packets])

    def work(state: Log) -> Any:
        (job,) = state["jobs"]
        env.note("work", job)
        again = [Send("work", {"jobs": [job[:-1]]})] if len(job) > 1 else []
        return [{"log": [f"work {job}"]}, Command(goto=again)]

    def choose(state: Log) -> Any:
        return [END, Send("note", state)] if "note" not in state["log"] else END

    graph = StateGraph(Log)
    graph.add_node("plan", env.node(plan))
    graph.add_node("work", env.node(work))
    graph.add_node("note", env.node(lambda state: {"log": ["note"]}))
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("work", choose, ["note", END])
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    one = {"max_concurrency": 1}
    return [
        Invoke({"jobs": ["ab", "c"]}, config=one),
        Stream({"jobs": ["xyz"]}, config=one, mode=["values", "tasks"], thread="2"),
        State(thread="2"),
    ]
