"""What is said to the library and what it says, as ``docs/wire-format.md`` of the project describes it."""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import PULL, PUSH
from langgraph_engine_cffi.library import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from langgraph_engine.protocol import GraphSpec, TaskPath, TaskWrites, Version, Write
    from langgraph_engine_cffi.program import CffiProgram
    from langgraph_engine_cffi.values import Values

__all__ = [
    "Answer",
    "Outgoing",
    "commit_message",
    "graph_message",
    "plain_version",
    "saved_value",
]

_A = TypeVar("_A")
_LARGEST = 2**63
_TAKES_MORE = True
_MANY = 16
"""So many writes of a task are looked at together."""
_TASKS_AT_ONCE = 512
"""What is said of so many is packed before the next ones are looked at: of all, it would be more objects than they have."""
_TOPICS = frozenset({"items", "packets"})
"""How channels are written that take any number of items."""
_NAME, _VALUE = itemgetter(0), itemgetter(1)
"""Of a write."""


def graph_message(graph: GraphSpec) -> bytes:
    """The ``compile`` message of a graph, an entry at a time: as one object it would be larger than what comes of it."""
    channels = (
        (c.name, c.kind, bool(c.guard), bool(c.accumulate), [*c.names]) for c in graph.channels
    )
    nodes = (
        (
            node.name,
            node.triggers,
            node.reads if isinstance(node.reads, str) else [*node.reads],
            bool(node.runs),
        )
        for node in graph.nodes
    )
    triggered = ((name, [*named]) for name, named in graph.trigger_to_nodes.items())
    counts = len(graph.channels), len(graph.nodes), len(graph.trigger_to_nodes)
    message = bytearray(_beginning_of_array(len(counts)))
    for count, entries in zip(counts, (channels, nodes, triggered), strict=True):
        message += _beginning_of_array(count)
        for entry in entries:
            message += pack(entry)
    return bytes(message)


def _beginning_of_array(length: int) -> bytes:
    """What the entries of an array follow. As an entry None is one byte."""
    return pack([None] * length)[: -length or None]


def _entries(of: Sequence[Any]) -> bytes:
    """An array's entries, without its beginning."""
    return pack(of)[len(_beginning_of_array(len(of))) :]


def saved_value(said: Any, form: str, values: Values) -> Any:
    """A channel's state as LangGraph's channels put it into a checkpoint."""
    match form:
        case "items" | "packets":
            return [values.of(handle) for handle in said]
        case "names":
            return set(said)
        case "names_finished":
            return set(said[0]), said[1]
        case "value_finished":
            return values.of(said[0]), said[1]
        case _:
            return values.of(said)


def _plain_path(part: Any) -> Any:
    """A task path as far as its order goes: numbers and text; anything else as its text."""
    if isinstance(part, (tuple, list)):
        return [_plain_path(inner) for inner in part]
    if isinstance(part, (bool, str)):
        return part
    if isinstance(part, int) and -_LARGEST <= part < _LARGEST:
        return int(part)
    return str(part)


Answer: TypeAlias = "tuple[str, Any]"
"""``("value", v)``, ``("nothing", None)`` or ``("flag", yes or no)``."""


def commit_message(
    program: CffiProgram,
    values: Values,
    lent: list[int],
    writes: Iterable[TaskWrites],
    version: Version | None,
    following: tuple[Any, ...],
) -> bytes:
    """A ``commit`` message; one that can't be written lends nothing.

    Args:
        program: The run's.
        values: The run's.
        lent: Takes the handles in the message.
        writes: The tasks'.
        version: The version for channels that change; None leaves it to the library.
        following: The superstep to plan: step, checkpoint id, namespace, channels to read; or nothing.
    """
    nodes = program.nodes.by_name
    tasks: list[Any] = []
    before = 0
    packed = bytearray()
    try:
        for path, name, written, triggers in writes:
            if len(tasks) == _TASKS_AT_ONCE:
                before += len(tasks)
                packed += _entries(tasks)
                tasks = []
            said = _writes(program, values, lent, written)
            try:
                node = nodes[name]
            except KeyError:
                node = program.nodes.find(name)
            if node is None:
                tasks.append((_plain_path(path), name, [*triggers], said))
                continue
            number, _, own_path, own_triggers = node
            tasks.append(
                (
                    None if path is own_path else _path(path, name),
                    number,
                    None if triggers is own_triggers else [*triggers],
                    said,
                )
            )
        others = version, following or None, _TAKES_MORE
        if not before:
            return pack((tasks, *others))
        count = _beginning_of_array(before + len(tasks))
        beginning = _beginning_of_array(1 + len(others))
        return b"".join((beginning, count, packed, _entries(tasks), _entries(others)))
    except BaseException:
        values.forget(lent)
        raise


def _path(path: TaskPath, name: str) -> Any:
    if path == (PULL, name):
        return None
    if len(path) == 3 and path[0] == PUSH and type(path[1]) is int and path[2] is False:
        return path[1] if path[1] >= 0 else _plain_path(path)
    return _plain_path(path)


def _writes(
    program: CffiProgram, values: Values, lent: list[int], writes: Iterable[Write]
) -> list[Any]:
    """One task's writes."""
    plain_channels = program.plain_channels
    if type(writes) is not list:
        writes = [*writes]
    if len(writes) >= _MANY:
        numbers = [*map(plain_channels.get, map(_NAME, writes))]
        if None not in numbers:
            handles = values.lend_all([*map(_VALUE, writes)], lent)
            return [*zip(numbers, handles, strict=True)]
        if len({*map(_NAME, writes)}) * _MANY <= len(writes):
            writes = _items_together(program, writes)
    held, following = values.held, values.following
    said: list[Any] = []
    rest = iter(writes)
    for write in rest:
        name, value = write
        number = plain_channels.get(name)
        if number is None:
            return _mixed(program, values, lent, chain((write,), rest), said)
        handle = following()  # as `lend` does, which is most of a write's cost
        held[handle] = value
        lent.append(handle)
        said.append((number, handle))
    return said


def _mixed(
    program: CffiProgram,
    values: Values,
    lent: list[int],
    writes: Iterable[Write],
    said: list[Any],
) -> list[Any]:
    """Adds writes of which some are to channels that aren't written with a value and nothing more."""
    find, plain, packet_node = program.channels.get, program.plain_channels.get, program.packet_node
    held, following = values.held, values.following
    for name, value in writes:
        number, form = plain(name), "value"
        if number is None:
            channel = find(name)
            if channel is None or channel.written == "ignored":
                said.append((name, None))
                continue
            number, form = channel
            if form != "name" and isinstance(value, list):
                said.append((number, _items(program, values, lent, form, value)))
                continue
        handle = following()
        held[handle] = value
        lent.append(handle)
        if form == "value":
            said.append((number, handle))
        elif form == "name":
            said.append((number, (handle, value if isinstance(value, str) else None)))
        elif form == "items":
            said.append((number, (handle,)))
        else:
            said.append((number, ((handle, packet_node(value)),)))
    return said


def _items_together(program: CffiProgram, writes: Sequence[Write]) -> list[Write]:
    """Writes whose items for a topic are one list, which comes last; a list counts as its items anyway."""
    topics = {
        name: list[Any]()
        for name in {*map(_NAME, writes)}
        if (channel := program.channels.get(name)) is not None and channel.written in _TOPICS
    }
    others = []
    for write in writes:
        name, value = write
        items = topics.get(name)
        if items is None:
            others.append(write)
        elif isinstance(value, list):
            items += value
        else:
            items.append(value)
    return [*others, *topics.items()]


def _items(
    program: CffiProgram, values: Values, lent: list[int], form: str, items: Sequence[Any]
) -> list[Any]:
    """What is written to a topic, or was saved of one."""
    handles = values.lend_all(items, lent)
    if form == "items":
        return handles
    return [*zip(handles, program.packet_nodes(items), strict=True)]


class Outgoing:
    """One message in the making, other than a commit's, and the handles it lends.

    Attributes:
        lent: The handles in the message.
    """

    __slots__ = ("_program", "_values", "lent")

    def __init__(self, program: CffiProgram, values: Values) -> None:
        self._program = program
        self._values = values
        self.lent: list[int] = []

    def pack(self, write: Callable[[Outgoing, _A], Any], what: _A) -> bytes:
        """The message ``write`` makes of something. One that can't be written lends nothing."""
        try:
            return pack(write(self, what))
        except BaseException:
            self._values.forget(self.lent)
            raise

    def _lend(self, value: Any) -> int:
        return self._values.lend(value, self.lent)

    def writes(self, writes: Iterable[Write]) -> list[Any]:
        """One task's writes."""
        return _writes(self._program, self._values, self.lent, writes)

    def answers(self, answers: Iterable[Answer]) -> list[Any]:
        """Answers to questions."""
        lend, lent = self._values.lend, self.lent
        answers = [*answers]
        if all(form == "value" for form, _ in answers):
            return self._values.lend_all([value for _, value in answers], lent)
        return [lend(value, lent) if form == "value" else value for form, value in answers]

    def state(self, checkpoint: Mapping[str, Any]) -> Any:
        """What a checkpoint says, for a ``restore``."""
        values: list[Any] = []
        for name, value in checkpoint["channel_values"].items():
            number = self._program.number_of(name)
            if number is None or value is self._program.missing:
                continue
            form = self._program.saved[number]
            if form != "never":
                values.append((number, self._saved(name, form, value)))
        return (
            checkpoint["v"],
            values,
            _versions(checkpoint["channel_versions"]),
            [(name, _versions(seen)) for name, seen in checkpoint["versions_seen"].items()],
        )

    def _saved(self, name: str, form: str, value: Any) -> Any:
        match form:
            case "items" | "packets":
                return _items(self._program, self._values, self.lent, form, _topic_items(value))
            case "names":
                return _arrived(name, value)
            case "names_finished":
                names, finished = _pair(name, value)
                return _arrived(name, names), bool(finished)
            case "value_finished":
                value, finished = _pair(name, value)
                return self._lend(value), bool(finished)
            case _:
                return self._lend(value)


def _topic_items(saved: Any) -> Sequence[Any]:
    """A topic's saved values. LangGraph stored a pair before 0.3, with the values in its second half."""
    values = saved[1] if isinstance(saved, tuple) else saved
    return [*values] if values else []


def _arrived(channel: str, saved: Any) -> list[str]:
    names = [*saved]
    if not all(isinstance(name, str) for name in names):
        raise ProtocolError(f"channel '{channel}' can't load {saved}: expected a set of names")
    return names


def _pair(channel: str, saved: Any) -> tuple[Any, Any]:
    parts = [*saved]
    if len(parts) != 2:
        raise ProtocolError(f"channel '{channel}' can't load {len(parts)} parts: expected two")
    return parts[0], parts[1]


def _versions(found: Mapping[str, Version]) -> list[tuple[str, Version]]:
    return [(name, plain_version(version)) for name, version in found.items()]


def plain_version(found: Version) -> Version:
    """A version as a message has it.

    Raises:
        ProtocolError: It is no version.
    """
    if isinstance(found, (str, float)):
        return found
    if type(found) is not int:
        raise ProtocolError(f"a channel version is an int, a float or a str, not {type(found)}")
    if not -_LARGEST <= found < _LARGEST:
        raise ProtocolError(f"version {found} is larger than the cffi engine counts")
    return found
