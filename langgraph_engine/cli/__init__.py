"""The ``langgraph-engine`` command.

Importing this module imports no argument parser; ``main`` does when it is called.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

USAGE_ERROR = 2
"""Exit code for an engine that isn't there and for arguments that make no sense."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments after the program's name; None means those of the process.

    Returns:
        The exit code: 0, 1 if ``doctor`` found something wrong, or 2 if the request makes no sense.
    """
    from langgraph_engine.cli.arguments import parse
    from langgraph_engine.errors import EngineError

    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        return arguments.command(arguments)
    except EngineError as error:
        # An EngineError raised by the program that `run` runs is the program's own.
        if getattr(arguments, "program_started", False):
            raise
        print(f"langgraph-engine: {error}", file=sys.stderr)
        return USAGE_ERROR
