"""The command: tables, proofs, and programs run as python runs them."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib import metadata

import pytest
from langgraph.pregel import Pregel

import langgraph_engine
from langgraph_engine import cli, registry
from langgraph_engine.pregel import METHODS

ON_PYTHON = "{'number': 2}\n{'python': {'invoke': 1}}\n"


def test_command_is_installed():
    (script,) = metadata.entry_points(group="console_scripts", name="langgraph-engine")
    assert script.load() is cli.main


def test_importing_the_command_imports_no_argument_parser(run_python):
    done = run_python("-c", "import sys, langgraph_engine.cli; print('argparse' in sys.modules)")
    assert done.stdout == "False\n"


@pytest.mark.parametrize("command", [(), ("engines",), ("doctor",), ("run",)])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as exited:
        cli.main([*command, "--help"])
    assert exited.value.code == 0
    assert "usage: langgraph-engine" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"{metadata.version('langgraph-engine')}\n"


def test_engines_prints_the_table_and_imports_none(capsys, plugins):
    assert cli.main(["engines"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["engine", "distribution", "version", "status"]
    assert ["toy", "toy-engine", "1.2.3", "installed"] in [
        line.split() for line in out.splitlines()
    ]
    for name in ("langgraph", "python", "rust", "cffi"):
        assert f"\n{name} " in out
    assert f"auto is {registry.best()}" in out
    assert not {"toy_engine", "broken_engine"} & set(sys.modules)


def test_engines_says_what_the_variable_asks_for(capsys, monkeypatch):
    monkeypatch.setenv("LANGGRAPH_ENGINE", "zorp")
    assert cli.main(["engines"]) == 0
    assert "LANGGRAPH_ENGINE asks for zorp" in capsys.readouterr().out


def test_doctor_proves_every_method(capsys):
    assert cli.main(["doctor", "--engine", "python"]) == 0
    out = capsys.readouterr().out
    for method in METHODS:
        line = next(line for line in out.splitlines() if line.split()[:1] == [method])
        assert "is the engine's own" in line
        assert "overridden by no subclass" in line
        assert "a trial call ran on the engine" in line
    assert metadata.version("langgraph") in out
    assert "LANGGRAPH_ENGINE is not set" in out


def test_doctor_tells_on_a_method_that_is_not_called(capsys, monkeypatch):
    stock = Pregel.__dict__["invoke"]
    langgraph_engine.install("python")

    def elsewhere(self, *args, **kwargs):
        return stock(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Pregel, "invoke", elsewhere)
        assert cli.main(["doctor", "--engine", "python"]) == 1
    line = next(
        line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["invoke"]
    )
    assert "wrapped by" in line
    assert "test_cli.py" in line
    assert "A TRIAL CALL DID NOT REACH THE ENGINE" in line


def test_doctor_explains_a_graph(run_python):
    done = run_python("-m", "langgraph_engine", "doctor", "--engine", "python", "app:graph")
    assert (done.returncode, done.stderr) == (0, "")
    assert "app:graph, a langgraph.graph.state.CompiledStateGraph" in done.stdout
    assert "leads to the engine's own methods" in done.stdout
    assert "nothing handed back" in done.stdout


def test_doctor_names_what_is_handed_back_and_calls_functions(run_python, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from app import builder\n"
        "from langgraph.pregel._loop import PregelLoop\n"
        "own = PregelLoop.put_writes\n"
        "def make():\n"
        "    PregelLoop.put_writes = lambda self, *args, **kwargs: own(self, *args, **kwargs)\n"
        "    return builder.compile()\n"
    )
    done = run_python("-m", "langgraph_engine", "doctor", "--engine", "python", "odd:make")
    assert done.returncode == 1, done.stdout
    assert "handed back: LangGraph's own PregelLoop.put_writes was replaced" in done.stdout


def test_doctor_tells_on_a_graph_with_methods_of_its_own(run_python, tmp_path):
    (tmp_path / "own.py").write_text(
        "from app import builder\n"
        "from langgraph.graph.state import CompiledStateGraph\n"
        "class Own(CompiledStateGraph):\n"
        "    def invoke(self, *args, **kwargs):\n"
        "        return super().invoke(*args, **kwargs)\n"
        "graph = builder.compile()\n"
        "graph.__class__ = Own\n"
    )
    done = run_python("-m", "langgraph_engine", "doctor", "--engine", "python", "own:graph")
    assert "overridden by own.Own" in done.stdout
    assert "Own.invoke is called first" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("app", "'app' names no graph; write module:graph"),
        ("nowhere:graph", "There is no module 'nowhere'"),
        ("app:nothing", "'app' has no 'nothing'"),
        ("app:builder", "is a StateGraph and not a compiled graph"),
    ],
)
def test_doctor_refuses_what_is_not_a_graph(run_python, target, sentence):
    done = run_python("-m", "langgraph_engine", "doctor", target)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_doctor_on_stock_says_that_nothing_is_patched(capsys):
    assert cli.main(["doctor", "--engine", "langgraph"]) == 0
    assert "Nothing is patched" in capsys.readouterr().out


@pytest.mark.parametrize("command", [("doctor",), ("run", "--engine", "zorp", "app.py")])
def test_unknown_engine_is_exit_code_2_and_one_sentence(run_python, command):
    done = run_python("-m", "langgraph_engine", *command, LANGGRAPH_ENGINE="zorp")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("langgraph-engine: Engine 'zorp' is not installed")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required"),
        (["zorp"], "invalid choice"),
        (["run"], "run needs a program"),
        (["run", "-m"], "run needs a program"),
        (["run", "--engine", "python"], "run needs a program"),
        (["run", "--unsupported", "maybe", "app.py"], "invalid choice"),
        (["run", "--zorp", "app.py"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_are_exit_code_2(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as exited:
        cli.main(arguments)
    assert exited.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("program", [("app.py",), ("-m", "app")])
def test_run_runs_a_program_on_the_engine(run_python, program):
    done = run_python("-m", "langgraph_engine", "run", "--engine", "python", *program)
    assert (done.stdout, done.stderr, done.returncode) == (ON_PYTHON, "", 0)


def test_run_works_where_start_up_hooks_are_switched_off(run_python):
    # Without `site` no .pth file is read, so the path it would have built is given by hand.
    search = os.pathsep.join(path for path in sys.path if path)
    done = run_python("-S", "-c", "import app; print('imported')", PYTHONPATH=search)
    assert done.stdout == "imported\n", done.stderr
    done = run_python(
        *("-S", "-m", "langgraph_engine", "run", "--engine", "python", "app.py"), PYTHONPATH=search
    )
    assert (done.stdout, done.stderr) == (ON_PYTHON, "")


REPORT = """\
import os, sys
print(__name__, os.path.basename(__file__), sys.modules["__main__"].__dict__ is globals())
print([os.path.basename(sys.argv[0]), *sys.argv[1:]])
print(os.path.realpath(sys.path[0]) == os.path.realpath(os.path.dirname(__file__) or "."))
"""


@pytest.mark.parametrize("program", [("report.py",), ("-m", "report"), ("sub/report.py",)])
def test_run_gives_the_program_what_python_gives_it(run_python, tmp_path, program):
    (tmp_path / "report.py").write_text(REPORT)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "report.py").write_text(REPORT)
    arguments = (*program, "--engine", "mine", "-m", "x", "--help")
    ours = run_python("-m", "langgraph_engine", "run", "--engine", "python", *arguments)
    python = run_python(*arguments)
    assert ours.stderr == ""
    assert ours.stdout == python.stdout
    assert "['report.py', '--engine', 'mine', '-m', 'x', '--help']" in ours.stdout


def test_run_runs_a_folder_and_an_archive(run_python, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "beside.py").write_text("x = 7\n")
    (tmp_path / "folder" / "__main__.py").write_text("import beside; print(__name__, beside.x)\n")
    with zipfile.ZipFile(tmp_path / "archive.pyz", "w") as archive:
        archive.write(tmp_path / "folder" / "__main__.py", "__main__.py")
        archive.write(tmp_path / "folder" / "beside.py", "beside.py")
    for program in ("folder", "archive.pyz"):
        done = run_python("-m", "langgraph_engine", "run", "--engine", "python", program)
        assert (done.stdout, done.stderr) == ("__main__ 7\n", "")


@pytest.mark.parametrize(
    ("ending", "code", "last"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit('over')", 1, "over"),
        ("raise SystemExit", 0, ""),
        ("raise RuntimeError('oops')", 1, "RuntimeError: oops"),
        (
            "from langgraph_engine.errors import EngineError; raise EngineError('its own')",
            1,
            "langgraph_engine.errors.EngineError: its own",
        ),
    ],
)
def test_run_keeps_the_exit_code(run_python, tmp_path, ending, code, last):
    (tmp_path / "ends.py").write_text(f"import sys; {ending}\n")
    done = run_python("-m", "langgraph_engine", "run", "--engine", "python", "ends.py")
    assert done.returncode == code
    assert (done.stderr.strip().splitlines() or [""])[-1] == last


@pytest.mark.parametrize("program", [("nowhere.py",), ("-m", "nowhere"), ("-m", "app.deeper")])
def test_run_refuses_a_program_that_is_not_there(run_python, program):
    done = run_python("-m", "langgraph_engine", "run", "--engine", "python", *program)
    assert done.returncode == 2
    assert done.stderr.startswith("langgraph-engine: There is no ")
    assert len(done.stderr.splitlines()) == 1


def test_run_switches_the_program_s_own_processes_too(run_python, tmp_path):
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys; subprocess.run([sys.executable, 'app.py'], check=True)\n"
    )
    done = run_python("-m", "langgraph_engine", "run", "--engine", "python", "parent.py")
    assert done.stdout == ON_PYTHON


def test_run_takes_unsupported(run_python):
    done = run_python(
        *("-m", "langgraph_engine", "run", "--engine=python", "--unsupported=raise", "-m", "app")
    )
    assert done.stdout == ON_PYTHON
