"""A saver that fails now and then: the run ends with its error, and goes on from what was saved."""

import operator
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from parity.steps import Env, Invoke, Later, Seen, State, Step, Stream

raises = ("OSError", "OSError", "OSError", "OSError")


class Log(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


class Unsteady(InMemorySaver):
    """Fails once at the step it is told of: at its checkpoint, or when it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.fails_at: Any = None

    def _check(self, at: Any) -> None:
        if self.fails_at == at:
            self.fails_at = None
            raise OSError(f"the disk is full at {at}")

    def get_tuple(self, config: Any) -> Any:
        self._check("reading")
        return super().get_tuple(config)

    async def aget_tuple(self, config: Any) -> Any:
        self._check("reading")
        return super().get_tuple(config)

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        self._check(metadata["step"])
        return super().put(config, checkpoint, metadata, new_versions)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        self._check(metadata["step"])
        return super().put(config, checkpoint, metadata, new_versions)


def build(env: Env) -> Any:
    env.saver = Unsteady()

    def written(name: str) -> Any:
        def node(state: Log) -> Log:
            env.note(name, state["log"])
            return {"log": [name]}

        return env.node(node)

    graph = StateGraph(Log)
    graph.add_sequence([(name, written(name)) for name in ("a", "b", "c")])
    graph.add_edge(START, "a")
    return graph.compile(checkpointer=env.saver)


def failing(env: Env, at: Any, input: Any) -> Later:
    def tell(seen: Seen) -> Any:
        seen.graph.checkpointer.fails_at = at
        return input

    return Later(tell)


def steps(env: Env) -> list[Step]:
    at_once, at_the_end = {"durability": "sync"}, {"durability": "exit"}
    begin: Log = {"log": ["begin"]}
    return [
        Stream(failing(env, 1, begin), mode=["updates", "values"], options=at_once),
        State(),
        Invoke(None, options=at_once),
        Invoke(failing(env, "reading", begin), options=at_once),
        State(),
        Invoke(failing(env, 3, begin), options=at_the_end, thread="2"),
        State(thread="2"),
        Invoke(begin, options=at_the_end, thread="2"),
        Invoke(failing(env, -1, begin), options=at_once, thread="3"),
        State(thread="3"),
        Invoke(None, options=at_once, thread="2"),
    ]
