"""Versions come back as they went in."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("version", [7, 2.5, "0001.5", 2**40])
def test_a_version_keeps_its_type(graph: Any, version: Any) -> None:
    graph.write(("sum", 1), version=version)
    saved = graph.saved()
    for found in (graph.run.max_version(), saved["channel_versions"]["sum"]):
        assert found == version
        assert type(found) is type(version)
    again = graph.program.restore(saved)
    assert again.max_version() == version
    assert type(again.max_version()) is type(version)


def test_a_text_version_is_one_object_in_a_checkpoint(graph: Any) -> None:
    graph.write(("go", 1), ("sum", 1), version="001")
    graph.step(("go", 2), version="002")
    saved = graph.saved()
    assert saved["channel_versions"]["sum"] == "001"
    assert saved["channel_versions"]["sum"] is saved["versions_seen"]["n"]["go"]


def test_text_versions_no_longer_in_use_are_let_go(graph: Any) -> None:
    for number in range(1000):
        graph.step(("go", number), ("sum", number), version=f"{number:06d}")
    assert graph.saved()["versions_seen"]["n"] == {"go": "000998"}
    assert graph.run.max_version() == "000999"
