"""A pydantic model as state: input is validated and coerced, and what fails to validate is refused."""

import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from parity.steps import Env, Invoke, Step, Stream
from pydantic import BaseModel, Field

raises = ("ValidationError", "ValidationError")


class Address(BaseModel):
    city: str
    code: int


class Parcel(BaseModel):
    weight: float = Field(gt=0)
    to: Address
    log: Annotated[list[str], operator.add] = []


def build(env: Env) -> Any:
    def weigh(parcel: Parcel) -> dict[str, Any]:
        env.note("weigh sees", parcel)
        return {"weight": parcel.weight - 1, "log": ["weighed"]}

    def send(parcel: Parcel) -> dict[str, Any]:
        return {
            "log": [f"sent to {parcel.to.city}"],
            "to": Address(city=parcel.to.city.upper(), code=parcel.to.code),
        }

    graph = StateGraph(Parcel)
    graph.add_node("weigh", weigh)
    graph.add_node("send", send)
    graph.add_edge(START, "weigh")
    graph.add_edge("weigh", "send")
    graph.add_edge("send", END)
    return graph.compile()


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"weight": "2.5", "to": {"city": "Bern", "code": "3000"}}),
        Stream(Parcel(weight=3, to=Address(city="Ulm", code=89073)), mode=["values", "updates"]),
        Invoke({"weight": -1, "to": {"city": "Bern", "code": 3000}}),
        Invoke({"weight": 0.5, "to": {"city": "Bern", "code": 3000}}),
    ]
