"""`invoke` in the v2 format: an output object whose value is the schema's, with interrupts beside it."""

from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, Step
from pydantic import BaseModel

raises = ("ValidationError",)


class Order(BaseModel):
    item: str
    count: int = 1
    confirmed: bool = False


def build(env: Env) -> Any:
    def confirm(order: Order) -> dict[str, Any]:
        env.note("confirm", order)
        return {"confirmed": interrupt(f"{order.count} {order.item}?")}

    graph = StateGraph(Order)
    graph.add_node("confirm", env.node(confirm))
    graph.add_node("double", env.node(lambda order: {"count": order.count * 2}))
    graph.add_edge(START, "double")
    graph.add_edge("double", "confirm")
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    v2 = {"version": "v2"}
    return [
        Invoke({"item": "pears", "count": 2}, options=v2),
        Invoke(Command(resume=True), options=v2),
        Invoke({"item": "plums"}, options={**v2, "stream_mode": "updates"}),
        Invoke(Command(resume=False), options={**v2, "output_keys": ["confirmed"]}),
    ]
