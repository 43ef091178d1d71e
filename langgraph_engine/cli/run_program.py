"""``langgraph-engine run``: a program, with an engine installed before its first line."""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
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
        raise ConfigurationError(f"There is no program '{name}'; name a file, or use -m and a module")
    install(arguments.engine, unsupported=arguments.unsupported)
    # For the processes the program starts.
    if arguments.engine:
        os.environ[VARIABLE] = arguments.engine
    if arguments.unsupported:
        os.environ[UNSUPPORTED_VARIABLE] = arguments.unsupported
    arguments.program_started = True
    sys.argv = [name, *rest]
    if arguments.module:
        sys.path[0] = os.getcwd()
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif os.path.isfile(name):
        _run_file(name)
    else:
        # A folder or archive with a __main__.py, which python puts on sys.path itself.
        del sys.path[0]
        runpy.run_path(name, run_name="__main__")
    return 0


def _run_file(path: str) -> None:
    """Run a script as ``__main__``, and leave it there for threads and exit handlers."""
    sys.path[0] = os.path.dirname(os.path.realpath(path))
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
