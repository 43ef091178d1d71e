"""What runs simple supersteps is given of a graph's nodes. See ``execute``."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from contextvars import copy_context
from functools import cache
from typing import TYPE_CHECKING, Any

from langgraph_engine import upstream
from langgraph_engine.checkpoint_ids import ID_TAIL, draws, saved_id, ticks
from langgraph_engine.execute import Executor, Host
from langgraph_engine.facade_executor import FacadeExecutor
from langgraph_engine.live_task import LiveConfig
from langgraph_engine.node_plans import NodeCalls, NodePlans
from langgraph_engine.task_config import note_input_error

if TYPE_CHECKING:
    from langgraph_engine.protocol import Engine, Program

__all__ = ["make_executor"]


def make_executor(
    engine: Engine,
    program: Program,
    channels: Collection[str],
    plans: NodePlans,
    *,
    asks: bool,
) -> Executor:
    """Say how nodes are called: to the engine, if it runs supersteps itself, or for the facade.

    Args:
        engine: The engine.
        program: Its program of the graph.
        channels: The names of the channels that are the engine's.
        plans: The graph's nodes.
        asks: Whether commits call code of the user's: reducers, and channels of classes LangGraph doesn't have.
    """
    calls = NodeCalls(plans)
    if "execute" not in engine.capabilities:
        return FacadeExecutor(engine, channels, calls, _host(), asks=asks)
    executing: Any = engine
    return executing.executor(program, calls, _host())  # type: ignore[no-any-return]


@cache
def _host() -> Host:
    return Host(
        config_type=LiveConfig,
        config_variable=upstream.var_child_runnable_config,
        copy_context=copy_context,
        runnable_type=upstream.Runnable,
        passthrough=upstream.PASSTHROUGH,
        skip_write=upstream.SKIP_WRITE,
        clock=time,
        ticks=ticks,
        id_tail=ID_TAIL,
        saved_id=saved_id,
        draws=draws(),
        # Before Python 3.11 a node's config isn't in the context its thread has.
        in_thread=upstream.run_in_executor if sys.version_info >= (3, 11) else None,
        note_input_error=note_input_error,
    )
