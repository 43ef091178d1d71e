"""LangGraph's state methods on an engine; installed beside ``invoke`` and its kin (see ``pregel``).

Each finds the graph a config addresses, then whose the call is: the engine's, or LangGraph's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph.types import StateUpdate

from langgraph_engine import upstream
from langgraph_engine.dispatch import StockMethods, engine_for, is_called, stock
from langgraph_engine.state_dialogue import Ask, Dialogue, ahold, hold
from langgraph_engine.state_history import HistoryPages
from langgraph_engine.state_reading import snapshot
from langgraph_engine.state_updating import updated

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import StateSnapshot

__all__ = ["METHODS"]

CONF = upstream.CONF


def get_state(self: upstream.AnyPregel, config: Any, *, subgraphs: bool = False) -> StateSnapshot:
    return hold(_get_state(self, "get_state", config, subgraphs))


async def aget_state(
    self: upstream.AnyPregel, config: Any, *, subgraphs: bool = False
) -> StateSnapshot:
    return await ahold(_get_state(self, "aget_state", config, subgraphs))


def get_state_history(
    self: upstream.AnyPregel,
    config: Any,
    *,
    filter: dict[str, Any] | None = None,
    before: Any = None,
    limit: int | None = None,
) -> Iterator[StateSnapshot]:
    options: Any = {"filter": filter, "before": before, "limit": limit}
    config = upstream.ensure_config(config)
    saver = self._state_checkpointer(config)
    if found := self._subgraph_for_namespace(config, saver):
        graph, config = found
        yield from graph.get_state_history(config, **options)
        return
    engine = engine_for(self, "get_state_history")
    if engine is None:
        yield from stock("get_state_history")(self, config, **options)
        return
    pages = HistoryPages(saver, _own_thread(self, config), **options)
    while pages.more:
        for saved in hold(pages.next_page()):
            yield hold(snapshot(self, engine, saver, saved.config, saved))


async def aget_state_history(
    self: upstream.AnyPregel,
    config: Any,
    *,
    filter: dict[str, Any] | None = None,
    before: Any = None,
    limit: int | None = None,
) -> AsyncIterator[StateSnapshot]:
    options: Any = {"filter": filter, "before": before, "limit": limit}
    config = upstream.ensure_config(config)
    saver = self._state_checkpointer(config)
    if found := self._subgraph_for_namespace(config, saver):
        graph, config = found
        async for state in graph.aget_state_history(config, **options):
            yield state
        return
    engine = engine_for(self, "aget_state_history")
    if engine is None:
        async for state in stock("aget_state_history")(self, config, **options):
            yield state
        return
    pages = HistoryPages(saver, _own_thread(self, config), **options)
    while pages.more:
        for saved in await ahold(pages.next_page()):
            yield await ahold(snapshot(self, engine, saver, saved.config, saved))


def _get_state(
    graph: upstream.AnyPregel, method: str, config: Any, subgraphs: bool
) -> Dialogue[StateSnapshot]:
    saver = graph._state_checkpointer(config)
    found: Any = graph._subgraph_for_namespace(config, saver)
    engine = None if found else engine_for(graph, method)
    if engine is None:
        target, config = found or (StockMethods(graph), config)
        state: StateSnapshot = yield Ask(target, "get_state", config, subgraphs=subgraphs)
        return state
    if graph.config:
        config = upstream.merge_configs(graph.config, config)
    config = graph._own_checkpoint_config(config)
    conf = config[CONF]
    if not isinstance(conf[upstream.CONFIG_KEY_THREAD_ID], str):
        conf[upstream.CONFIG_KEY_THREAD_ID] = str(conf[upstream.CONFIG_KEY_THREAD_ID])
    saved = yield Ask(saver, "get_tuple", config)
    live = upstream.CONFIG_KEY_CHECKPOINT_ID not in conf
    return (
        yield from snapshot(graph, engine, saver, config, saved, subgraphs=subgraphs, live=live)
    )


def bulk_update_state(
    self: upstream.AnyPregel, config: Any, supersteps: Sequence[Sequence[StateUpdate]]
) -> RunnableConfig:
    return hold(_bulk_update_state(self, "bulk_update_state", config, supersteps))


async def abulk_update_state(
    self: upstream.AnyPregel, config: Any, supersteps: Sequence[Sequence[StateUpdate]]
) -> RunnableConfig:
    return await ahold(_bulk_update_state(self, "abulk_update_state", config, supersteps))


def update_state(
    self: upstream.AnyPregel,
    config: Any,
    values: Any,
    as_node: str | None = None,
    task_id: str | None = None,
) -> RunnableConfig:
    supersteps = [[StateUpdate(values, as_node, task_id)]]
    if not is_called(self, "bulk_update_state", bulk_update_state):
        return self.bulk_update_state(config, supersteps)
    return hold(_bulk_update_state(self, "update_state", config, supersteps))


async def aupdate_state(
    self: upstream.AnyPregel,
    config: Any,
    values: Any,
    as_node: str | None = None,
    task_id: str | None = None,
) -> RunnableConfig:
    supersteps = [[StateUpdate(values, as_node, task_id)]]
    if not is_called(self, "abulk_update_state", abulk_update_state):
        return await self.abulk_update_state(config, supersteps)
    return await ahold(_bulk_update_state(self, "aupdate_state", config, supersteps))


def _bulk_update_state(
    graph: upstream.AnyPregel,
    method: str,
    config: Any,
    supersteps: Sequence[Sequence[StateUpdate]],
) -> Dialogue[RunnableConfig]:
    saver = graph._state_checkpointer(config)
    if len(supersteps) == 0:
        raise ValueError("No supersteps provided")
    if any(len(updates) == 0 for updates in supersteps):
        raise ValueError("No updates provided")
    found: Any = upstream.subgraph_to_update(graph, config, saver)
    engine = None if found else engine_for(graph, method)
    if engine is not None:
        return (yield from updated(graph, engine, saver, config, supersteps))
    target, config = found or (StockMethods(graph), config)
    made: RunnableConfig = yield Ask(target, "bulk_update_state", config, supersteps)
    return made


def _own_thread(graph: upstream.AnyPregel, config: Any) -> Any:
    """The config that a graph's own checkpoints of a thread are listed with."""
    conf = config[CONF]
    place: Any = {
        upstream.CONFIG_KEY_CHECKPOINT_NS: conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS, ""),
        upstream.CONFIG_KEY_THREAD_ID: str(conf[upstream.CONFIG_KEY_THREAD_ID]),
    }
    return graph._own_checkpoint_config(upstream.merge_configs(graph.config, config, {CONF: place}))


METHODS: Mapping[str, Callable[..., Any]] = {
    "get_state": get_state,
    "aget_state": aget_state,
    "get_state_history": get_state_history,
    "aget_state_history": aget_state_history,
    "update_state": update_state,
    "aupdate_state": aupdate_state,
    "bulk_update_state": bulk_update_state,
    "abulk_update_state": abulk_update_state,
}
"""What ``install`` puts into LangGraph's ``Pregel`` for the state."""
