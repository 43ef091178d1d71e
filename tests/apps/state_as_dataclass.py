"""A dataclass as state: nodes get instances, defaults fill what was never written."""

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream


@dataclass
class Order:
    item: str
    amount: int = 1
    notes: Annotated[list[str], operator.add] = field(default_factory=list)
    paid: bool = False


def build(env: Env) -> Any:
    def check(order: Order) -> dict[str, Any]:
        env.note("check sees", order)
        return {"notes": [f"{order.amount} x {order.item}"]}

    def pay(order: Order) -> Order:
        return Order(item=order.item, amount=order.amount, notes=["paid"], paid=True)

    graph = StateGraph(Order)
    graph.add_node("check", env.node(check))
    graph.add_node("pay", env.node(pay))
    graph.add_edge(START, "check")
    graph.add_conditional_edges("check", lambda order: "pay" if order.amount < 10 else END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"item": "tea"}),
        Invoke(Order(item="cake", amount=12), thread="2"),
        Stream(Order(item="milk", amount=2), mode=["values", "updates"], thread="3"),
    ]
