"""A `Pregel` of `NodeBuilder` nodes: chained functions, skipped writes, tags, single-channel input."""

from typing import Any

from langgraph.channels import EphemeralValue, LastValue, Topic
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.pregel._write import ChannelWriteEntry
from parity.steps import Env, Invoke, Step, Stream


def build(env: Env) -> Any:
    grow = (
        NodeBuilder()
        .subscribe_only("word")
        .do(lambda word: word + word)
        .do(lambda word: None if len(word) > 20 else word)
        .write_to(
            ChannelWriteEntry("word", skip_none=True),
            ChannelWriteEntry("sizes", mapper=lambda word: len(word or "")),
        )
        .meta("growing", purpose="demonstration")
    )
    keep = (
        NodeBuilder()
        .subscribe_to("word")
        .read_from("sizes")
        .do(lambda seen: f"{seen}")
        .write_to("kept")
    )
    return Pregel(
        nodes={"grow": grow, "keep": keep},
        channels={
            "word": EphemeralValue(str),
            "sizes": Topic(int, accumulate=True),
            "kept": LastValue(str),
        },
        input_channels="word",
        output_channels=["kept", "sizes"],
        name="word machine",
    )


def steps(env: Env) -> list[Step]:
    one_at_a_time = {"max_concurrency": 1}
    return [
        Invoke("ab", config=one_at_a_time),
        Stream("abcd", mode="values", config=one_at_a_time),
        Stream("abc", mode=["updates", "debug"], config=one_at_a_time),
        Invoke("ab", options={"output_keys": "kept"}, config=one_at_a_time),
    ]
