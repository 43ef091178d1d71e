"""``langgraph-engine run``: a program, with an engine installed before its first line."""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import runpy
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING

from langgraph_engine.errors import ConfigurationError
from langgraph_engine.installation import UNSUPPORTED_VARIABLE, install
from langgraph_engine.startup_hook import VARIABLE

if TYPE_CHECKING:
    from langgraph_engine.cli.arguments import Arguments

__all__ = ["command"]


def command(arguments: Arguments) -> int:
    """Install the engine and run the program; its exceptions and exits pass through."""
    name, *rest = arguments.program
    if not arguments.module and not os.path.exists(name):
        raise ConfigurationError(
            f"There is no program '{name}'; name a file, or use -m and a module"
        )
    install(arguments.engine, unsupported=arguments.unsupported)
    # For the processes the program starts.
    if arguments.engine:
        os.environ[VARIABLE] = arguments.engine
    if arguments.unsupported:
        os.environ[UNSUPPORTED_VARIABLE] = arguments.unsupported
    sys.argv = [name, *rest]
    if arguments.module:
        _replace_first_path(os.getcwd())
        _run_module(name, arguments)
        return 0
    arguments.program_started = True
    if os.path.isfile(name) and not zipfile.is_zipfile(name):
        _replace_first_path(os.path.dirname(os.path.realpath(name)))
        _run_file(name)
    else:
        # A folder or archive with a __main__.py; runpy puts it on sys.path itself.
        _replace_first_path(None)
        runpy.run_path(name, run_name="__main__")
    return 0


def _replace_first_path(folder: str | None) -> None:
    """Put the program's folder where python put this command's own."""
    # `python -P` and `-I` put nothing there.
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[:1] = [] if folder is None else [folder]


def _run_module(name: str, arguments: Arguments) -> None:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        # Importing the packages above the module is part of finding it.
        if not isinstance(error, ModuleNotFoundError) or not _is_part_of(error.name, name):
            raise
        found = None
    if found is None:
        raise ConfigurationError(f"There is no module '{name}'; check its name and sys.path")
    arguments.program_started = True
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _is_part_of(missing: str | None, name: str) -> bool:
    return missing is not None and f"{name}.".startswith(f"{missing}.")


def _run_file(path: str) -> None:
    """Run a script as ``__main__``, and leave it there for threads and exit handlers."""
    module = ModuleType("__main__")
    module.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __loader__=SourceFileLoader("__main__", path),
        __spec__=None,
        __cached__=None,
    )
    with io.open_code(os.path.abspath(path)) as source:
        code = compile(source.read(), path, "exec", dont_inherit=True)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)  # noqa: S102 - running the program is the whole purpose
