"""Handlers a user passes: an asynchronous one, a tracer that builds the tree of runs, a graph lifecycle one."""

from typing import Any, TypedDict

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from langgraph.callbacks import GraphCallbackHandler
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from parity.steps import Env, Invoke, Step

raises = ("RuntimeError",)


class State(TypedDict, total=False):
    n: int


def build(env: Env) -> Any:
    log = RunnableLambda(lambda text: text, name="log")

    def ask(state: State, config: RunnableConfig) -> State:
        log.invoke("asking", config)
        answer = interrupt("n?")
        if answer < 0:
            raise RuntimeError("negative")
        return {"n": answer}

    graph = StateGraph(State)
    graph.add_node("ask", env.node(ask))
    graph.add_node("double", env.node(lambda state: {"n": state["n"] * 2}))
    graph.add_edge(START, "ask")
    graph.add_conditional_edges(
        "ask", lambda state: "double" if state["n"] < 10 else END, ["double", END]
    )
    return graph.compile(checkpointer=env.saver, name="asker")


def steps(env: Env) -> list[Step]:
    class Tree(BaseTracer):
        """Notes every finished tree of runs."""

        run_inline = True

        def _persist_run(self, run: Run) -> None:
            env.note("tree", shape(run))

    def shape(run: Run) -> Any:
        metadata = (run.extra or {}).get("metadata")
        return [
            run.name,
            run.run_type,
            run.tags,
            metadata,
            run.error is None,
            [shape(r) for r in run.child_runs],
        ]

    class Async(AsyncCallbackHandler):
        run_inline = True

        async def on_chain_start(self, serialized: Any, inputs: Any, **known: Any) -> None:
            env.note("async start", known.get("name"))

        async def on_chain_error(self, error: BaseException, **known: Any) -> None:
            env.note("async error", error)

    class Lifecycle(GraphCallbackHandler):
        run_inline = True

        def on_interrupt(self, event: Any) -> None:
            env.note(
                "interrupt",
                [event.status, event.checkpoint_id, event.checkpoint_ns, event.interrupts],
            )

        def on_resume(self, event: Any) -> None:
            env.note("resume", [event.status, event.checkpoint_id, event.checkpoint_ns])

    handlers: list[Any] = [Tree(), Lifecycle()]
    if env.is_async:
        handlers.append(Async())
    heard = {"callbacks": handlers, "tags": ["traced"], "metadata": {"user": "me"}}
    return [
        Invoke({}, config=heard),
        Invoke(Command(resume=4), config=heard),
        Invoke({}, config=heard, thread="2"),
        Invoke(Command(resume=-4), config=heard, thread="2"),
    ]
