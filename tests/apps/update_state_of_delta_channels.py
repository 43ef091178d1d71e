"""Updates of delta channels: fresh threads, as END, input and copy, in bulk, overwriting, at old checkpoints."""

from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Overwrite, StateUpdate
from parity.steps import BulkUpdate, Env, History, Invoke, Later, State, Step, Update

raises = ("InvalidUpdateError",)


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(item for write in writes for item in write)]


def merge(state: list[AnyMessage], writes: list[Any]) -> list[AnyMessage]:
    for write in writes:
        state = add_messages(state, write)  # type: ignore[assignment, arg-type]
    return state


class Log(TypedDict, total=False):
    turn: int
    lines: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=3)]
    rare: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=50)]
    messages: Annotated[list[AnyMessage], DeltaChannel(merge, snapshot_frequency=2)]


def build(env: Env) -> Any:
    def write(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name, list(state["lines"]))
            return {"lines": [name], "rare": [name], "turn": state.get("turn", 0) + 1}

        return node

    graph = StateGraph(Log)
    for name in ("a", "b", "c"):
        graph.add_node(name, env.node(write(name)))
    graph.add_edge(START, "a")
    graph.add_edge("a", "b")
    graph.add_edge("b", "c")
    graph.add_edge("c", END)
    return graph.compile(checkpointer=env.saver, interrupt_before=["b"])


def where(index: int, snapshot: int) -> Later:
    return Later(lambda seen: seen.results[index][snapshot].config)


def steps(env: Env) -> list[Step]:
    said = [HumanMessage("hello", id="1")]
    return [
        Update({"lines": ["fresh"], "messages": said}, as_node="a"),
        State(),
        Update({"rare": ["more"]}, as_node="a"),
        Update({"lines": Overwrite(["over"])}, as_node="b"),
        State(),
        Invoke(None),
        History(),
        Invoke({"lines": ["in"]}),
        Update({"lines": ["between"]}),
        Update(None, as_node=END),
        State(),
        Update(
            {"lines": ["as input"], "messages": [HumanMessage("2", id="2")]}, as_node="__input__"
        ),
        Update({"lines": Overwrite(["all"])}, as_node="__input__"),
        State(),
        Update({"turn": 9, "rare": ["old"]}, as_node="b", at=where(6, 2)),
        State(),
        Update({"lines": ["old"]}, as_node="__input__", at=where(6, 1)),
        Update(None, as_node="__copy__", at=where(6, 1)),
        State(),
        Update(
            [({"lines": ["copied"]}, "b"), ({"rare": Overwrite(["r"])}, "a")],
            as_node="__copy__",
            at=where(6, 0),
        ),
        State(),
        BulkUpdate(
            [
                [StateUpdate({"lines": ["1"]}, "a"), StateUpdate({"lines": ["2"]}, "b")],
                [StateUpdate({"rare": ["3"]}, "a")],
                [StateUpdate({"lines": ["4"], "turn": 1}, "a")],
            ]
        ),
        State(),
        BulkUpdate(
            [[StateUpdate({"rare": Overwrite([])}, "a"), StateUpdate({"rare": Overwrite([])}, "b")]]
        ),
        Invoke(None),
        State(),
        History(),
        Update(None, as_node=END, thread="2"),
        Update({"lines": ["second"]}, as_node="__input__", thread="3"),
        Invoke(None, thread="3"),
        History(thread="3"),
    ]
