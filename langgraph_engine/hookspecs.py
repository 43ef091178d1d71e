"""The one hook an engine's distribution implements.

A plugin is a module, named by an entry point of the group ``langgraph_engine`` whose name is the
engine's::

    # pyproject.toml
    [project.entry-points.langgraph_engine]
    mine = "my_engine.plugin"

    # my_engine/plugin.py
    import pluggy

    hookimpl = pluggy.HookimplMarker("langgraph_engine")

    @hookimpl
    def langgraph_engine_factory():
        return create  # a function without arguments that makes the engine

Keep the module light: import the engine inside the factory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_engine.protocol import Engine

__all__ = ["PROJECT", "hookimpl", "langgraph_engine_factory"]

PROJECT: Final = "langgraph_engine"
"""pluggy's project name, and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def langgraph_engine_factory() -> Callable[[], Engine]:  # type: ignore[empty-body]
    """Return a function that makes the engine.

    Behavior:
        - It is called once per process, when the engine is first chosen.
        - The engine it returns has the entry point's name.
        - Whatever it raises becomes the cause of an ``EngineLoadError``.
    """
