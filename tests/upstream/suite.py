"""Fetch LangGraph's test suite: the source distribution of the version that is installed here.

It is unpacked outside this repository, in a cache of the user's, and only the parts that aren't the
package itself, so that ``import langgraph`` finds the installed one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

PARTS = ("tests", "bench", "pyproject.toml")


def installed_version() -> str:
    """Version of the LangGraph in this interpreter's environment."""
    return version("langgraph")


def cache_home() -> Path:
    """Folder for what is downloaded; ``LANGGRAPH_ENGINE_CACHE`` names another one."""
    if named := os.environ.get("LANGGRAPH_ENGINE_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "langgraph_engine"


def unpacked_suite() -> Path:
    """Folder holding the suite of the installed LangGraph, downloaded on first use."""
    release = f"langgraph-{installed_version()}"
    home = cache_home() / "upstream"
    suite = home / release
    if suite.is_dir():
        return suite
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        ready = _unpack(_download(Path(scratch), release), Path(scratch), release)
        try:
            ready.rename(suite)  # Atomic: another run sees the whole suite or none of it.
        except OSError:
            if not suite.is_dir():
                raise
    return suite


def _download(folder: Path, release: str) -> Path:
    print(f"downloading the source distribution of {release}", flush=True)
    pin = release.replace("-", "==")
    command = ["download", "--quiet", "--no-deps", "--no-binary", "langgraph", pin]
    subprocess.run([sys.executable, "-m", "pip", *command, "--dest", str(folder)], check=True)
    return folder / f"{release}.tar.gz"


def _unpack(archive: Path, folder: Path, release: str) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "all", filter="data")
    ready = folder / "ready"
    ready.mkdir()
    for part in PARTS:
        shutil.move(folder / "all" / release / part, ready / part)
    return ready
