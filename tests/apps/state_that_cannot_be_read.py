"""States asked of graphs without a saver, without a thread, under a parent's name, or with odd ids."""

from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from parity.steps import Do, Env, History, Invoke, State, Step, Update

raises = (
    "ValueError",
    "ValueError",
    "ValueError",
    "KeyError",
    "KeyError",
    "KeyError",
    "ValueError",
    "RuntimeError",
    "KeyError",
    "KeyError",
)


class Count(TypedDict):
    number: int


def build(env: Env) -> Any:
    builder = StateGraph(Count)
    builder.add_node("add", env.node(lambda state: {"number": state["number"] + 1}))
    builder.add_edge(START, "add")
    graph = builder.compile(checkpointer=env.saver)
    graph.without = builder.compile()
    graph.never = builder.compile(checkpointer=False)
    graph.lent = builder.compile(checkpointer=True)
    graph.named = graph.with_config(configurable={"thread_id": "its own"}, tags=["named"])
    return graph


def called(env: Env, which: str, method: str, *arguments: Any) -> Any:
    def call(graph: Any, config: dict[str, Any]) -> Any:
        graph = getattr(graph, which)
        if method.endswith("history"):
            return _all(graph, config) if env.is_async else list(graph.get_state_history(config))
        return getattr(graph, f"a{method}" if env.is_async else method)(config, *arguments)

    return call


async def _all(graph: Any, config: dict[str, Any]) -> list[Any]:
    return [state async for state in graph.aget_state_history(config)]


def steps(env: Env) -> list[Step]:
    nowhere = {"configurable": {"user": "ann"}}
    return [
        Do(function=called(env, "without", "get_state")),
        Do(function=called(env, "without", "get_state_history")),
        Do(function=called(env, "without", "update_state", {"number": 1})),
        State(thread=None, config=nowhere),
        History(thread=None, config=nowhere),
        Update({"number": 1}, thread=None, config=nowhere),
        Do(function=called(env, "never", "get_state")),
        Do(function=called(env, "lent", "get_state")),
        Invoke({"number": 1}, thread=None, config={"configurable": {"thread_id": 7}}),
        State(thread=None, config={"configurable": {"thread_id": 7}}),
        State(thread="7"),
        Update({"number": 5}, thread=None, config={"configurable": {"thread_id": 7}}),
        History(thread="7"),
        Update({"number": 9}, thread="its own"),
        Do(function=called(env, "named", "get_state"), thread=None, config=nowhere),
        Do(function=called(env, "named", "get_state_history"), thread=None, config=nowhere),
        Do(
            function=called(env, "named", "update_state", {"number": 3}),
            thread=None,
            config=nowhere,
        ),
        Do(function=called(env, "named", "get_state"), thread=None, config=nowhere),
        State(config={"configurable": {"checkpoint_id": "1f000000-0000-6000-8000-000000000000"}}),
    ]
