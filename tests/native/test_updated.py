"""The set of names a commit gives, however much of a wide graph it is."""

from __future__ import annotations

from typing import Any

import pytest

from langgraph_engine.protocol import ChannelSpec, GraphSpec, TaskWrites

WIDTH = 40


@pytest.mark.parametrize("left_out", [0, 1, WIDTH // 2, WIDTH // 2 + 1, WIDTH - 1])
def test_the_channels_updated_are_those_written(engine: Any, left_out: int) -> None:
    names = [f"c{index}" for index in range(WIDTH)]
    channels = tuple(ChannelSpec(name, "last_value") for name in names)
    run = engine.compile(GraphSpec(channels, (), {}, object(), object)).restore(None)
    written = names[left_out:]

    def updated(order: int) -> set[str]:
        writes = [(name, order) for name in written[::order]]
        found: set[str] = run.commit([TaskWrites((), "__input__", writes, ())], None).updated
        return found

    first = updated(1)
    assert type(first) is set
    assert first == {*written}
    first.clear()
    first.add("of the caller's own")
    assert updated(-1) == {*written}
    assert run.read(names) == dict.fromkeys(written, -1)
