"""The one door: everything this project can do to itself, for people and for CI alike.

    nox -s demo        build what can be built here, and show an agent on every engine
    nox -s tests       everything a change must pass
    nox --list         the rest

What is tested is always built and installed first, never imported from the working tree. Without a
Rust toolchain the sessions say so and go on with the python engine.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests"]

ROOT = Path(__file__).parent
BACKENDS = ROOT / "backends"
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
MAIN = "3.11"
TEST_TOOLS = (
    "anyio>=4",  # runs are cancelled through its scopes
    "hatchling>=1.24",
    "hypothesis>=6.100",
    "langgraph-checkpoint-postgres>=3",  # threads are handed over in a database
    "langgraph-checkpoint-sqlite>=3",  # and in a file
    "psycopg[binary]>=3.2",
    "pyperf>=2.8",  # results of the benchmark are written for it
    "pytest>=8",
    "pytest-timeout",
    "pytest-xdist",
)
LONG = "tests/facade/test_running_ahead.py::test_it_saves_what_stock_saves"
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4")
LINTER = "ruff>=0.12"
TYPE_CHECKER = "mypy>=1.14"
BUILDER = "maturin>=1.9,<2"
OLDER_RELEASES = ("1.2.19", "1.2.20", "1.2.21", "1.2.22", "1.2.23")
"""Every LangGraph of the supported range but the newest, which the other sessions test."""


# --- what there is to build, and what to build it with


@dataclass(frozen=True)
class Distribution:
    """One of the project's distributions.

    ``sources`` are what its wheel is made of; a wheel is built again when one of them changed.
    ``per_python`` says that each Python version needs a wheel of its own.
    """

    name: str
    folder: Path
    sources: tuple[Path, ...]
    rust: bool = False
    per_python: bool = False


WORKSPACE = (BACKENDS / "Cargo.toml", BACKENDS / "Cargo.lock", BACKENDS / "rust_core")
FACADE = Distribution(
    "langgraph-engine",
    ROOT,
    # The scenarios travel with the conformance suite, which is part of the package.
    tuple(
        ROOT / name
        for name in (
            "langgraph_engine",
            "tests/scenarios",
            "pyproject.toml",
            "README.md",
            "LICENSE",
        )
    ),
)
PYTHON = Distribution(
    "langgraph-engine-python", BACKENDS / "python_ref", (BACKENDS / "python_ref",)
)
RUST = Distribution(
    "langgraph-engine-rust",
    BACKENDS / "rust_pyo3",
    (*WORKSPACE, BACKENDS / "rust_pyo3"),
    rust=True,
    per_python=True,
)
CFFI = Distribution(
    "langgraph-engine-cffi",
    BACKENDS / "rust_cffi",
    (*WORKSPACE, BACKENDS / "rust_cffi"),
    rust=True,
)
EVERYTHING = (FACADE, PYTHON, RUST, CFFI)
NO_TOOLCHAIN = "no Rust toolchain (no cargo on the PATH): python engine only"


def has_cargo() -> bool:
    """Whether the native engines can be built here."""
    return shutil.which("cargo") is not None


def install(session: nox.Session, *others: str) -> None:
    """Build what can be built here, and install it with ``others`` into the session."""
    built = [d for d in EVERYTHING if has_cargo() or not d.rust]
    if not has_cargo():
        session.warn(NO_TOOLCHAIN)
    paths = [str(wheel(session, distribution)) for distribution in built]
    # pip takes a wheel of a version that is installed already for the same thing, which it isn't.
    names = [distribution.name for distribution in EVERYTHING]
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", *names, silent=True)
    session.install(*paths, *others)


def wheel(session: nox.Session, distribution: Distribution) -> Path:
    """The wheel of a distribution as it is in the tree, for the session's Python; cached."""
    tag = session_python(session) if distribution.per_python else "any"
    folder = ROOT / ".nox" / "wheels" / f"{distribution.name}-{tag}-{digest(distribution)}"
    if not any(folder.glob("*.whl")):
        session.log(f"building {distribution.name}")
        scratch = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        build(session, distribution, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    return next(folder.glob("*.whl"))


def build(session: nox.Session, distribution: Distribution, folder: Path) -> None:
    """Build one wheel into a folder."""
    if distribution.rust:
        session.install(BUILDER, "cffi>=1.16", "pip")
        maturin = ["maturin", "build", "--release", "--out", str(folder)]
        # The interpreter's own path, not the session's: a path that changes from session to session
        # would have every one of them compile PyO3 again. cffi is asked in the session's.
        maturin += ["--interpreter", base_python(session) if distribution.per_python else "python"]
        # What `maturin develop` leaves in the tree would be in the wheel twice.
        for left_behind in distribution.folder.glob("python/*/_native"):
            shutil.rmtree(left_behind)
        with session.chdir(distribution.folder):
            session.run(*maturin, env=cargo_environment())
    else:
        command = ["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
        session.run("python", "-m", *command, str(distribution.folder))


def cargo_environment() -> dict[str, str]:
    """One target folder for every build of the workspace."""
    return {"CARGO_TARGET_DIR": str(BACKENDS / "target")}


def digest(distribution: Distribution) -> str:
    """Short hash of everything a distribution is made of."""
    state = hashlib.sha256()
    for source in distribution.sources:
        for path in sorted(files_in(source)):
            state.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()[:16]


def files_in(source: Path) -> Iterator[Path]:
    """The files of a folder, or the one file; without what tools leave behind."""
    if source.is_file():
        yield source
        return
    for path in source.rglob("*"):
        left_behind = {"__pycache__", "_native", "target"}.intersection(path.parts)
        if path.is_file() and not left_behind and path.suffix not in {".so", ".pyd", ".dylib"}:
            yield path


# --- which interpreters there are


def found_interpreters() -> list[str]:
    """Versions of the supported Pythons that are here, the one nox runs on among them."""
    offer_pyenv_versions()
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [v for v in SUPPORTED if v == own or answers(f"python{v}", v)]


def answers(program: str, version: str) -> bool:
    """Whether a program is there and is that Python: a version manager's shim may be neither."""
    if shutil.which(program) is None:
        return False
    question = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    return output_of(program, "-c", question).strip() == version


def output_of(*command: str) -> str:
    """What a program prints; nothing if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def offer_pyenv_versions() -> None:
    """Let pyenv's shims find every installed version, the current one first."""
    if "PYENV_VERSION" in os.environ or shutil.which("pyenv") is None:
        return
    current = output_of("pyenv", "version-name").strip()
    bare = output_of("pyenv", "versions", "--bare").split()
    plain = [v for v in bare if re.fullmatch(r"3\.\d+\.\d+", v)]
    newest = {v.rpartition(".")[0]: v for v in sorted(plain, key=version_key)}
    others = [newest[v] for v in SUPPORTED if v in newest]
    if current and others:
        order = dict.fromkeys([*current.split(":"), *others])
        os.environ["PYENV_VERSION"] = ":".join(order)


def version_key(version: str) -> tuple[int, ...]:
    """For sorting versions as numbers."""
    return tuple(map(int, version.split(".")))


INTERPRETERS = found_interpreters()
DEFAULT = MAIN if MAIN in INTERPRETERS else INTERPRETERS[-1] if INTERPRETERS else None
OTHERS = [version for version in INTERPRETERS if version != DEFAULT]


def session_python(session: nox.Session) -> str:
    """The session's Python version, such as 3.11."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    return ask_python(session, question)


def base_python(session: nox.Session) -> str:
    """The interpreter that the session's virtual environment was made of."""
    return ask_python(session, "import os, sys; print(os.path.realpath(sys.executable))")


def ask_python(session: nox.Session, question: str) -> str:
    """What the session's Python prints."""
    return str(session.run("python", "-c", question, silent=True)).strip()


# --- sessions


@nox.session(python=DEFAULT)
def demo(session: nox.Session) -> None:
    """An agent on stock LangGraph and on every engine: same results, and the times."""
    install(session)
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session(python=DEFAULT)
def tests(session: nox.Session) -> None:
    """Everything a change must pass; the sessions it consists of are run after it."""
    if session.posargs:
        install(session, *TEST_TOOLS)
        session.run("pytest", *session.posargs)
        return
    install(session, *TEST_TOOLS)
    session.log("the project's own tests, on every engine that is here")
    native = [] if has_cargo() else ["--ignore=tests/native"]
    # By files: what an application's runs leave is recorded once for all tests of a file.
    session.run("pytest", "-q", *SIDE_BY_SIDE, "--dist=loadfile", "tests", *native)
    for engine in engines():
        run_conformance(session, engine)
    others = ("lint", "types", "rust", "c_host", "docs")
    for name in (*others, *(f"smoke-{version}" for version in OTHERS)):
        if not asked_for(name):
            session.notify(name)


def asked_for(name: str) -> bool:
    """Whether the command line names a session, so that it has been or will be run anyway."""
    return name in sys.argv or name.partition("-")[0] in sys.argv


@nox.session(python=OTHERS or DEFAULT)
def smoke(session: nox.Session) -> None:
    """A quick look at the other interpreters: facade, some parity, the protocol's scenarios.

    The long comparison with stock is left to the main and the newest interpreter, the facade to those and the oldest;
    with arguments for pytest it is tested here too. Without them it is so with two of our engines: cffi has
    Python as python has, and a library that no interpreter makes different.
    """
    install(session, *TEST_TOOLS)
    version = session_python(session)
    shorter = [] if version == SUPPORTED[-1] else [f"--deselect={LONG}"]
    if version in {SUPPORTED[0], SUPPORTED[-1]} or session.posargs:
        chosen = session.posargs or ["-k", "not cffi or cffi_library"]
        session.run("pytest", "-q", *SIDE_BY_SIDE, "tests/facade", *shorter, *chosen)
    some = ("-k", "chain or react_agent or interrupt_and_resume")
    session.run("pytest", "-q", *SIDE_BY_SIDE, "--dist=loadfile", "tests/parity", *some)
    for engine in engines():
        run_conformance(session, engine)


@nox.session(python=DEFAULT)
@nox.parametrize("engine", ["python", "rust", "cffi"])
def conformance(session: nox.Session, engine: str) -> None:
    """The conformance suite on one engine."""
    need_toolchain_for(session, engine)
    install(session, *TEST_TOOLS)
    run_conformance(session, engine, *session.posargs)


def engines() -> list[str]:
    """The engines that can be built here."""
    return ["python", "rust", "cffi"] if has_cargo() else ["python"]


def run_conformance(session: nox.Session, engine: str, *options: str) -> None:
    """Run the conformance suite, with the scenario files of the tree."""
    session.log(f"conformance of the {engine} engine")
    command = ["-m", "langgraph_engine.conformance", "--engine", engine]
    command += ["--json", f"conformance-{engine}.json", "--scenarios", "tests/scenarios", "-q"]
    session.run("python", *command, *options)


def need_toolchain_for(session: nox.Session, engine: str) -> None:
    """Skip the session, saying why, if its engine can't be built."""
    if engine != "python" and not has_cargo():
        session.skip(NO_TOOLCHAIN)


@nox.session(python=DEFAULT)
@nox.parametrize("mode", ["fallback", "raise"])
@nox.parametrize("engine", ["python", "rust", "cffi"])
def upstream(session: nox.Session, engine: str, mode: str) -> None:
    """LangGraph's own test suite on one engine; arguments go to tests/upstream/run.py."""
    need_toolchain_for(session, engine)
    install(session, "-r", "tests/upstream/requirements.txt")
    run_upstream(session, "--engine", engine, "--unsupported", mode)


@nox.session(python=DEFAULT)
def upstream_stock(session: nox.Session) -> None:
    """LangGraph's own test suite on stock LangGraph: what the engines are compared with."""
    install(session, "-r", "tests/upstream/requirements.txt")
    run_upstream(session)


@nox.session(python=OTHERS or DEFAULT)
@nox.parametrize("engine", ["python", "rust", "cffi"])
def upstream_elsewhere(session: nox.Session, engine: str) -> None:
    """LangGraph's own test suite on the other interpreters, nothing handed back, without servers."""
    need_toolchain_for(session, engine)
    install(session, "-r", "tests/upstream/requirements.txt")
    run_upstream(session, "--engine", engine, "--unsupported", "raise", "--services", "none")


@nox.session(python=DEFAULT)
@nox.parametrize("engine", ["langgraph", "python", "rust"])
@nox.parametrize("release", OLDER_RELEASES)
def upstream_release(session: nox.Session, release: str, engine: str) -> None:
    """An older LangGraph's own test suite, on stock or on an engine, without services."""
    need_toolchain_for(session, "python" if engine == "langgraph" else engine)
    install(session, f"langgraph=={release}", "-r", "tests/upstream/requirements.txt")
    run_upstream(session, "--engine", engine, "--unsupported", "raise", "--services", "none")


@nox.session(python=DEFAULT)
@nox.parametrize("release", OLDER_RELEASES)
def parity_release(session: nox.Session, release: str) -> None:
    """The parity programs on an older LangGraph, on every engine."""
    install(session, f"langgraph=={release}", *TEST_TOOLS)
    programs = ["tests/parity/test_apps.py", "tests/parity/test_resume_across.py"]
    session.run("pytest", "-q", *programs, *session.posargs)


def run_upstream(session: nox.Session, *options: str) -> None:
    """Run LangGraph's suite, with Postgres and Redis unless the command line says otherwise."""
    command = ["-m", "tests.upstream.run", "--services", "auto", *options, *session.posargs]
    # Time to stop the servers after Ctrl-C.
    session.run("python", *command, interrupt_timeout=30, terminate_timeout=30)


@nox.session(python=DEFAULT)
def bench(session: nox.Session) -> None:
    """Times of stock and every engine, interleaved.

    ``-- --quick`` is shorter; ``-- --docs`` writes docs/benchmarks.md; ``-- --judge`` fails if a target is missed.
    """
    install(session, "matplotlib>=3.8", "pyperf>=2.8")
    command = ["-m", "langgraph_engine.bench", "--json", "bench.json", *langgraphs_bench(session)]
    session.run("python", *command, *session.posargs)


def langgraphs_bench(session: nox.Session) -> list[str]:
    """Options that name LangGraph's own benchmark graphs; none, with a warning, where they can't be had."""
    question = "from tests.upstream.suite import unpacked_suite; print(unpacked_suite())"
    answer = session.run("python", "-c", question, silent=True, success_codes=[0, 1])
    folder = Path(str(answer).strip().rpartition("\n")[2])
    if folder.is_dir():
        return ["--langgraph", str(folder)]
    session.warn("LangGraph's source distribution could not be downloaded: without its benchmarks")
    return []


@nox.session(python=DEFAULT)
def core_bench(session: nox.Session) -> None:
    """Commits in the core alone, then on stock and every engine in turn; ``-- --quick --judge``."""
    need_toolchain_for(session, "rust")
    install(session)
    quick = ["--quick"] if "--quick" in session.posargs else []
    with session.chdir(BACKENDS):
        command = ["cargo", "bench", "--locked", "--package", "lge-core", "--bench", "commit", "--"]
        session.run(*command, *quick, env=cargo_environment(), external=True)
    # It reads what Criterion stored.
    command = ["tests/native/commit_against_stock.py", "--json", "bench-core.json"]
    session.run("python", *command, *session.posargs, env=cargo_environment())


@nox.session(python=DEFAULT)
def lint(session: nox.Session) -> None:
    """Style of the Python, and the house rules no linter knows."""
    session.install(LINTER)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    broken = [*private_imports(), *machine_paths()]
    if broken:
        session.error("\n".join(["house rules:", *broken]))


def private_imports() -> Iterator[str]:
    """Names of LangGraph's private modules imported elsewhere than in upstream.py."""
    home = ROOT / "langgraph_engine" / "upstream.py"
    for path in sorted(files_in(ROOT / "langgraph_engine")):
        if path.suffix != ".py" or path == home:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if any(is_private(name) for name in imported(node)):
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield f"{where}: a private name of LangGraph; import it in upstream.py"


def imported(node: ast.AST) -> list[str]:
    """Full names that an import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def is_private(name: str) -> bool:
    """Whether a full name lies behind an underscore of LangGraph's or LangChain's."""
    parts = name.split(".")
    return parts[0] in {"langgraph", "langchain_core"} and any(
        part.startswith("_") and not part.startswith("__") for part in parts
    )


def machine_paths() -> Iterator[str]:
    """Paths of somebody's machine, in any file that git keeps."""
    listed = output_of("git", "ls-files", "--cached", "--others", "--exclude-standard")
    suspicious = re.compile(r"(?<![\w.$}~*-])/(?:home|root|Users)/\w")
    for name in listed.splitlines():
        path = ROOT / name
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        for number, line in enumerate(text.splitlines(), 1):
            if suspicious.search(line):
                yield f"{name}:{number}: a path of somebody's machine"


@nox.session(python=DEFAULT)
def types(session: nox.Session) -> None:
    """Types of the Python, strictly, and stubs against the built native module."""
    install(session, TYPE_CHECKER, "types-cffi", "pytest", "hypothesis")
    session.run("mypy")
    session.run("mypy", str(BACKENDS / "python_ref" / "langgraph_engine_python"))
    if has_cargo():
        session.run("mypy", str(BACKENDS / "rust_pyo3" / "python" / "langgraph_engine_rust"))
        session.run("mypy", str(BACKENDS / "rust_cffi" / "python" / "langgraph_engine_cffi"))
        session.run("python", "-m", "mypy.stubtest", "langgraph_engine_rust._native")


@nox.session(python=DEFAULT)
def rust(session: nox.Session) -> None:
    """Format, lints, documentation and tests of the Rust workspace."""
    need_toolchain_for(session, "rust")
    environment = cargo_environment() | {"PYO3_PYTHON": base_python(session)}

    def cargo(*arguments: str, **more: str) -> None:
        session.run("cargo", *arguments, env=environment | more, external=True)

    with session.chdir(BACKENDS):
        cargo("fmt", "--all", "--check")
        cargo("clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings")
        cargo("doc", "--workspace", "--no-deps", "--locked", RUSTDOCFLAGS="-D warnings")
        if shutil.which("cargo-nextest"):
            cargo("nextest", "run", "--workspace", "--locked")
            cargo("test", "--doc", "--locked", "--package", "lge-core")
        else:
            cargo("test", "--workspace", "--locked")


@nox.session(python=DEFAULT)
def c_host(session: nox.Session) -> None:
    """Hosts in C: the example, the protocol's scenarios, and random calls under sanitizers.

    ``-- fuzz --seconds 600`` is longer; what follows ``--`` goes to the script.
    """
    need_toolchain_for(session, "cffi")
    quick = (["example"], ["scenarios"], ["fuzz", "--seconds", "20"])
    for arguments in [session.posargs] if session.posargs else quick:
        script = BACKENDS / "rust_cffi" / "tests" / "c" / "build_and_run.py"
        session.run("python", str(script), *arguments, env=cargo_environment())


@nox.session(python=DEFAULT)
def soak(session: nox.Session) -> None:
    """A million supersteps on each engine leave nothing behind; ``-- --supersteps N`` is another number."""
    install(session)
    for engine in engines():
        session.run("python", "tests/native/soak.py", engine, *session.posargs)


@nox.session(python=DEFAULT)
def docs(session: nox.Session) -> None:
    """Examples in docstrings and pages run; links between our pages lead somewhere."""
    install(session, *TEST_TOOLS)
    modules = ["langgraph_engine", "backends/python_ref", "tests/upstream/baseline.py"]
    command = ["--doctest-modules", "--ignore=langgraph_engine/conformance/suite", *modules]
    session.run("pytest", "-q", "-p", "no:cacheprovider", *command)
    session.run("python", "docs/check_links.py")


@nox.session(python=DEFAULT)
def wheels(session: nox.Session) -> None:
    """All the wheels into dist/: those of one Python, for this machine."""
    target = ROOT / "dist"
    target.mkdir(exist_ok=True)
    for distribution in EVERYTHING:
        if distribution.rust and not has_cargo():
            session.warn(NO_TOOLCHAIN)
            continue
        built = wheel(session, distribution)
        shutil.copy2(built, target / built.name)
        session.log(f"dist/{built.name}")
