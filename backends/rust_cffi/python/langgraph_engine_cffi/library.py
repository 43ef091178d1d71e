"""Loads the native library and checks that it is the one this package was written for."""

from __future__ import annotations

from typing import Any, Final

from langgraph_engine_cffi._native import lib

__all__ = ["ABI_VERSION", "abi_version"]

ABI_VERSION: Final = 1
"""The ABI this package calls; the header's ``LGE_ABI_VERSION``."""


def abi_version() -> int:
    """The ABI version the native library was built with."""
    return int(lib.lge_abi_version())


def check(library: Any) -> None:
    """Refuse a library of another ABI, before anything else of it is called.

    Raises:
        ImportError: The library's version is not ``ABI_VERSION``.
    """
    found = int(library.lge_abi_version())
    if found != ABI_VERSION:
        raise ImportError(
            f"The native library of langgraph-engine-cffi has ABI version {found}, and the package "
            f"calls version {ABI_VERSION}; reinstall it with: "
            "pip install --force-reinstall langgraph-engine-cffi"
        )


check(lib)
