"""Graphs that a command line names: ``module:graph``."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from langgraph_engine.errors import ConfigurationError

__all__ = ["load"]


def load(target: str) -> Any:
    """Import a compiled graph.

    Args:
        target: ``module:graph``; a function without arguments that returns a graph will do.

    Raises:
        ConfigurationError: There is no such thing, or it is not a compiled graph.
    """
    from langgraph_engine.upstream import Pregel

    module_name, colon, attribute = target.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"'{target}' names no graph; write module:graph")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"There is no module '{module_name}'; start the command where it can be imported"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"'{module_name}' has no '{attribute}'; write module:graph")
        found = getattr(found, part)
    if callable(found) and not isinstance(found, Pregel):
        found = found()
    if not isinstance(found, Pregel):
        raise ConfigurationError(
            f"'{target}' is a {type(found).__name__} and not a compiled graph; name the result of "
            "compile(), or a function that returns it"
        )
    return found
