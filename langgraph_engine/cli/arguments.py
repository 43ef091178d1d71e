"""The arguments of the ``langgraph-engine`` command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import langgraph_engine
from langgraph_engine.cli import bench, doctor, engines_table, run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Arguments", "parse"]

ENGINE_HELP = (
    "the engine to use: rust, cffi, python, langgraph (stock), auto (the best one installed) or a "
    "third-party engine's name; without it, the variable LANGGRAPH_ENGINE, else auto"
)
UNSUPPORTED_HELP = (
    "what to do with runs the engine doesn't cover: hand them to stock LangGraph (fallback) or fail "
    "(raise); without it, the variable LANGGRAPH_ENGINE_UNSUPPORTED, else fallback"
)
TOP_HELP = """\
Run LangGraph programs on another engine, and see which engine runs what.

The engine can be switched on without this command: set LANGGRAPH_ENGINE=<name> and start the program
as usual.
"""
RUN_HELP = """\
Install an engine, then run a Python program as python itself would: same sys.argv, same __main__,
same exit code. Use it where start-up hooks are switched off; elsewhere LANGGRAPH_ENGINE is enough.

Options of this command stand before the program; everything after it is the program's own.
"""
RUN_EXAMPLES = """\
examples:
  langgraph-engine run app.py --port 8000
  langgraph-engine run --engine python -m my_package.app
"""
DOCTOR_HELP = """\
Install an engine in this process and report: versions, engines, the start-up hook, and for each
method of LangGraph's Pregel a proof that the engine's own is the one really called. Exits with 1 if
one is not.

With a graph it also says what of it the engine would hand back to stock LangGraph, and why.
"""
BENCH_HELP = """\
Time a graph of yours on stock LangGraph and on an engine, in turns. Before that the results are
compared: an engine that gives another one is reported, and the command exits with 1.

It also says what share of stock's time passes inside the nodes, which no engine can shorten. Each
run of a graph with a saver gets a thread of its own, which is deleted afterwards.
"""
BENCH_EXAMPLES = """\
examples:
  langgraph-engine bench app:graph --input question.json
  echo '{"count": 0}' | langgraph-engine bench app:graph --input - --mode both --engine rust,python
"""


class Arguments(argparse.Namespace):
    """What the command line asks for."""

    command: Callable[[Arguments], int]
    engine: str | None
    unsupported: str | None
    graph: str | None
    module: bool
    program: list[str]
    program_started: bool
    input: str
    config: str | None
    mode: str
    runs: int | None
    seconds: float
    json: str | None


def parse(argv: Sequence[str]) -> Arguments:
    """Turn the command line into `Arguments`; print help or usage and exit where that was asked."""
    own, program, is_module = _split(argv)
    parser = _parser()
    arguments = parser.parse_args(own, namespace=Arguments())
    if own[:1] == ["run"] and not program:
        parser.error("run needs a program: a path, or -m and a module")
    arguments.program = program
    arguments.module = is_module
    arguments.program_started = False
    return arguments


def _split(argv: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """Part a ``run`` command line into its own arguments and the program's, as python does.

    argparse would take the program's options for its own.
    """
    arguments = list(argv)
    if arguments[:1] != ["run"]:
        return arguments, [], False
    at = 1
    while at < len(arguments):
        if arguments[at] == "-m":
            return arguments[:at], arguments[at + 1 :], True
        if not arguments[at].startswith("-"):
            return arguments[:at], arguments[at:], False
        at += 2 if arguments[at] in {"--engine", "--unsupported"} else 1
    return arguments, [], False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="langgraph-engine",
        description=TOP_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=langgraph_engine.__version__)
    commands = parser.add_subparsers(title="commands", metavar="<command>", required=True)

    engines = commands.add_parser(
        "engines",
        help="list the engines",
        description="List the engines that can be chosen here, and how to add the others. "
        "None of them is imported.",
        allow_abbrev=False,
    )
    engines.set_defaults(command=engines_table.command)

    check = commands.add_parser(
        "doctor",
        help="show what is patched, and what of a graph would be handed back",
        description=DOCTOR_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    check.add_argument("--engine", metavar="NAME", help=ENGINE_HELP)
    check.add_argument(
        "graph",
        nargs="?",
        metavar="module:graph",
        help="a compiled graph, or a function without arguments that returns one",
    )
    check.set_defaults(command=doctor.command)

    _add_bench(commands)

    run = commands.add_parser(
        "run",
        help="run a program with an engine installed",
        description=RUN_HELP,
        epilog=RUN_EXAMPLES,
        usage="langgraph-engine run [--engine NAME] [--unsupported WHAT] "
        "(program.py | -m module) [argument ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("--engine", metavar="NAME", help=ENGINE_HELP)
    run.add_argument(
        "--unsupported", metavar="WHAT", choices=("fallback", "raise"), help=UNSUPPORTED_HELP
    )
    run.set_defaults(command=run_program.command)
    return parser


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    own = commands.add_parser(
        "bench",
        help="time a graph of yours on stock and on an engine",
        description=BENCH_HELP,
        epilog=BENCH_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    own.add_argument(
        "graph",
        metavar="module:graph",
        help="a compiled graph, or a function without arguments that returns one",
    )
    own.add_argument(
        "--input",
        metavar="FILE",
        required=True,
        help="JSON that the graph is invoked with; - is standard input",
    )
    own.add_argument("--config", metavar="FILE", help="JSON object: the config of each run")
    own.add_argument(
        "--engine",
        metavar="NAME",
        help="the engine to compare with stock, or several, separated by commas; without it, the "
        "variable LANGGRAPH_ENGINE, else the best one installed",
    )
    own.add_argument(
        "--mode",
        choices=("sync", "async", "both"),
        default="sync",
        help="invoke, ainvoke or both; sync without it",
    )
    long = own.add_mutually_exclusive_group()
    long.add_argument(
        "--seconds",
        type=_positive(float),
        default=2.0,
        metavar="S",
        help="how long each engine is timed in each mode; 2 without it",
    )
    long.add_argument(
        "--runs",
        type=_positive(int),
        metavar="N",
        help="time N runs of each instead, one by one: for graphs that take long or cost money",
    )
    own.add_argument("--json", metavar="OUT", help="a file to store the result in")
    own.set_defaults(command=bench.command)


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """A number above zero, of that kind."""

    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"'{text}' is not a number above zero")
        return value

    return number
