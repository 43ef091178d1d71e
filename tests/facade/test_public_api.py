"""The package's names are what it says they are, and importing it costs next to nothing."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import langgraph_engine
from langgraph_engine import errors, versions

PACKAGE = Path(inspect.getfile(langgraph_engine)).resolve().parent
ROOT = PACKAGE.parent
HERE = Path(__file__).resolve().parent

HEAVY = ("argparse", "hypothesis", "langchain_core", "langgraph", "pluggy", "pytest")


def test_all_names_what_is_there():
    assert sorted(langgraph_engine.__all__) == sorted(set(langgraph_engine.__all__))
    for name in langgraph_engine.__all__:
        assert getattr(langgraph_engine, name) is not None
    public = {
        name
        for name, value in vars(langgraph_engine).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    # A star import's and a type checker's; neither is an offer.
    public -= {"annotations", "Any", "TYPE_CHECKING"}
    assert public | {"Pregel", "__version__", "errors"} == set(langgraph_engine.__all__)


def test_stats_is_the_function_even_after_its_module_was_imported():
    import langgraph_engine.stats

    assert callable(langgraph_engine.stats)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'zorp'"):
        _ = langgraph_engine.zorp


def test_dir_lists_the_lazy_names():
    assert set(langgraph_engine.__all__) <= set(dir(langgraph_engine))


def test_bare_import_loads_no_langgraph_no_engine_and_no_command_line(run_python):
    done = run_python(
        "-c", "import sys, langgraph_engine; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {*HEAVY, "langgraph_engine_python", "langgraph_engine_rust"}


def test_listing_engines_loads_no_engine_and_no_langgraph(run_python):
    done = run_python(
        "-c",
        "import sys, langgraph_engine as e; print(*[i.name for i in e.engines()]);"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))",
    )
    assert done.returncode == 0, done.stderr
    engines, loaded = done.stdout.splitlines()
    assert {"langgraph", "python"} <= set(engines.split())
    assert not set(loaded.split()) & {"langgraph", "langgraph_engine_python"}


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_an_engine_error_with_its_reason_written_down(name):
    error = getattr(errors, name)
    assert issubclass(error, errors.EngineError)
    assert error.__doc__
    assert name in (errors.__doc__ or "")


def test_errors_are_defined_in_one_module():
    classes = {n for n, value in vars(errors).items() if inspect.isclass(value)}
    assert classes == set(errors.__all__)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_every_module_all_names_what_the_module_defines(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    listed: list[str] = []
    bound: set[str] = set()
    for node in tree.body:
        bound |= names_bound_by(node)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            listed = ast.literal_eval(node.value)
    lazy = {"Pregel"} if path.parent == PACKAGE and path.name == "__init__.py" else set()
    assert set(listed) <= bound | lazy
    assert len(listed) == len(set(listed))


def names_bound_by(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, (ast.If, ast.Try)):
        return set().union(*(names_bound_by(inner) for inner in node.body))
    return {
        name.id
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


def test_versions_agree_everywhere():
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("tested from a source tree only")
    found = {"langgraph_engine": langgraph_engine.__version__}
    for manifest in (
        "pyproject.toml",
        "backends/Cargo.toml",
        "backends/python_ref/pyproject.toml",
        "backends/rust_cffi/pyproject.toml",
    ):
        text = (ROOT / manifest).read_text(encoding="utf-8")
        found[manifest] = re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1]
    for pinned in re.findall(
        r"langgraph-engine-\w+==([\d.]+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ):
        found[f"pinned {pinned}"] = pinned
    assert set(found.values()) == {langgraph_engine.__version__}, found


def test_tested_range_is_the_dependency():
    text = (HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"langgraph{versions.LANGGRAPH_RANGE}"' in text


def test_every_release_of_the_range_but_the_newest_is_tested_as_an_older_one():
    ends = re.fullmatch(r">=1\.2\.(\d+),<=1\.2\.(\d+)", versions.LANGGRAPH_RANGE)
    older = [f"1.2.{patch}" for patch in range(int(ends[1]), int(ends[2]))]
    lists = (HERE.parent / "upstream" / "releases").glob("*/passing-on-stock.txt")
    assert sorted(path.parent.name for path in lists) == older
    text = (HERE.parents[1] / "noxfile.py").read_text(encoding="utf-8")
    assert ast.literal_eval(re.search(r"^OLDER_RELEASES = (.+)$", text, re.MULTILINE)[1]) == tuple(
        older
    )
