"""With LANGGRAPH_ENGINE set a program runs on the engine; with it unset nothing happens at all."""

from __future__ import annotations

import sys

import pytest

ON_STOCK = "{'number': 2}\nstock\n"
ON_PYTHON = "{'number': 2}\n{'python': {'invoke': 1}}\n"

IS_PATCHED = """
from langgraph.pregel import Pregel
import langgraph_engine.pregel, sys
print(all(Pregel.__dict__[n] is m for n, m in langgraph_engine.pregel.METHODS.items()))
print([f for f in sys.meta_path if type(f).__module__ == "langgraph_engine.startup_hook"])
"""
PATCHED = "True\n[]\n"

WAYS_TO_START = {
    "script": ("app.py",),
    "module": ("-m", "app"),
    "command": ("-c", "import runpy; runpy.run_path('app.py', run_name='__main__')"),
    "isolated": ("-I", "app.py"),
}

FIRST_IMPORTS = (
    "from langgraph.pregel import Pregel",
    "import langgraph.pregel.main",
    "from langgraph.graph import StateGraph",
    "from langgraph.graph.state import CompiledStateGraph",
    "from langgraph.func import entrypoint",
    "from langgraph.prebuilt import ToolNode",
    "import langgraph.types, langgraph.pregel",
    "import importlib; importlib.import_module('langgraph.pregel.remote')",
)


def test_hook_is_one_line_that_imports_nothing_without_the_variable(hook_file):
    line = hook_file.read_text(encoding="utf-8")
    assert line.startswith('import os; os.environ.get("LANGGRAPH_ENGINE") and ')
    assert line.count("\n") == 1


def test_variable_unset_imports_nothing(run_python):
    done = run_python("-X", "importtime", "-c", "pass")
    assert done.returncode == 0
    assert "encodings" in done.stderr
    assert "langgraph" not in done.stderr


@pytest.mark.parametrize("value", ["", "langgraph"])
def test_no_engine_wanted_leaves_imports_alone(run_python, value):
    done = run_python(
        "-c",
        "import sys; print([type(f).__module__ for f in sys.meta_path])",
        LANGGRAPH_ENGINE=value,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "langgraph_engine" not in done.stdout


def test_program_runs_on_stock_without_the_variable(run_python):
    done = run_python("app.py")
    assert (done.stdout, done.stderr, done.returncode) == (ON_STOCK, "", 0)


@pytest.mark.parametrize("way", WAYS_TO_START)
def test_program_that_never_mentions_it_runs_on_the_engine(run_python, way):
    done = run_python(*WAYS_TO_START[way], LANGGRAPH_ENGINE="python")
    assert (done.stdout, done.stderr, done.returncode) == (ON_PYTHON, "", 0)


def test_tests_run_on_the_engine(run_python, tmp_path):
    (tmp_path / "test_app.py").write_text(
        "def test_app():\n"
        "    from app import graph\n"
        "    assert graph.invoke({'number': 1}) == {'number': 2}\n"
        "    from langgraph_engine import stats\n"
        "    assert stats()['native'] == {'python': {'invoke': 1}}\n"
    )
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", LANGGRAPH_ENGINE="python")
    assert done.returncode == 0, done.stdout


def test_langgraph_is_imported_only_if_the_program_does(run_python):
    done = run_python(
        "-c",
        "import sys; print([m for m in sys.modules if m.split('.')[0] in "
        "('langgraph', 'langchain_core', 'pluggy', 'langgraph_engine_python')])",
        LANGGRAPH_ENGINE="python",
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("first", FIRST_IMPORTS)
def test_whatever_is_imported_first(run_python, first):
    done = run_python("-c", first + IS_PATCHED, LANGGRAPH_ENGINE="python")
    assert (done.stdout, done.stderr) == (PATCHED, "")


def test_no_warnings(run_python):
    done = run_python("-W", "error", "app.py", LANGGRAPH_ENGINE="python")
    assert (done.stdout, done.stderr) == (ON_PYTHON, "")


def test_modules_keep_their_own_loader(run_python):
    done = run_python(
        "-c",
        "import langgraph.pregel.main as m, inspect; "
        "print(type(m.__loader__).__name__, type(m.__spec__.loader).__name__, "
        "len(inspect.getsource(m.Pregel)) > 1000)",
        LANGGRAPH_ENGINE="python",
    )
    assert done.stdout == "SourceFileLoader SourceFileLoader True\n"


def test_unknown_engine_fails_the_import_with_one_sentence(run_python):
    done = run_python("app.py", LANGGRAPH_ENGINE="zorp")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("langgraph_engine.errors.EngineNotFoundError: Engine 'zorp' is not")


def test_setting_without_meaning_fails_the_import(run_python):
    done = run_python("app.py", LANGGRAPH_ENGINE="python", LANGGRAPH_ENGINE_UNSUPPORTED="maybe")
    assert done.returncode == 1
    assert "LANGGRAPH_ENGINE_UNSUPPORTED is 'maybe'" in done.stderr


def test_program_that_ignores_the_error_never_runs_on_another_engine(run_python, tmp_path):
    (tmp_path / "stubborn.py").write_text(
        "for _ in range(2):\n"
        "    try:\n"
        "        import langgraph.graph\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "from langgraph.channels import LastValue\n"
        "from langgraph.pregel import NodeBuilder, Pregel\n"
        "node = NodeBuilder().subscribe_only('a').do(lambda a: a + 1).write_to('b')\n"
        "graph = Pregel(nodes={'n': node}, channels={'a': LastValue(int), 'b': LastValue(int)},\n"
        "    input_channels='a', output_channels='b')\n"
        "try:\n"
        "    print(graph.invoke(1))\n"
        "except Exception as error:\n"
        "    print('run:', type(error).__name__)\n"
        "import langgraph_engine\n"
        "langgraph_engine.install('python')\n"
        "print(graph.invoke(1), langgraph_engine.stats()['native'])\n"
        "langgraph_engine.uninstall()\n"
        "print(graph.invoke(1), langgraph_engine.stats()['native'])\n"
    )
    done = run_python("stubborn.py", LANGGRAPH_ENGINE="zorp")
    assert done.stdout.splitlines() == [
        "EngineNotFoundError",
        "EngineNotFoundError",
        "run: EngineNotFoundError",
        "2 {'python': {'invoke': 1}}",
        "2 {'python': {'invoke': 1}}",
    ], done.stderr


@pytest.mark.parametrize("imports", ["", "import langgraph.graph; "])
def test_explicit_call_overrules_the_variable(run_python, imports):
    chosen = f"{imports}import langgraph_engine as e; e.install('langgraph'); import app; "
    done = run_python(
        "-c",
        chosen + "print(app.graph.invoke({'number': 1}), e.active(), e.stats()['native'])",
        LANGGRAPH_ENGINE="python",
    )
    assert done.stdout == "{'number': 2} langgraph {}\n", done.stderr


def test_explicit_call_before_langgraph_needs_no_valid_variable(run_python):
    done = run_python(
        "-c",
        "import langgraph_engine as e; e.install('python'); import app; "
        "print(app.graph.invoke({'number': 1}), e.stats()['native'])",
        LANGGRAPH_ENGINE="zorp",
    )
    assert done.stdout == "{'number': 2} {'python': {'invoke': 1}}\n", done.stderr


def test_other_import_hooks_may_wrap_the_same_methods(run_python, tmp_path):
    """As tracing libraries do, the moment LangGraph's module is there."""
    (tmp_path / "traced.py").write_text(
        "import functools, importlib.util, sys\n"
        "class Loader:\n"
        "    def __init__(self, loader): self.loader = loader\n"
        "    def __getattr__(self, name): return getattr(self.loader, name)\n"
        "    def exec_module(self, module):\n"
        "        self.loader.exec_module(module)\n"
        "        inner = module.Pregel.invoke\n"
        "        @functools.wraps(inner)\n"
        "        def traced(*args, **kwargs):\n"
        "            print('traced')\n"
        "            return inner(*args, **kwargs)\n"
        "        module.Pregel.invoke = traced\n"
        "class Finder:\n"
        "    busy = False\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'langgraph.pregel.main' or self.busy: return None\n"
        "        self.busy = True\n"
        "        spec = importlib.util.find_spec(name)\n"
        "        self.busy = False\n"
        "        spec.loader = Loader(spec.loader)\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import app, langgraph_engine, langgraph_engine.dispatch as p\n"
        "print(app.graph.invoke({'number': 1}), langgraph_engine.stats()['native'])\n"
        "p.uncovered = lambda graph, engine: 'too odd'\n"
        "print(app.graph.invoke({'number': 1}), langgraph_engine.stats()['handed_back']['too odd'])\n"
    )
    done = run_python("traced.py", LANGGRAPH_ENGINE="python")
    lines = done.stdout.splitlines()
    assert lines[0] == "{'number': 2} {'python': {'invoke': 1}}", done.stderr
    assert lines[1] == "traced"
    assert lines[2].startswith("{'number': 2} ")


def test_installing_imports_nothing_of_langgraph_that_pregel_did_not(run_python):
    """The hook installs while import locks are held: one more module could be another thread's."""
    done = run_python(
        "-c",
        "import sys, langgraph.pregel.main; before = set(sys.modules)\n"
        "import langgraph_engine; langgraph_engine.install('python')\n"
        "print(sorted(m for m in set(sys.modules) - before if m.startswith('langgraph.')))",
    )
    # The version module imports nothing of LangGraph, so nobody waits for anything inside it.
    assert done.stdout in {"[]\n", "['langgraph.version']\n"}, done.stderr


def test_child_processes_run_on_the_engine(run_python):
    done = run_python(
        "-c",
        "import subprocess, sys; subprocess.run([sys.executable, 'app.py'], check=True)",
        LANGGRAPH_ENGINE="python",
    )
    assert (done.stdout, done.stderr) == (ON_PYTHON, "")


def test_hook_runs_for_this_interpreter(hook_file):
    assert str(hook_file.parent) in sys.path
