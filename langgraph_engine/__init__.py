"""Runs unmodified LangGraph programs on another engine.

Set ``LANGGRAPH_ENGINE=rust`` and change nothing else, or call ``install``::

    import langgraph_engine

    langgraph_engine.install("rust")

Importing this package imports neither LangGraph nor an engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_engine import errors

# The function takes the submodule's name in this namespace, once and for all: the submodule is
# already imported here, and is still found by `from langgraph_engine.stats import ...`.
from langgraph_engine.stats import snapshot as stats

if TYPE_CHECKING:
    from langgraph_engine.pregel import Pregel as Pregel
    from langgraph_engine.registry import EngineInfo

__all__ = [
    "Pregel",
    "__version__",
    "active",
    "engines",
    "errors",
    "install",
    "stats",
    "uninstall",
]

__version__ = "0.1.0"


def install(engine: str | None = None, *, unsupported: str | None = None) -> None:
    """Make every LangGraph graph of this process run on an engine.

    Args:
        engine: An engine's name, ``"auto"`` for the best one installed, or ``"langgraph"`` for stock
            LangGraph. None means the variable ``LANGGRAPH_ENGINE``, else ``"auto"``.
        unsupported: What to do with runs the engine doesn't cover: ``"fallback"`` hands them to
            stock LangGraph and counts them, ``"raise"`` raises ``errors.UnsupportedError``. None
            means the variable ``LANGGRAPH_ENGINE_UNSUPPORTED``, else ``"fallback"``.

    Raises:
        errors.EngineError: The engine can't be installed; what was installed before stays.
    """
    from langgraph_engine.installation import install

    install(engine, unsupported=unsupported)


def uninstall() -> None:
    """Put LangGraph's own methods back; without an installation, do nothing."""
    from langgraph_engine.installation import uninstall

    uninstall()


def engines() -> tuple[EngineInfo, ...]:
    """The engines that can be chosen here, stock LangGraph among them. Imports none of them."""
    from langgraph_engine.registry import available

    return available()


def active() -> str:
    """The name of the engine LangGraph runs on in this process; ``"langgraph"`` means stock."""
    from langgraph_engine import installation

    return installation.current.engine_name if installation.current else "langgraph"


def __getattr__(name: str) -> Any:
    if name == "Pregel":
        from langgraph_engine.pregel import Pregel

        return Pregel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
