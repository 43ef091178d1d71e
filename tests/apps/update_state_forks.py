"""An older checkpoint changed: each change starts a branch, and what was there before stays as it was."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from parity.steps import Env, History, Invoke, Later, State, Step, Update


class Game(TypedDict, total=False):
    turn: int
    log: Annotated[list[str], operator.add]


def build(env: Env) -> Any:
    def play(state: Game) -> Game:
        turn = state.get("turn", 0) + 1
        return {"turn": turn, "log": [f"turn {turn}"]}

    def ask(state: Game) -> Game:
        return {"log": [f"{interrupt(state['turn'])} after {state['turn']}"]}

    graph = StateGraph(Game)
    graph.add_node("play", env.node(play))
    graph.add_node("ask", env.node(ask))
    graph.add_edge(START, "play")
    graph.add_edge("play", "ask")
    graph.add_conditional_edges(
        "ask", lambda state: END if state["turn"] > 2 else "play", ["play", END]
    )
    return graph.compile(checkpointer=env.saver)


def past(step: int, index: int) -> Later:
    return Later(lambda seen: seen.results[step][index].config)


def result(step: int) -> Later:
    return Later(lambda seen: seen.results[step])


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"log": ["begin"]}),
        Update({"log": ["forced"], "turn": 2}),
        Invoke(None),
        History(),
        Update({"log": ["branch"]}, at=past(3, 2)),
        State(at=result(4)),
        Update({"log": ["of the branch"]}, at=result(4)),
        Invoke(None, at=result(6)),
        State(),
        Update({"turn": 7}, as_node="play", at=past(3, -1)),
        Update({"turn": 8}, as_node="ask", at=past(3, -2)),
        Invoke(None, at=result(10)),
        Update(None, as_node="__copy__", at=past(3, 1)),
        Invoke(None),
        History(),
    ]
