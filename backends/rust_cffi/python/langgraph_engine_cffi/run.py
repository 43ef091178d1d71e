"""One invocation. Every method writes a message, lets the library answer it, and reads the reply."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from langgraph_engine.protocol import PUSH, Committed, PlainTask, Plan, made
from langgraph_engine_cffi.library import (
    ASK,
    ASKS,
    DONE,
    HANDLE,
    KEYS_ARE_NUMBERS,
    REFUSED,
    TELL,
    Slot,
    buffer,
    failure,
    free_message,
    pack,
    quick,
    spare,
    unpack,
)
from langgraph_engine_cffi.messages import (
    Outgoing,
    commit_message,
    plain_version,
    saved_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from langgraph_engine.protocol import TaskPath, TaskWrites, Version, Write
    from langgraph_engine_cffi.messages import Answer
    from langgraph_engine_cffi.program import CffiProgram, Question
    from langgraph_engine_cffi.values import Values

__all__ = ["CffiRun"]

_PUSHED = (PUSH,)
_plan, _push = quick("lge_run_plan", *TELL), quick("lge_run_push", *TELL)
_commit, _answer = quick("lge_run_commit_into", *TELL), quick("lge_run_answer", *TELL)
_read, _state = quick("lge_run_read", *TELL), quick("lge_run_state", *TELL)
_see, _unseen = quick("lge_run_see", *TELL), quick("lge_run_unseen", *TELL)
_checkpoint, _abort = quick("lge_run_checkpoint", *TELL), quick("lge_run_abort", *ASK)
_max_version, _released = quick("lge_run_max_version", *ASK), quick("lge_run_released", *ASK)
_free = quick("lge_run_free", HANDLE, gives=None)
_NO_ANSWERS = pack(())
_NOTHING: Mapping[int, Any] = MappingProxyType({})


class CffiRun:
    """See ``langgraph_engine.protocol.Run``."""

    __slots__ = (
        "__weakref__",
        "_at_end",
        "_highest",
        "_number",
        "_present",
        "_program",
        "_read_at_end",
        "_values",
    )

    def __init__(self, program: CffiProgram, number: int, values: Values) -> None:
        self._program = program
        self._number = number
        self._values = values
        # Once the library said one. Each commit's reply says it anew.
        self._highest: Version | None = None
        # Once the last commit left nothing to run: what these channels hold, which are likely to be read then.
        self._at_end: dict[str, Any] | None = None
        self._read_at_end: tuple[int, ...] = ()
        # Handles of what channels hold, by number, as far as the last plan says: its only task was given them.
        self._present: Mapping[int, Any] = _NOTHING

    def __del__(self, free: Callable[[int], None] = _free) -> None:
        free(self._number)
        self._values.clear()

    # --- the protocol

    def plan(
        self, step: int, checkpoint_id: str, namespace: str, updated: Collection[str] | None
    ) -> Plan:
        """Say which tasks make up the next superstep."""
        known = None if updated is None else [*updated]
        message = pack((step, checkpoint_id, namespace, known, ()))
        asks, said = self._send(_plan, message, ())
        if asks:

            def again(outgoing: Outgoing, answers: list[Answer]) -> Any:
                return step, checkpoint_id, namespace, known, outgoing.answers(answers)

            said = self._answer(said, _plan, again)
        return self._read_plan(said)

    def push(
        self,
        name: str,
        path: TaskPath,
        parts: Sequence[str],
        step: int,
        checkpoint_id: str,
        namespace: str,
    ) -> PlainTask:
        """Make a task a running task asks for."""
        message = (name, [*parts], step, checkpoint_id, namespace)
        task_id, own_namespace = self._tell(_push, message)
        return PlainTask(task_id, name, path, _PUSHED, None, own_namespace)

    def commit(self, writes: Sequence[TaskWrites], version: Version | None) -> Committed:
        """Apply one superstep's writes and say which channels changed."""
        return self.commit_and_plan(writes, version)[0]

    def commit_and_plan(
        self,
        writes: Sequence[TaskWrites],
        version: Version | None,
        *following: Any,
    ) -> tuple[Committed, Plan | None]:
        """``commit``, then ``plan`` with what it updated, unless that takes a question, or nothing is to be planned."""
        program, values = self._program, self._values
        if version is not None:
            version = plain_version(version)
        if following:
            self._read_at_end = program.read_at_end
            following = *following, self._read_at_end
        self._present = _NOTHING
        lent: list[int] = []
        message = commit_message(program, values, lent, writes, version, following)
        asks, said = self._send(_commit, message, lent)
        while asks:
            asks, said = self._go_on(said)
        channels, unknown, released, planned, self._highest = said
        names = program.channel_names
        updated = {*map(names.__getitem__, channels)}
        plan = self._at_end = None
        if planned is not None:
            plan = self._read_plan(planned)
            if not planned[0]:
                if len(planned) > 2:
                    self._at_end = self._read_channels(planned[2])
                else:
                    self._at_end, self._read_at_end = {}, ()
        if released:
            values.forget(released)
        if unknown:
            unknown = _unknown(writes, unknown)
        return made(Committed, (updated, unknown)), plan

    def read(self, keys: str | Sequence[str], writes: Iterable[Write] | None = None) -> Any:
        """Read channels; with ``writes``, as if one task's writes had been committed."""
        one = isinstance(keys, str)
        names: Any = (keys,) if one else keys
        if writes is not None:
            written = writes if type(writes) is list else [*writes]
            if written and self._program.last_values.issuperset(names):
                last = dict(written)
                if len(last) == len(written):
                    # One value each replaces whatever was there: nothing the library would have to say.
                    try:
                        values = [*map(last.__getitem__, names)]
                    except KeyError:  # others were written
                        pass
                    else:
                        return values[0] if one else dict(zip(names, values, strict=True))
            here = self._read_here(names, written)
            found = self._read_as_if([*names], written) if here is None else here
        elif self._at_end is not None and self._were_read_at_end(names):
            found, self._at_end = self._at_end, None  # a list in it is given away
        else:
            self._at_end = None
            found = self._read_as_if([*names], None)
        return next(iter(found.values()), None) if one else found

    def _read_here(self, names: Sequence[str], written: Sequence[Write]) -> dict[str, Any] | None:
        """Read channels as if some writes had been committed, if that takes no call; None if it does.

        It takes none for channels whose rule is a value or a reducer, where the last plan says what they hold.
        """
        program, present = self._program, self._present
        grouped: dict[str, list[Any]] = {}
        for name, value in written:
            if name in grouped:
                grouped[name].append(value)
            else:
                grouped[name] = [value]
        numbers, last, folded = program.plain_channels, program.last_values, program.folded
        for name in names:
            values = grouped.get(name)
            if name in last:
                if len(values) > 1 if values else numbers[name] not in present:
                    return None
            elif name not in folded or numbers[name] not in present:
                return None
        of = self._values.of
        found: dict[str, Any] = {}
        for name in names:
            values = grouped.get(name)
            if values is None:
                found[name] = of(present[numbers[name]])
            elif name in last:
                found[name] = values[0]
            else:
                found[name] = program.folded_with(numbers[name], of(present[numbers[name]]), values)
        return found

    def _were_read_at_end(self, names: Sequence[str]) -> bool:
        """Whether what the last commit's reply holds is what these channels hold."""
        numbers = self._program.will_be_read_at_end(names)
        return bool(numbers) and numbers == self._read_at_end

    def _read_as_if(self, names: list[str], written: list[Write] | None) -> dict[str, Any]:
        """Have the library read channels."""

        def again(outgoing: Outgoing, answers: list[Answer]) -> Any:
            own = None if written is None else outgoing.writes(written)
            return names, own, outgoing.answers(answers)

        outgoing = Outgoing(self._program, self._values)
        message = outgoing.pack(again, [])
        asks, said = self._send(_read, message, outgoing.lent)
        if asks:
            said = self._answer(said, _read, again)
        return self._read_channels(said)

    def state(self, name: str) -> Any:
        """One channel's checkpoint value, or ``missing``."""
        said = self._tell(_state, name)
        if said is None:
            return self._program.missing
        number = self._program.number_of(name)
        assert number is not None  # the library knows it
        return saved_value(said[0], self._program.saved[number], self._values)

    def max_version(self) -> Version | None:
        """The highest channel version, or None if no channel was ever written."""
        if self._highest is None:
            self._highest = self._ask(_max_version)
        return self._highest

    def see(self, name: str) -> None:
        """Mark ``name`` as having seen every channel at its present version."""
        self._tell(_see, name)

    def unseen(self, name: str) -> bool:
        """Whether any channel is newer than ``name`` has seen."""
        return bool(self._tell(_unseen, name))

    def checkpoint(
        self, checkpoint_id: str, timestamp: str, updated: Collection[str] | None
    ) -> dict[str, Any]:
        """Build LangGraph's checkpoint of the present state."""
        changed = None if updated is None else sorted(updated)
        asks, said = self._send(_checkpoint, _NO_ANSWERS, ())
        if asks:
            said = self._answer(said, _checkpoint, Outgoing.answers)
        state = self._read_marks(said)
        return {
            "v": state["v"],
            "ts": timestamp,
            "id": checkpoint_id,
            "channel_values": state["channel_values"],
            "channel_versions": state["channel_versions"],
            "versions_seen": state["versions_seen"],
            "updated_channels": changed,
        }

    # --- calling the library

    def prepare(self, questions: Sequence[Question]) -> None:
        """Answer what the library asked when the run was restored."""
        answers = [self._program.answer(question) for question in questions]
        outgoing = Outgoing(self._program, self._values)
        message = outgoing.pack(Outgoing.answers, answers)
        self._send(_answer, message, outgoing.lent)

    def _answer(
        self,
        said: Any,
        function: Callable[..., int],
        again: Callable[[Outgoing, list[Answer]], Any],
    ) -> Any:
        """Go on with a call that changes nothing; ``again`` is its message with answers added."""
        asks = True
        answers: list[Answer] = []
        while asks:
            question = self._program.question(said, self._values)
            answers.append(self._program.answer(question))
            outgoing = Outgoing(self._program, self._values)
            message = outgoing.pack(again, answers)
            asks, said = self._send(function, message, outgoing.lent)
        return said

    def _go_on(self, said: Sequence[Any]) -> tuple[bool, Any]:
        """Answer a commit's questions. If the user's code raises, the commit is given up."""
        program, values = self._program, self._values
        try:
            answers = program.answers(said, values)
        except BaseException:
            self._ask(_abort)
            values.forget(self._ask(_released))
            raise
        outgoing = Outgoing(program, values)
        message = outgoing.pack(Outgoing.answers, answers)
        return self._send(_answer, message, outgoing.lent)

    def _ask(self, function: Callable[..., int]) -> Any:
        """Make a call that has no message."""
        return self._send(function, None, ())[1]

    def _tell(self, function: Callable[..., int], message: Any) -> Any:
        """Make a call that lends nothing and is never answered with a question."""
        return self._send(function, pack(message), ())[1]

    def _send(
        self, function: Callable[..., int], message: bytes | None, lent: Sequence[int]
    ) -> tuple[bool, Any]:
        """Make a call, with a message or without.

        Args:
            function: The library's.
            message: What it is sent.
            lent: The handles in the message.

        Returns:
            Whether the library asks, and what it says. The values of the handles in it are in the table until the next call.
        """
        try:
            filled = spare.pop()
        except IndexError:
            filled = Slot()
        reply_at = filled.reply_at
        if message is None:
            status = function(self._number, reply_at, filled.error_at)
        else:
            status = function(self._number, message, len(message), reply_at, filled.error_at)
        if status > ASKS:
            try:
                return False, unpack(filled.written[:status], option=KEYS_ARE_NUMBERS)
            finally:
                spare.append(filled)
        if status < DONE:
            raise self._failure(status, filled.error, lent)
        try:
            reply = filled.reply
            # As `contents` does, which would be another call.
            said = unpack(buffer(reply.data, reply.length)[:], option=KEYS_ARE_NUMBERS)
        finally:
            free_message(reply_at)
            spare.append(filled)
        return status != DONE, said

    def _failure(self, status: int, error: Any, lent: Sequence[int]) -> Exception:
        """The exception for a call that failed. The values only its message had are let go."""
        failed = failure(error, self._values.of)
        self._highest = None  # a run that is lost doesn't say it any more
        self._values.forget(lent if status == REFUSED else self._ask(_released))
        return failed

    # --- what replies say

    def _read_plan(self, said: Any) -> Plan:
        planned, ignored = said[0], said[1]
        value_of = self._values.of
        if planned:
            nodes, names = self._program.nodes, self._program.channel_names
            tasks = []
            if len(planned) == 1 and type(planned[0][3]) is dict:
                self._present = planned[0][3]
            for task_id, number, packet, given, namespace in planned:
                node = nodes[number]
                if type(given) is dict:  # as `_read_channels` does, which would be another call
                    read: Any = {}
                    for channel, value in given.items():
                        shown = value_of(value) if type(value) is int else self._shown(value)
                        read[names[channel]] = shown
                else:
                    read = self._shown(given)
                path, triggers = node.path, node.triggers
                if packet is not None:
                    path, triggers = (PUSH, packet, False), _PUSHED
                told = task_id, node.name, path, triggers, read, namespace
                tasks.append(made(PlainTask, told))
            planned = tasks
        if ignored:
            reasons, packets = zip(*ignored, strict=True)
            ignored = [*zip(reasons, map(value_of, packets), strict=True)]
        return made(Plan, (planned, ignored))

    def _read_channels(self, said: Any) -> dict[str, Any]:
        names, value_of, shown = self._program.channel_names, self._values.of, self._shown
        return {
            names[channel]: value_of(value) if type(value) is int else shown(value)
            for channel, value in said.items()
        }

    def _shown(self, said: Any) -> Any:
        """A channel's value as a node reads it."""
        if type(said) is int:
            return self._values.of(said)
        return None if said is None else [self._values.of(handle) for handle in said]

    def _read_marks(self, said: Any) -> dict[str, Any]:
        """The engine's part of a checkpoint."""
        program, values = self._program, self._values
        names, nodes, forms = program.channel_names, program.nodes, program.saved
        version_of_format, channel_values, versions, seen = said
        held: dict[str, Any] = {}
        for number, value in channel_values:
            held[names[number]] = saved_value(value, forms[number], values)
        one: dict[Version, Version] = {}  # a version is listed many times: keep one object of it
        versions_seen: dict[str, dict[str, Version]] = {}
        for name, marks in seen:
            node = nodes[name].name if type(name) is int else name
            versions_seen[node] = _named(marks, names, one)
        return {
            "v": version_of_format,
            "channel_values": held,
            "channel_versions": _named(versions, names, one),
            "versions_seen": versions_seen,
        }


def _named(marks: Any, names: Sequence[str], one: dict[Version, Version]) -> dict[str, Version]:
    """Versions by the names of their channels; ``one`` has the objects of versions."""
    found: dict[str, Version] = {}
    for name, version in marks:
        found[names[name] if type(name) is int else name] = one.setdefault(version, version)
    return found


# A comprehension in a method makes all of the method slower that uses what it uses; these are rarely needed.


def _unknown(writes: Sequence[TaskWrites], said: Any) -> list[tuple[str, TaskPath, str]]:
    """The writes to channels the graph doesn't have."""
    return [(writes[task][1], writes[task][0], name) for task, name in said]
