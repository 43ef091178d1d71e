"""How the facade calls a graph's nodes, for an engine that doesn't run supersteps itself. See ``facade_execution``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_engine.checkpoint_ids import unsaved_ids
from langgraph_engine.facade_execution import FacadeExecution

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from langgraph_engine.execute import Host, NodeCall, Place
    from langgraph_engine.protocol import Engine

__all__ = ["FacadeExecutor"]


class FacadeExecutor:
    """See ``execute.Executor``.

    Args:
        engine: The engine.
        channels: The names of the graph's channels that are the engine's.
        asks: Whether commits call code of the user's.
        calls: How nodes are called.
        host: What calling them needs.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Collection[str],
        calls: Mapping[str, NodeCall],
        host: Host,
        *,
        asks: bool,
    ) -> None:
        self.host = host
        self.copy_context, self.config_type = host.copy_context, host.config_type
        self.set_config = host.config_variable.set
        self.clock = host.clock
        self.in_thread = host.in_thread
        self.unsaved_id = unsaved_ids(host.ticks, host.id_tail)
        self.passthrough, self.skip_write = host.passthrough, host.skip_write
        self.plans_ahead = "commit_and_plan" in engine.capabilities
        # A reducer may draw from where ids of saved checkpoints are drawn.
        self.draws_ahead = not asks
        self._channels, self._calls = channels, calls
        self._known: dict[str, NodeCall | None] = {}

    def call_of(self, name: str) -> NodeCall | None:
        """How a node is called; None if it isn't to be called here."""
        try:
            return self._known[name]
        except KeyError:
            call = self._calls.get(name)
            if call is not None and not all(
                _reads_channels(writer, self._channels) for writer in call.writers
            ):
                call = None
            return self._known.setdefault(name, call)

    def begin(self, run: Any, place: Place) -> FacadeExecution:
        """Take part in an invocation."""
        return FacadeExecution(self, run, place)


def _reads_channels(writer: Any, channels: Collection[str]) -> bool:
    """Whether a writer reads nothing but the engine's channels."""
    if isinstance(writer, tuple) or writer.select is None:
        return True
    select = [writer.select] if isinstance(writer.select, str) else writer.select
    return all(name in channels for name in select)
