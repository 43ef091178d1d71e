"""Puts an engine into LangGraph's own ``Pregel``, and takes it out again.

Methods are replaced on the class, so every graph is covered: compiled before or after, subclass or
subgraph, whatever was imported first. The replacements look at ``current`` on each call, so changing
engines changes one reference and touches the class no more.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from langgraph_engine import registry, startup_hook
from langgraph_engine.errors import ConfigurationError
from langgraph_engine.forks import free_in_forks
from langgraph_engine.versions import check_langgraph

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_engine.protocol import Engine

__all__ = [
    "AUTO",
    "UNSUPPORTED_VARIABLE",
    "Installation",
    "Unsupported",
    "current",
    "install",
    "requested_engine",
    "selected",
    "uninstall",
]

AUTO: Final = "auto"
UNSUPPORTED_VARIABLE: Final = "LANGGRAPH_ENGINE_UNSUPPORTED"

Unsupported = Literal["fallback", "raise"]
"""What to do with a run the engine doesn't cover: hand it to stock LangGraph, or raise."""


@dataclass(frozen=True)
class Installation:
    """An engine at work inside LangGraph.

    Attributes:
        engine_name: The engine's name.
        engine: The engine.
        unsupported: What happens to runs the engine doesn't cover.
        originals: Method name to the stock method it replaced.
    """

    engine_name: str
    engine: Engine
    unsupported: Unsupported
    originals: dict[str, Callable[..., Any]]


current: Installation | None = None
"""What is installed in this process. Read it as ``installation.current``, once per call."""

_originals: dict[str, Callable[..., Any]] = {}
"""The stock methods, by name; known from the first ``install`` on."""

_placed: set[str] = set()
"""Methods whose replacement is on the class, perhaps below a wrapper of somebody else's."""

# Reentrant, because loading an engine may import a module that installs one.
_lock = free_in_forks(threading.RLock())


def install(engine: str | None = None, *, unsupported: str | None = None) -> None:
    """Make every LangGraph graph of this process run on an engine.

    Behavior:
        - Installing twice is installing once; installing another engine switches to it.
        - ``"langgraph"`` uninstalls: stock LangGraph, untouched.
        - If anything raises, what was installed before stays installed.
        - Runs under way finish on the engine they started on.

    Args:
        engine: An engine's name, ``"auto"`` for the best one installed, or ``"langgraph"``. None
            means the variable ``LANGGRAPH_ENGINE``, else ``"auto"``.
        unsupported: What to do with runs the engine doesn't cover: ``"fallback"`` hands them to
            stock LangGraph and counts them, ``"raise"`` raises ``UnsupportedError``. None means the
            variable ``LANGGRAPH_ENGINE_UNSUPPORTED``, else ``"fallback"``.

    Raises:
        EngineNotFoundError: That engine is not installed.
        EngineLoadError: It is installed, and failed to load.
        ProtocolError: It is not an engine this version can work with.
        UnsupportedVersionError: LangGraph is outside the tested range.
        ConfigurationError: ``unsupported`` has another value.
    """
    global current
    name = engine or requested_engine()
    policy = _policy(unsupported)
    if name == registry.STOCK:
        uninstall()
        return
    if name == AUTO:
        name = registry.best()
    with _lock:
        check_langgraph()
        loaded = registry.load(name)
        with startup_hook.lifted():
            from langgraph_engine.pregel import METHODS
            from langgraph_engine.upstream import Pregel

            for method, replacement in METHODS.items():
                if not _leads_to(Pregel, method, replacement):
                    _originals[method] = Pregel.__dict__[method]
            # Before the class changes: a replaced method must find an installation.
            current = Installation(name, loaded, policy, dict(_originals))
            for method, replacement in METHODS.items():
                if not _leads_to(Pregel, method, replacement):
                    functools.update_wrapper(replacement, _originals[method])
                    setattr(Pregel, method, replacement)
                    _placed.add(method)


def uninstall() -> None:
    """Put LangGraph's own methods back, every one of them.

    Behavior:
        - Each method is the very object that was there before ``install``.
        - What other code put on top of a replacement since then goes with it.
        - Without an installation it does nothing.
    """
    global current
    with _lock:
        startup_hook.withdraw()
        if not _originals:
            return
        from langgraph_engine.pregel import METHODS
        from langgraph_engine.upstream import Pregel

        for method, replacement in METHODS.items():
            if _leads_to(Pregel, method, replacement):
                setattr(Pregel, method, _originals[method])
        _placed.clear()
        # After the class: a call that found a replacement a moment ago still finds its engine.
        current = None


def selected() -> tuple[Engine, Unsupported] | None:
    """The engine for a run, and what to do if it doesn't cover it. None means stock LangGraph.

    Without an installation, as for ``langgraph_engine.Pregel`` used on its own, the environment
    says which, as it does for ``install``.

    Raises:
        EngineError: As ``install`` does.
    """
    installed = current
    if installed is not None:
        return installed.engine, installed.unsupported
    name = requested_engine()
    if name == registry.STOCK:
        return None
    return registry.load(registry.best() if name == AUTO else name), _policy(None)


def requested_engine() -> str:
    """The name in ``LANGGRAPH_ENGINE``, else ``"auto"``."""
    return os.environ.get(startup_hook.VARIABLE) or AUTO


def _policy(unsupported: str | None) -> Unsupported:
    origin = "unsupported"
    if unsupported is None:
        origin = UNSUPPORTED_VARIABLE
        unsupported = os.environ.get(UNSUPPORTED_VARIABLE) or "fallback"
    if unsupported not in {"fallback", "raise"}:
        raise ConfigurationError(f"{origin} is '{unsupported}'; use 'fallback' or 'raise'")
    return cast("Unsupported", unsupported)


def _leads_to(pregel: type, method: str, replacement: Callable[..., Any]) -> bool:
    """Whether a call of the method reaches its replacement, directly or through a wrapper.

    A wrapper must not become the "original": its call would come back to the replacement forever.
    """
    present = pregel.__dict__[method]
    if present is _originals.get(method):
        return False
    if method in _placed:
        return True
    while present is not None and present is not replacement:
        present = getattr(present, "__wrapped__", None)
    return present is replacement
