"""A node whose trigger was written while it had nothing to read: what later input makes of it, and of tasks that wait."""

from typing import Any

from langgraph.channels import LastValue
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.pregel._read import PregelNode
from langgraph.pregel._write import ChannelWrite, ChannelWriteEntry
from parity.steps import Env, History, Invoke, State, Step


def build(env: Env) -> Any:
    def noted(name: str) -> Any:
        def node(value: Any) -> Any:
            env.note(name, value)
            return f"{name} {value}"

        return env.node(node)

    reader = PregelNode(
        triggers=["go"],
        channels="text",
        bound=NodeBuilder().subscribe_only("go").do(noted("reader")).build().bound,
        writers=[ChannelWrite([ChannelWriteEntry("read")])],
    )
    other = NodeBuilder().subscribe_only("other").do(noted("other")).write_to("seen")
    return Pregel(
        nodes={"reader": reader, "other": other},
        channels={name: LastValue(str) for name in ("go", "text", "read", "other", "seen")},
        input_channels=["go", "text", "other"],
        output_channels=["read", "seen"],
        checkpointer=env.saver,
        interrupt_before_nodes=["other"],
    )


def steps(env: Env) -> list[Step]:
    return [
        Invoke({"go": "now"}),
        State(),
        Invoke({"text": "late"}),
        State(),
        Invoke({"other": "one"}),
        State(),
        Invoke({"other": "two"}),
        State(),
        Invoke(None),
        Invoke({"go": "again"}),
        History(),
    ]
