"""A node raises: the exception comes out as it is, with a note, after the chunks that were due; then it goes on."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, State, Step, Stream

raises = ("PaymentError", "PaymentError", "PaymentError")


class PaymentError(Exception):
    """A user's own exception."""

    def __init__(self, amount: int) -> None:
        super().__init__(amount, "refused")
        self.amount = amount


class Order(TypedDict, total=False):
    amount: int
    paid: bool


def build(env: Env) -> Any:
    refusals = [1, 2, 3]

    def charge(amount: int) -> bool:
        try:
            if refusals:
                raise ValueError(refusals.pop())
        except ValueError as error:
            raise PaymentError(amount) from error
        return True

    def price(state: Order) -> Order:
        return {"amount": 7}

    def pay(state: Order) -> Order:
        return {"paid": charge(state["amount"])}

    graph = StateGraph(Order)
    graph.add_node("price", env.node(price))
    graph.add_node("pay", env.node(pay))
    graph.add_edge(START, "price")
    graph.add_edge("price", "pay")
    graph.add_edge("pay", END)
    return graph.compile(checkpointer=env.saver)


def steps(env: Env) -> list[Step]:
    return [
        Invoke({}),
        State(),
        Stream(None, mode=["updates", "values", "tasks", "checkpoints"]),
        Stream({}, mode="debug", thread="2"),
        Invoke(None),
        State(),
    ]
