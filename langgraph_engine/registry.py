"""Finds engines and loads the chosen one.

Finding reads package metadata and imports no engine. Loading imports one plugin, by name, into a
plugin manager of its own, so a broken plugin breaks nothing but itself.
"""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

from langgraph_engine.errors import EngineLoadError, EngineNotFoundError, ProtocolError
from langgraph_engine.forks import free_in_forks
from langgraph_engine.versions import installed_version

if TYPE_CHECKING:
    from langgraph_engine.protocol import Engine

__all__ = ["AUTO_ORDER", "STOCK", "EngineInfo", "available", "best", "catalog", "load"]

STOCK: Final = "langgraph"
"""The name of stock LangGraph, untouched: always there, never loaded."""

AUTO_ORDER: Final = ("rust", "cffi", "python")
"""What ``auto`` tries, best first. Each is also an extra of the langgraph-engine distribution."""

_GROUP: Final = "langgraph_engine"
_REQUIRED: Final = ("name", "version", "protocol_version", "capabilities", "compile")

_loaded: dict[str, Engine] = {}
_failed: dict[str, str] = {}
# Reentrant, because a plugin may ask for another engine while it loads.
_lock = free_in_forks(threading.RLock())


@dataclass(frozen=True)
class EngineInfo:
    """One line of the table of engines.

    Attributes:
        name: What ``LANGGRAPH_ENGINE`` selects.
        distribution: The distribution that brings it.
        version: That distribution's version; ``""`` if it is not installed.
        status: ``built in``, ``installed``, ``loaded``, ``failed: <why>``, or, from ``catalog``
            only, ``not installed`` and ``no engine in this version``.
    """

    name: str
    distribution: str
    version: str
    status: str


def available() -> tuple[EngineInfo, ...]:
    """The engines that can be chosen here, stock LangGraph first, the others by name.

    Behavior:
        - Imports no engine.
        - A plugin that would fail to load is listed all the same.
    """
    stock = EngineInfo(STOCK, "langgraph", installed_version("langgraph") or "", "built in")
    registered = {point.name: _describe(point) for point in _entry_points() if point.name != STOCK}
    return (stock, *(registered[name] for name in sorted(registered)))


def catalog() -> tuple[EngineInfo, ...]:
    """The engines of ``available``, then langgraph_engine's own that are not here."""
    listed = available()
    names = {info.name for info in listed}
    missing = []
    for name in AUTO_ORDER:
        if name not in names:
            version = installed_version(_distribution_of(name))
            status = "not installed" if version is None else "no engine in this version"
            missing.append(EngineInfo(name, _distribution_of(name), version or "", status))
    return (*listed, *missing)


def best() -> str:
    """The name ``auto`` stands for: the first of ``AUTO_ORDER`` that is installed.

    Raises:
        EngineNotFoundError: None of them is.
    """
    names = {point.name for point in _entry_points()}
    for name in AUTO_ORDER:
        if name in names:
            return name
    raise EngineNotFoundError(
        "No engine is installed for LANGGRAPH_ENGINE=auto to choose from; add one with: "
        "pip install 'langgraph-engine[rust]'"
    )


def load(name: str) -> Engine:
    """Return the engine of that name, loading it the first time.

    Behavior:
        - Imports that engine's plugin and no other.
        - The same engine object is returned every time.
        - A failed load is tried again by the next call.

    Raises:
        EngineNotFoundError: No engine of that name is installed.
        EngineLoadError: Its plugin raised; the plugin's exception is the cause.
        ProtocolError: It loaded, and is not an engine this version can work with.
    """
    engine = _loaded.get(name)
    if engine is not None:
        return engine
    with _lock:
        if name not in _loaded:
            point = _find(name)
            try:
                _loaded[name] = _checked(_create(point), point)
            except (EngineLoadError, ProtocolError) as error:
                _failed[name] = str(error)
                raise
            _failed.pop(name, None)
        return _loaded[name]


def _entry_points() -> list[metadata.EntryPoint]:
    return list(metadata.entry_points(group=_GROUP))


def _describe(point: metadata.EntryPoint) -> EngineInfo:
    distribution = point.dist
    if point.name in _loaded:
        status = "loaded"
    elif point.name in _failed:
        status = f"failed: {_failed[point.name]}"
    else:
        status = "installed"
    return EngineInfo(
        name=point.name,
        distribution=_distribution_name(point),
        version=distribution.version if distribution else "",
        status=status,
    )


def _find(name: str) -> metadata.EntryPoint:
    points = _entry_points()
    found = [point for point in points if point.name == name]
    if len({_distribution_name(point) for point in found}) > 1:
        owners = " and ".join(sorted({_distribution_name(point) for point in found}))
        raise EngineLoadError(
            f"Engine '{name}' is registered by {owners}; uninstall all but one of them"
        )
    if found:
        return found[0]
    raise EngineNotFoundError(_not_found(name, {point.name for point in points}))


def _not_found(name: str, registered: set[str]) -> str:
    installed = sorted({*registered, STOCK})
    happened = f"Engine '{name}' is not installed (installed: {', '.join(installed)})"
    if name in AUTO_ORDER:
        version = installed_version(_distribution_of(name))
        if version is not None:
            return (
                f"{_distribution_of(name)} {version} brings no engine '{name}' yet (installed: "
                f"{', '.join(installed)}); look for a newer one with: "
                f"pip install --upgrade 'langgraph-engine[{name}]'"
            )
        return f"{happened}; add it with: pip install 'langgraph-engine[{name}]'"
    close = difflib.get_close_matches(name, {*installed, *AUTO_ORDER, "auto"}, n=1)
    if close:
        return f"{happened}; did you mean '{close[0]}'?"
    return (
        f"{happened}; install the distribution that brings it, or add the native engine with: "
        "pip install 'langgraph-engine[rust]'"
    )


def _create(point: metadata.EntryPoint) -> object:
    """Import one plugin and call the factory it returns."""
    import pluggy

    from langgraph_engine import hookspecs

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(point.load(), name=point.name)
        manager.check_pending()
        factory = manager.hook.langgraph_engine_factory()
        return None if factory is None else factory()
    except Exception as error:
        raise EngineLoadError(
            f"Engine '{point.name}' of {_distribution_name(point)} failed to load: "
            f"{type(error).__name__}: {error}; reinstall that distribution, or choose another engine"
        ) from error


def _checked(candidate: object, point: metadata.EntryPoint) -> Engine:
    """Return the candidate if it is an engine of this protocol version and of that name."""
    from langgraph_engine.protocol import PROTOCOL_VERSION, Engine

    owner = _distribution_name(point)
    if candidate is None:
        raise ProtocolError(
            f"Plugin '{point.value}' of {owner} returned no engine; it must implement the hook "
            "langgraph_engine_factory and return a function that makes one"
        )
    absent = [attribute for attribute in _REQUIRED if not hasattr(candidate, attribute)]
    if absent or not isinstance(candidate, Engine):
        raise ProtocolError(
            f"What {owner} registers as engine '{point.name}' has no {', '.join(absent)}; "
            "see langgraph_engine.protocol.Engine"
        )
    if candidate.protocol_version != PROTOCOL_VERSION:
        older = candidate.protocol_version < PROTOCOL_VERSION
        raise ProtocolError(
            f"Engine '{point.name}' of {owner} speaks protocol {candidate.protocol_version} and "
            f"langgraph-engine speaks {PROTOCOL_VERSION}; upgrade "
            f"{owner if older else 'langgraph-engine'}"
        )
    if candidate.name != point.name:
        raise ProtocolError(
            f"{owner} registers engine '{point.name}', and the engine calls itself "
            f"'{candidate.name}'; the two names must be equal"
        )
    return candidate


def _distribution_name(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown distribution"


def _distribution_of(name: str) -> str:
    return f"langgraph-engine-{name}"
