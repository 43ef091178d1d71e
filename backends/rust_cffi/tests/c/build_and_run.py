"""Builds the C programs that use the C ABI, and runs them.

    build_and_run.py example                     a host in C: plainly, under sanitizers and valgrind
    build_and_run.py scenarios                   the protocol's scenarios, told through the ABI
    build_and_run.py fuzz --seconds 20 --seed 1  random calls from several threads

It takes a C compiler, pkg-config, cargo, msgpack-c and Jansson. On Debian and as root it installs
what is missing, and valgrind for the example; elsewhere it names the packages. The exit code is 0 if
everything went well, 1 if something failed, 2 if something is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CRATE = Path(__file__).resolve().parents[2]
BACKENDS = CRATE.parent
ROOT = BACKENDS.parent
EXAMPLE = ROOT / "examples" / "c_host"
TESTS = CRATE / "tests" / "c"
FUZZ = CRATE / "fuzz"
SCENARIOS = ROOT / "tests" / "scenarios"

# What the example and the scenarios share.
SHARED = [EXAMPLE / f"{name}.c" for name in ("values", "message", "engine", "state", "sentence")]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-O1"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Rust can instrument its own code too; stable compilers do it only when they are told twice.
RUST_TARGET = "x86_64-unknown-linux-gnu"
VALGRIND = ["valgrind", "-q", "--error-exitcode=1", "--leak-check=full"]


class MissingError(Exception):
    """Something to build or run with isn't there."""


def say(text: str) -> None:
    """Prints a line at once, so that it comes before what the programs print."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> int:
    """Runs a command, showing it; returns its exit code."""
    arguments = [str(part) for part in command]
    say(f"$ {arguments[0]} {' '.join(arguments[1:8])}{' ...' if len(arguments) > 8 else ''}")
    # A panic that is asked for needs no backtrace; the programs end with `abort` and no core.
    variables = {**os.environ, "RUST_BACKTRACE": "0", **(environment or {})}
    return subprocess.run(arguments, env=variables, check=False).returncode  # noqa: S603 - our own commands


def build(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
    """Runs a compiler, which has to succeed."""
    if run(command, environment) != 0:
        sys.exit(1)


# --- what it takes


def install(packages: Sequence[str]) -> None:
    """Installs Debian packages as root; names them to anybody else.

    Raises:
        MissingError: this isn't Debian, this isn't root, or apt-get failed.
    """
    apt = shutil.which("apt-get")
    wanted = " ".join(packages)
    if apt is None or os.geteuid() != 0:
        raise MissingError(f"Install these packages first (their names in Debian): {wanted}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    command = [apt, "install", "-y", "-q", "--no-install-recommends", *packages]
    if run(command, quiet) != 0 and (run([apt, "update", "-q"], quiet) or run(command, quiet)):
        raise MissingError(f"apt-get could not install {wanted}")


def find_or_install(program: str, package: str) -> str:
    """The path of a program, whose package is installed if it isn't there."""
    found = shutil.which(program)
    if found is None:
        install([package])
        found = shutil.which(program)
    if found is None:
        raise MissingError(f"{program} isn't there, not even with the package {package}")
    return found


def compiler() -> str:
    """The C compiler: what ``CC`` says, or the system's."""
    named = os.environ.get("CC")
    if named and shutil.which(named):
        return named
    return shutil.which("cc") or find_or_install("gcc", "gcc")


def library_flags(names: Sequence[str], packages: Sequence[str]) -> list[str]:
    """How to compile and link with a library, by the first of its pkg-config names that is there."""
    find_or_install("pkg-config", "pkg-config")

    def ask() -> list[str] | None:
        for name in names:
            command = ["pkg-config", "--cflags", "--libs", name]
            asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pkg-config
            if asked.returncode == 0:
                return asked.stdout.split()
        return None

    flags = ask()
    if flags is None:
        install(packages)
        flags = ask()
    if flags is None:
        raise MissingError(f"pkg-config knows none of {', '.join(names)}")
    return flags


def msgpack() -> list[str]:
    """Flags of msgpack-c, whose pkg-config name changed with its version 6."""
    return library_flags(["msgpack-c", "msgpack"], ["libmsgpack-dev"])


def jansson() -> list[str]:
    """Flags of Jansson."""
    return library_flags(["jansson"], ["libjansson-dev"])


# --- building


def library(*, instrumented: bool = False) -> Path:
    """Builds the static library with cargo, AddressSanitizer in its Rust code or not."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise MissingError("cargo isn't there; https://rustup.rs says how to install Rust")
    command = [cargo, "rustc", "-q", "-p", "lge-cffi", "--lib", "--crate-type", "staticlib"]
    command += ["--manifest-path", str(BACKENDS / "Cargo.toml")]
    target = Path(os.environ.get("CARGO_TARGET_DIR", BACKENDS / "target"))
    if not instrumented:
        build([*command, "--target-dir", target])
        return target / "debug" / "liblanggraph_engine.a"
    # Kept apart: cargo would otherwise build everything anew each time the flags change.
    target /= "sanitized"
    environment = {
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": "-Zsanitizer=address",
        "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
    }
    build([*command, "--target", RUST_TARGET, "--target-dir", target], environment)
    return target / RUST_TARGET / "debug" / "liblanggraph_engine.a"


@dataclass(frozen=True)
class Program:
    """A C program that uses the library."""

    name: str
    sources: Sequence[Path]
    flags: Callable[[], list[str]]
    include: Sequence[Path] = ()

    def built(self, library: Path, folder: Path, *, sanitized: bool = True) -> Path:
        """Compiles it into a folder and returns its path."""
        made = folder / (f"{self.name}_sanitized" if sanitized else self.name)
        folders = [CRATE / "include", *self.include]
        command: list[str | Path] = [compiler(), *STRICT, *(SANITIZERS if sanitized else ())]
        command += ["-D_POSIX_C_SOURCE=200809L", *(f"-I{path}" for path in folders)]
        command += [*self.sources, "-o", made, library, *self.flags()]
        build([*command, "-lpthread", "-ldl", "-lm"])
        return made


HOST = Program("host", [EXAMPLE / "host.c", *SHARED], lambda: [*msgpack(), *jansson()])
TELLER = Program(
    "scenarios",
    [TESTS / "scenarios.c", TESTS / "scenario_host.c", *SHARED],
    lambda: [*msgpack(), *jansson()],
    [EXAMPLE],
)
CALLER = Program("random_calls", sorted(FUZZ.glob("*.c")), msgpack)


# --- the commands


def example(options: argparse.Namespace, folder: Path) -> int:
    """The host in C, plainly, under the compiler's sanitizers, and under valgrind."""
    archive = library()
    plain = HOST.built(archive, folder, sanitized=False)
    graph = EXAMPLE / "graph.json"
    failed = run([plain, graph])
    failed += run([HOST.built(archive, folder), graph])
    if options.no_valgrind:
        return failed
    find_or_install("valgrind", "valgrind")
    return failed + run([*VALGRIND, plain, graph])


def scenarios(_: argparse.Namespace, folder: Path) -> int:
    """Every scenario, under the compiler's sanitizers."""
    teller = TELLER.built(library(), folder)
    return run([teller, *sorted(SCENARIOS.glob("*.json"))])


def fuzz(options: argparse.Namespace, folder: Path) -> int:
    """Random calls, under the compiler's sanitizers."""
    caller = CALLER.built(library(instrumented=options.instrument_rust), folder)
    amounts = [options.seconds, options.seed, options.threads]
    if options.episode is not None:
        amounts.append(options.episode)
    return run([caller, *(str(amount) for amount in amounts)])


def arguments() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    shown = commands.add_parser("example", help="build and run examples/c_host")
    shown.add_argument("--no-valgrind", action="store_true", help="leave valgrind out")
    shown.set_defaults(run=example)
    told = commands.add_parser("scenarios", help="replay tests/scenarios through the ABI")
    told.set_defaults(run=scenarios)
    fuzzed = commands.add_parser("fuzz", help="make random calls from several threads")
    fuzzed.add_argument("--seconds", type=int, default=20, help="how long (default: 20)")
    fuzzed.add_argument("--seed", type=int, default=1, help="what the calls follow from")
    fuzzed.add_argument("--threads", type=int, default=4, help="how many (default: 4)")
    fuzzed.add_argument(
        "--episode", type=int, help="only this one, of thread THREADS, as a violation names it"
    )
    fuzzed.add_argument(
        "--instrument-rust",
        action="store_true",
        help="the Rust code, too (x86-64 Linux, a build of its own)",
    )
    fuzzed.set_defaults(run=fuzz)
    return parser


def main() -> int:
    """Does what the command line says; returns the exit code."""
    options = arguments().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            return 1 if options.run(options, Path(folder)) else 0
        except MissingError as missing:
            say(str(missing))
            return 2


if __name__ == "__main__":
    sys.exit(main())
