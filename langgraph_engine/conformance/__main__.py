"""Runs the suite: ``python -m langgraph_engine.conformance --engine NAME``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

__all__ = ["main", "options", "pytest_arguments"]

_SUITE = Path(__file__).with_name("suite")
_TIMEOUTS = {"quick": 600, "long": 14_400}
"""Seconds a test may take in each profile, when pytest-timeout is installed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite with pytest and return its exit code, or 2 if it can't be run."""
    chosen, rest = options(arguments)
    missing = [name for name in ("pytest", "hypothesis") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"the conformance suite needs {' and '.join(missing)}; "
            "add it with: pip install 'langgraph-engine[conformance]'\n"
        )
        return 2
    return _run(chosen, rest)


def options(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Split a command line into the suite's options and pytest's."""
    parser = argparse.ArgumentParser(
        prog="python -m langgraph_engine.conformance",
        description="Tests an engine against the protocol of langgraph_engine.",
        epilog="Everything else is handed to pytest: -k, -x, -q, ...",
    )
    parser.add_argument("--engine", default="python", help="registered name, or module:attribute")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--scenarios", type=Path, help="folder of scenario files")
    parser.add_argument("--profile", default="quick", choices=sorted(_TIMEOUTS))
    parser.add_argument("--found", type=Path, help="folder for what property tests find")
    return parser.parse_known_args(arguments)


def _run(chosen: argparse.Namespace, rest: Sequence[str]) -> int:
    import pytest

    from langgraph_engine.conformance.engines import find_engine
    from langgraph_engine.errors import EngineError

    try:
        find_engine(chosen.engine)
    except EngineError as error:
        sys.stderr.write(f"langgraph_engine.conformance: {error}\n")
        return 2
    return int(pytest.main(pytest_arguments(chosen, rest)))


def pytest_arguments(chosen: argparse.Namespace, rest: Sequence[str]) -> list[str]:
    """What pytest is called with; its configuration is the suite's own, wherever it is run."""
    arguments = [
        str(_SUITE),
        f"--config-file={_SUITE / 'pytest.ini'}",
        f"--rootdir={_SUITE}",
        "-p",
        "langgraph_engine.conformance.plugin",
        "-p",
        "no:cacheprovider",
        f"--conformance-engine={chosen.engine}",
        f"--conformance-profile={chosen.profile}",
    ]
    for name in ("json", "scenarios", "found"):
        value = getattr(chosen, name)
        if value is not None:
            arguments.append(f"--conformance-{name}={value.absolute()}")
    if find_spec("pytest_timeout") is not None:
        arguments.append(f"--timeout={_TIMEOUTS[chosen.profile]}")
    return [*arguments, *rest]


if __name__ == "__main__":
    raise SystemExit(main())
