"""Which LangGraph releases langgraph_engine is tested with, and the refusal of all others."""

from __future__ import annotations

from importlib import metadata
from typing import Final

from langgraph_engine.errors import UnsupportedVersionError

__all__ = ["LANGGRAPH_RANGE", "check_langgraph", "installed_version"]

LANGGRAPH_RANGE: Final = ">=1.2.19,<=1.2.24"
"""The tested range, as a PEP 440 specifier. Pre-releases of an excluded release are excluded."""


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution, or None if there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check_langgraph() -> str:
    """Return the installed LangGraph's version if it is a tested one.

    Reads package metadata only, so an untested LangGraph is refused before any of its private
    modules is imported.

    Raises:
        UnsupportedVersionError: LangGraph is missing, or its version is outside the range.
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    way_out = f"install a tested one with: pip install 'langgraph{LANGGRAPH_RANGE}'"
    version = installed_version("langgraph")
    if version is None:
        raise UnsupportedVersionError(f"LangGraph is not installed; {way_out}")
    try:
        tested = SpecifierSet(LANGGRAPH_RANGE).contains(Version(version), prereleases=True)
    except InvalidVersion:
        tested = False
    if not tested:
        raise UnsupportedVersionError(
            f"LangGraph {version} is installed, and langgraph-engine is tested with "
            f"{LANGGRAPH_RANGE} only; {way_out}"
        )
    return version
