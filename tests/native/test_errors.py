"""Every kind of error the core knows has one exception, decided in one table."""

from __future__ import annotations

from typing import Any

import pytest

from langgraph_engine.core_errors import KINDS, exception
from langgraph_engine.errors import EnginePanicError, ProtocolError
from langgraph_engine.protocol import (
    CHANNEL_KINDS,
    REJECTIONS,
    ChannelSpec,
    CommitRejected,
    Engine,
    GraphSpec,
    NodeSpec,
)

CLASSES = {
    "bad_graph": ProtocolError,
    "last_value_many": CommitRejected,
    "ephemeral_value_many": CommitRejected,
    "untracked_value_many": CommitRejected,
    "barrier_name": CommitRejected,
    "unknown_channel": KeyError,
    "bad_checkpoint_id": ValueError,
    "mixed_versions": ProtocolError,
    "version_needed": ProtocolError,
    "bad_checkpoint": ProtocolError,
    "commit_under_way": ProtocolError,
    "wrong_answer": ProtocolError,
    "panic": EnginePanicError,
    "run_busy": ProtocolError,
    "bad_version": ProtocolError,
    "bad_message": ProtocolError,
    "stale_handle": ProtocolError,
    "used_after_fork": ProtocolError,
}


def test_the_table_knows_every_kind_of_the_core(innards: Any) -> None:
    kinds = innards.error_kinds()
    assert [name for _, name in kinds] == list(CLASSES)
    assert sorted(KINDS) == [number for number, _ in kinds]


@pytest.mark.parametrize(("number", "name"), [*enumerate(CLASSES, 1)])
def test_each_kind_is_its_exception(number: int, name: str) -> None:
    error = exception(number, "what happened", "a channel", "a value")
    assert type(error) is CLASSES[name]
    if isinstance(error, CommitRejected):
        assert (error.reason, error.channel, error.value) == (name, "a channel", "a value")
    else:
        assert error.args == ("a channel" if name == "unknown_channel" else "what happened",)


def test_every_rejection_of_the_protocol_is_a_kind() -> None:
    assert set(REJECTIONS) == {name for name, kind in CLASSES.items() if kind is CommitRejected}


def test_the_engine_declares_every_channel_kind(engine: Engine) -> None:
    assert engine.capabilities >= {f"channel:{kind}" for kind in CHANNEL_KINDS}


def compiled(engine: Engine, *channels: ChannelSpec, nodes: tuple[NodeSpec, ...] = ()) -> Any:
    return engine.compile(GraphSpec(channels, nodes, {}, None, tuple))


@pytest.mark.parametrize(
    ("channels", "nodes", "message"),
    [
        ([ChannelSpec("a", "delta")], (), "channel 'a' has unknown kind 'delta'"),
        ([ChannelSpec("a", "binary_operator")], (), "channel 'a' .* has no 'fold'"),
        ([ChannelSpec("a", "custom")], (), "channel 'a' .* has no 'custom'"),
        ([ChannelSpec("a", "last_value")] * 2, (), "channel 'a' is listed twice"),
        ([ChannelSpec("a", "tasks"), ChannelSpec("b", "tasks")], (), "'b' is a second one"),
        ([], (NodeSpec("n", ("x",), ()),), "node 'n' names unknown channel 'x'"),
        ([], (NodeSpec("n", (), "y"),), "node 'n' names unknown channel 'y'"),
        ([], (NodeSpec("n", (), ()), NodeSpec("n", (), ())), "node 'n' is listed twice"),
    ],
)
def test_a_graph_that_contradicts_itself(
    engine: Engine, channels: Any, nodes: Any, message: str
) -> None:
    with pytest.raises(ProtocolError, match=message):
        compiled(engine, *channels, nodes=nodes)


def test_a_checkpoint_id_that_is_no_uuid(graph: Any) -> None:
    with pytest.raises(ValueError, match="checkpoint id 'xyz' is not hexadecimal"):
        graph.run.plan(0, "xyz", "", None)


@pytest.mark.parametrize("version", [True, b"1", (1,), 2**70])
def test_a_version_is_a_number_or_text(graph: Any, version: Any) -> None:
    with pytest.raises(ProtocolError, match="version"):
        graph.write(("go", 1), version=version)
    assert graph.run.max_version() is None


def test_versions_of_one_run_are_of_one_type(graph: Any) -> None:
    graph.write(("go", 1), version="a")
    with pytest.raises(ProtocolError, match="type int and str"):
        graph.write(("go", 2), version=1)
    with pytest.raises(ProtocolError, match="versions are text"):
        graph.write(("go", 2))
    assert graph.run.read("go") == 1


def test_an_unknown_channel_is_a_key_error(graph: Any) -> None:
    for call in (graph.run.read, graph.run.state):
        with pytest.raises(KeyError) as caught:
            call("nowhere")
        assert caught.value.args == ("nowhere",)


@pytest.mark.parametrize(
    ("kind", "saved"),
    [
        ("last_value_after_finish", (1, 2, 3)),
        ("named_barrier", {1}),
        ("named_barrier_after_finish", ({"a"},)),
    ],
)
def test_a_checkpoint_of_the_wrong_shape(engine: Engine, kind: str, saved: Any) -> None:
    program = compiled(engine, ChannelSpec("c", kind, names=frozenset({"a"})))
    checkpoint = {
        "v": 4,
        "channel_values": {"c": saved},
        "channel_versions": {"c": 1},
        "versions_seen": {},
    }
    with pytest.raises(ProtocolError, match="channel 'c' can't load"):
        program.restore(checkpoint)
