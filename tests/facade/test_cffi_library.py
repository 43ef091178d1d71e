"""The native library of langgraph-engine-cffi loads, and says which ABI it has."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from langgraph_engine import registry
from langgraph_engine.errors import EngineNotFoundError

langgraph_engine_cffi = pytest.importorskip(
    "langgraph_engine_cffi", reason="langgraph-engine-cffi is not installed"
)

HEADER = Path(__file__).parents[2] / "backends/rust_cffi/include/langgraph_engine.h"


def test_library_has_the_abi_of_the_package_and_of_the_header():
    declared = re.search(r"#define LGE_ABI_VERSION (\d+)", HEADER.read_text(encoding="utf-8"))
    assert langgraph_engine_cffi.abi_version() == langgraph_engine_cffi.ABI_VERSION == 1
    assert int(declared[1]) == 1


def test_library_of_another_abi_is_refused():
    from langgraph_engine_cffi.library import check

    with pytest.raises(ImportError, match="ABI version 7, and the package calls version 1"):
        check(SimpleNamespace(lge_abi_version=lambda: 7))


def test_package_brings_no_engine_yet_and_says_so():
    status = {info.name: info.status for info in registry.catalog()}["cffi"]
    assert status == "no engine in this version"
    with pytest.raises(EngineNotFoundError, match="brings no engine 'cffi' yet"):
        registry.load("cffi")
