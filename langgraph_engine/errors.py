"""Every exception of langgraph_engine.

The tree::

    EngineError
    ├── ConfigurationError       a setting has a value that means nothing
    ├── EngineNotFoundError      no engine of that name is installed
    ├── EngineLoadError          the engine is installed, and failed to load
    ├── ProtocolError            an engine and the facade don't understand each other
    ├── UnsupportedError         a run the engine doesn't cover, under ``unsupported="raise"``
    ├── UnsupportedVersionError  a LangGraph release outside the tested range
    └── EnginePanicError         a bug inside a native engine; the process goes on

Where LangGraph has a class for what went wrong in a graph (``InvalidUpdateError``,
``GraphRecursionError``, ``EmptyChannelError``) that class is raised, not one of these; and an
exception from a user's node is never wrapped.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "EngineError",
    "EngineLoadError",
    "EngineNotFoundError",
    "EnginePanicError",
    "ProtocolError",
    "UnsupportedError",
    "UnsupportedVersionError",
]


class EngineError(Exception):
    """Base of everything langgraph_engine raises on its own account."""


class ConfigurationError(EngineError):
    """A setting has a value that means nothing; the message names the values that do."""


class EngineNotFoundError(EngineError):
    """No engine of that name is installed; the message says which are, and how to add one."""


class EngineLoadError(EngineError):
    """An installed engine failed to load; ``__cause__`` is its own exception."""


class ProtocolError(EngineError):
    """An engine and the facade don't understand each other."""


class UnsupportedError(EngineError):
    """The engine doesn't cover this run, and handing it to stock LangGraph was ruled out."""


class UnsupportedVersionError(EngineError):
    """The installed LangGraph is outside the range langgraph_engine is tested with."""


class EnginePanicError(EngineError):
    """A native engine hit a bug of its own and stopped the run it was in.

    The run is lost; the process and every later run are unaffected. The message carries what the
    engine said and where, which is what a bug report needs.
    """
