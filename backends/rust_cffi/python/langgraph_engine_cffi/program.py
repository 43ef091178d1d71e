"""A compiled graph: its number in the library, and every name and callable as the graph has it."""

from __future__ import annotations

import weakref
from array import array
from ctypes import c_char_p, c_size_t, c_uint64, c_void_p
from itertools import accumulate, chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import PULL, made
from langgraph_engine_cffi import library
from langgraph_engine_cffi.library import (
    call,
    contents,
    failure,
    ffi,
    free_message,
    lib,
    pack,
    quick,
    slot,
    spare,
)
from langgraph_engine_cffi.messages import Outgoing, graph_message
from langgraph_engine_cffi.run import CffiRun
from langgraph_engine_cffi.values import HOST_AT, Values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langgraph_engine.protocol import ChannelSpec, GraphSpec, Run, TaskPath
    from langgraph_engine_cffi.messages import Answer

__all__ = ["CffiProgram", "Channel", "Node", "Nodes", "Question"]

_FROM_NOTHING = pack(None)
_restore = quick(
    "lge_run_restore", c_uint64, c_void_p, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p
)
_FOLDED = frozenset({int, float, str, list, tuple})
"""What a reducer is given as it is; other values may be an `Overwrite`, or say that they are one."""
_NODE = attrgetter("node")
_FEW = 4
"""Of so many channels at most the last commit tells what they hold: each superstep's message names them."""
_NAMES_KEPT = 64
"""Of so many names at most that no node has it is kept that none has."""
_NEEDED = {"binary_operator": ("fold", "initial"), "custom": ("custom",)}


class Channel(NamedTuple):
    """One channel that is written with more than a value: its number, and what with."""

    number: int
    written: str


class Node(NamedTuple):
    """One node: its number, and what all its tasks have in common."""

    number: int
    name: str
    path: TaskPath
    triggers: tuple[str, ...]


class Nodes(dict[int, Node]):
    """A graph's nodes by number, each made when it is first asked for: most graphs have more than a run comes to.

    Args:
        names: The nodes' names, by number.
        triggers: The numbers of each node's triggers.
        channel_names: The channels' names, by number.
    """

    __slots__ = ("_channel_names", "_ends", "_names", "_triggers", "by_name")

    def __init__(
        self, names: list[str], triggers: Sequence[Sequence[int]], channel_names: list[str]
    ) -> None:
        self._names, self._channel_names = names, channel_names
        self._triggers = array("I", chain.from_iterable(triggers))
        self._ends = array("I", accumulate(map(len, triggers)))
        self.by_name: dict[str, Node | None] = {}
        """Those that were asked for, by name; None for a few names that no node has."""

    def __missing__(self, number: int) -> Node:
        name = self._names[number]
        triggers = self._triggers[self._ends[number - 1] if number else 0 : self._ends[number]]
        told = number, name, (PULL, name), tuple(map(self._channel_names.__getitem__, triggers))
        node = self.setdefault(number, made(Node, told))
        self.by_name[name] = node
        return node

    def find(self, name: str) -> Node | None:
        """The node of a name that wasn't asked for yet; None if there is none."""
        try:
            return self[self._names.index(name)]
        except ValueError:
            if len(self.by_name) < _NAMES_KEPT + len(self):
                self.by_name[name] = None  # as that of the input
            return None


class Question(NamedTuple):
    """A question of the library's, with values instead of handles; None where there is none."""

    name: str
    channel: int
    subject: Any
    values: list[Any]


class CffiProgram:
    """See ``langgraph_engine.protocol.Program``.

    Attributes:
        number: The library's number of it, in the process it was last used in.
        channel_names: The channels' names, by number.
        channels: Those that are written with more than a value, by name.
        folded: The names of those that fold what is written with a reducer.
        last_values: The names of those that hold the last value written.
        plain_channels: The numbers of the others, by name.
        read_at_end: The numbers of a few channels that were read when a run had nothing more to run.
        saved: How the channels' values are saved, by number.
        nodes: The nodes.
        missing: The graph's object for "no value".
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_generation",
        "_message",
        "_send_type",
        "channel_names",
        "channels",
        "folded",
        "last_values",
        "missing",
        "nodes",
        "number",
        "plain_channels",
        "read_at_end",
        "saved",
    )

    def __init__(self, graph: GraphSpec) -> None:
        for channel in graph.channels:
            _check(channel)
        # Only of these the library asks anything; the others aren't kept.
        self._asked = {
            number: channel
            for number, channel in enumerate(graph.channels)
            if channel.kind in _NEEDED
        }
        self._send_type = graph.send_type
        self._message = graph_message(graph)
        self.missing = graph.missing
        channels, nodes = self._compile()
        self.channel_names = [channel.name for channel in graph.channels]
        self.plain_channels: dict[str, int] = {}
        self.channels: dict[str, Channel] = {}
        for number, (name, (written, _)) in enumerate(
            zip(self.channel_names, channels, strict=True)
        ):
            if written == "value":
                self.plain_channels[name] = number
            else:
                self.channels[name] = Channel(number, written)
        self.last_values = frozenset(c.name for c in graph.channels if c.kind == "last_value")
        self.folded = frozenset(c.name for c in graph.channels if c.kind == "binary_operator")
        forms = {saved: saved for _, saved in channels}
        self.saved = [forms[saved] for _, saved in channels]
        self.read_at_end: tuple[int, ...] = ()
        self.nodes = Nodes([node.name for node in graph.nodes], nodes, self.channel_names)

    def _compile(self) -> Any:
        """Compile the graph in this process."""
        number = ffi.new("lge_program *")
        status, reply, error = call(
            lib.lge_program_compile, self._message, len(self._message), number
        )
        if status != library.DONE:
            raise failure(error)
        said = contents(reply)
        lib.lge_message_free(reply)
        self.number = number[0]
        self._generation = library.generation()
        weakref.finalize(self, lib.lge_program_free, self.number).atexit = False
        return said

    def restore(self, checkpoint: Mapping[str, Any] | None) -> Run:
        """Start a run from a checkpoint, or from nothing."""
        if self._generation != library.generation():
            self._compile()  # a forked process has none of its parent's programs
        values = Values()
        message = _FROM_NOTHING
        if checkpoint:
            message = pack(Outgoing(self, values).state(checkpoint))
        filled = slot()
        status = _restore(
            self.number,
            HOST_AT,
            message,
            len(message),
            filled.number_at,
            filled.reply_at,
            filled.error_at,
        )
        if status < library.DONE:
            raise failure(filled.error)
        run = CffiRun(self, filled.number[0], values)
        asked: list[Question] = []
        if status != library.DONE:
            asked = self.questions(contents(filled.reply), values)
        free_message(filled.reply_at)
        spare.append(filled)
        if asked:
            run.prepare(asked)
        return run

    def will_be_read_at_end(self, names: Sequence[str]) -> tuple[int, ...]:
        """The numbers of channels that are read as a run is over; if they are a few, the next run's last commit is asked for them."""
        numbers = [self.number_of(name) for name in names]
        found = tuple(number for number in numbers if number is not None)
        if len(found) == len(numbers) <= _FEW:
            self.read_at_end = found
            return found
        return ()

    def number_of(self, name: str) -> int | None:
        """The number of a channel; None if there is none of that name."""
        if name in self.channels:
            return self.channels[name].number
        return self.plain_channels.get(name)

    def question(self, said: Any, values: Values) -> Question:
        """Look up the values of a question, which is good only until its message is freed."""
        fields, of = len(said), values.of
        subject = of(said[2]) if fields > 2 and said[2] is not None else self.missing
        more = [*map(of, said[3])] if fields > 3 else []
        return made(Question, (said[0], said[1], subject, more))

    def questions(self, said: Sequence[Any], values: Values) -> list[Question]:
        """Look up the values of several questions."""
        return [self.question(one, values) for one in said]

    def answer(self, question: Question) -> Answer:
        """Answer a question: the only place that calls a custom channel, as ``folded_with`` is for a reducer."""
        name, number, subject, values = question
        spec = self._asked[number]
        match name:
            case "fold":
                return "value", self.folded_with(number, subject, values)
            case "initial":
                assert spec.initial is not None
                return self._optional(spec.initial())
            case "load":
                return "value", spec.custom.from_checkpoint(subject)
            case "copy":
                return "value", subject.copy()
            case "get" | "checkpoint":
                return self._optional(getattr(subject, name)())
            case "update":
                return "flag", bool(subject.update(values))
            case _:
                return "flag", bool(getattr(subject, name)())

    def answers(self, said: Sequence[Any], values: Values) -> list[Answer]:
        """Answer several questions; reducers' are most of them, and take fewer calls."""
        if {one[0] for one in said} != {"fold"}:
            return [*map(self.answer, self.questions(said, values))]
        of, folded_with, missing = values.of, self.folded_with, self.missing
        return [
            (
                "value",
                folded_with(number, missing if subject is None else of(subject), [*map(of, given)]),
            )
            for _, number, subject, given in said
        ]

    def folded_with(self, number: int, subject: Any, values: list[Any]) -> Any:
        """What a reducer makes of a channel's value and what is written to it."""
        spec = self._asked[number]
        if (
            len(values) == 1
            and type(values[0]) in _FOLDED
            and subject is not self.missing
            and spec.aggregate is not None
        ):
            # What `fold` comes to, for a value that asks for nothing else.
            return spec.aggregate.operator(subject, values[0])
        return spec.fold(subject, values)  # type: ignore[misc]  # its kind has one

    def _optional(self, value: Any) -> Answer:
        return ("nothing", None) if value is self.missing else ("value", value)

    def packet_nodes(self, values: Sequence[Any]) -> Sequence[str | None]:
        """``packet_node`` of each of some values."""
        if {*map(type, values)} == {self._send_type}:
            nodes = [*map(_NODE, values)]
            if {*map(type, nodes)} == {str}:
                return nodes
        return [*map(self.packet_node, values)]

    def packet_node(self, value: Any) -> str | None:
        """The node a packet names; None for what is no packet."""
        if not isinstance(value, self._send_type):
            return None
        node = value.node
        # No node has a name that isn't text.
        return node if isinstance(node, str) else str(node)


def _check(channel: ChannelSpec) -> None:
    """Refuse a channel that lacks what its kind needs."""
    for needed in _NEEDED.get(channel.kind, ()):
        if getattr(channel, needed) is None:
            raise ProtocolError(
                f"channel '{channel.name}' is of kind '{channel.kind}' and has no '{needed}'"
            )
