"""How long the property tests search."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

__all__ = ["PROFILES", "keep_files_in", "load_profile"]

_SLOW: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

PROFILES: Final = {
    # The same examples every time: a change is never blamed for somebody else's luck.
    "quick": settings(max_examples=25, derandomize=True, database=None, deadline=None),
    "long": settings(max_examples=2000, database=None, deadline=None, print_blob=True),
}
"""Name to settings: ``quick`` for every change, ``long`` for a night."""


def load_profile(name: str) -> None:
    """Make a profile the one Hypothesis uses."""
    settings.register_profile(
        f"conformance-{name}", parent=PROFILES[name], suppress_health_check=_SLOW
    )
    settings.load_profile(f"conformance-{name}")


def keep_files_in(folder: Path) -> None:
    """Keep Hypothesis from making a ``.hypothesis`` folder wherever the suite is run."""
    set_hypothesis_home_dir(folder)
