"""The optional capability ``execute``: an engine runs simple supersteps itself.

A superstep is simple when it has one task, the task's node is a plain function with plain writers, and nobody
watches; somebody may take values and updates. Saving is the facade's, which is told when there is something to save.
Everything a node can see stays what the facade gives it, and what isn't simple is left to it, superstep by superstep.
For an engine without the capability the facade does the same (``facade_execution``).

    Engine.executor(program, calls, host) -> Executor      once per compiled graph
    Executor.begin(run, place)            -> Execution     once per invocation
    Execution.go(...)                     -> Stop          as many supersteps as are simple, often none
    Execution.resume(...)                 -> Stop          ... and on from a stop
    Execution.resume_in_thread()          -> Stop          ... in a thread, where the event loop mustn't wait

A stop always says where the run is now, and ``kind`` says what the facade has to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from langgraph_engine.protocol import Plan, Program, Run, Task, Write

__all__ = [
    "AWAIT",
    "CANCELLED_ITSELF",
    "COMMIT_RAISED",
    "FINISHED",
    "MOMENT",
    "PLANNED",
    "RAISED",
    "STREAMED",
    "THREAD",
    "TURN",
    "BranchCall",
    "Draws",
    "Execution",
    "Executor",
    "Host",
    "Managed",
    "NodeCall",
    "Place",
    "Stop",
    "Streamed",
    "WriteStep",
    "function_in_thread",
    "written",
]

PLANNED: Final = 0
"""The next superstep is the facade's. Detail: its ``Plan``, or None if it wasn't planned."""
FINISHED: Final = 1
"""A task's node and writers ran, and it asked for others: settle it and commit. Detail: the live task."""
RAISED: Final = 2
"""A node or a writer raised. Detail: ``(live task, exception, times it cancelled its asyncio task)``."""
AWAIT: Final = 3
"""Await something, then ``resume``. Detail: ``(awaitable, context or None, started)``. ``started`` is not None for a
coroutine that took its first step: ``(what it waits for, how often the asyncio task was cancelled before)``."""
TURN: Final = 4
"""Let the event loop have a turn, then ``resume`` with None. Detail: None."""
CANCELLED_ITSELF: Final = 5
"""A coroutine cancelled the asyncio task and went on. Detail: ``(how many times, what it returned)``."""
COMMIT_RAISED: Final = 6
"""The superstep's commit raised; the run is as it was before it. Detail: ``(live task, exception)``."""
STREAMED: Final = 7
"""A superstep was committed and the next one planned; have its chunks taken, then ``resume`` with None. Detail: a list
of them, as ``Streamed.named`` says."""
THREAD: Final = 8
"""A function is next that LangGraph hands to a thread of the event loop's; call ``resume_in_thread`` in one. Detail: None."""

MOMENT: Final = 0.005
"""Seconds after which a thread gives control back to the event loop, as it is after Python's own switch interval."""


class Stop(NamedTuple):
    """Where an execution stopped, and why.

    Attributes:
        kind: One of the constants above.
        step: The number of the next superstep, or of the one under way.
        checkpoint_id: Of the checkpoint it starts from.
        updated: The channels the last commit updated; None if that isn't known.
        due: Whether a superstep since ``go`` wrote to an output channel.
        detail: See the constants.
    """

    kind: int
    step: int
    checkpoint_id: str
    updated: set[str] | None
    due: bool
    detail: Any


class Streamed(NamedTuple):
    """Which chunks a run streams, and how they are taken.

    Attributes:
        updates: Whether a task's writes to output channels are streamed: a dict of the node's name and a dict of
            them, None if there are none; of each alone, in a list, if a channel was written twice. With one
            output channel that isn't in a list, what was written instead of dicts.
        values: Whether what the output channels hold is streamed, after supersteps that change it.
        named: Whether a chunk is taken as a pair of its mode and what it holds.
        hidden: Whether all nodes are hidden.
        output_keys: The output channels; a name alone for one whose value isn't put into a dict.
    """

    updates: bool
    values: bool
    named: bool
    hidden: bool
    output_keys: Any


class WriteStep(NamedTuple):
    """One entry of a channel writer.

    Attributes:
        mapper: Applied to the value, if there is one. For an entry without channel it gives the writes.
        channel: Where the value goes; None if the mapper gives ``(channel, value)`` pairs.
        value: What is written, or ``Host.passthrough`` for what the node returned.
        skips: Whether None isn't written; for an entry without channel, whether a plain dict, and None, give nothing.
        keys: If not None: of a plain dict, the mapper gives the items with these keys, and of None nothing.
    """

    mapper: Callable[[Any], Any] | None
    channel: str | None
    value: Any
    skips: bool
    keys: frozenset[str] | None


def written(
    steps: Sequence[WriteStep], value: Any, passthrough: Any, skip_write: Any
) -> list[tuple[str, Any]]:
    """What a channel writer writes of what a node returned.

    Args:
        steps: The writer's entries.
        value: What the node, or the writer before, returned.
        passthrough: Stands in an entry for what the node returned.
        skip_write: What a mapper gives if nothing is written.
    """
    writes: list[tuple[str, Any]] = []
    for mapper, channel, fixed, skips, keys in steps:
        given = value if fixed is passthrough else fixed
        if channel is None:
            if type(given) is dict:
                if skips:
                    continue
                if keys is not None:
                    writes += given.items() if given.keys() <= keys else _items_of(given, keys)
                    continue
            elif given is None and (skips or keys is not None):
                continue
            if pairs := mapper(given):  # type: ignore[misc]  # without channel there is a mapper
                writes.extend(pairs)
            continue
        if mapper is not None:
            given = mapper(given)
        if given is skip_write or (skips and given is None):
            continue
        writes.append((channel, given))
    return writes


def _items_of(given: dict[Any, Any], keys: frozenset[str]) -> list[tuple[Any, Any]]:
    """The items with some keys. A function of its own, as a comprehension makes the function it is in slower."""
    return [item for item in given.items() if item[0] in keys]


def function_in_thread(awaited: Any, in_thread: Any) -> Callable[..., Any] | None:
    """What LangGraph has a thread call, of what it awaits; None if it awaits anything else.

    Args:
        awaited: A runnable's ``afunc``.
        in_thread: ``Host.in_thread``.
    """
    if (
        type(awaited) is partial
        and awaited.func is in_thread
        and not awaited.keywords
        and len(awaited.args) == len(("executor", "function"))
        and awaited.args[0] is None
    ):
        return awaited.args[1]  # type: ignore[no-any-return]  # a partial's arguments have no types
    return None


Managed = Callable[[dict[str, Any], int, Any], dict[str, Any]]
"""Gives what was read of channels together with what the graph manages, which follows from the number of the superstep
and from ``Place.stop``. May change the dict it is given."""


class BranchCall(Protocol):
    """A conditional edge.

    Attributes:
        path: LangGraph's runnable of the user's function; ``func`` and ``afunc`` are looked up when called.
        select: The channels the function is given, or None for what the node returned.
        managed: Adds to the dict that was read of them what the graph manages, if not None. See ``NodeCall``.
        mapper: Applied to what was read.
        merges: Whether what was read is merged into what the node returned, if both are dicts.
        known: Writes by answer, for answers that only say where to go. Grows.
    """

    path: Any
    select: Any
    managed: Managed | None
    mapper: Callable[[Any], Any] | None
    merges: bool
    known: dict[str, list[tuple[str, Any]]]

    def answered(self, value: Any, answer: Any) -> tuple[Any, list[tuple[str, Any]]]:
        """What an answer leads to: the value for the next writer, and writes."""
        ...


@dataclass(frozen=True, slots=True)
class NodeCall:
    """How a node is called.

    Attributes:
        node: LangGraph's description of it. With a retry or a cache policy the node is the facade's to run.
        bound: LangGraph's runnable of the user's function, ``func`` and ``afunc`` being looked up when
            called; None for a node that hands on what it is given.
        by_method: Whether it is any other runnable, whose ``invoke`` or ``ainvoke`` is called with the task's config.
        managed: Adds to what the node's channels hold what the graph manages, if not None; comes before ``coerce``.
        coerce: Applied to what the node's channels hold, if not None. Nothing is done to what a packet holds.
        keywords: Gives the function's keyword arguments for a live task, if it takes any.
        recurses: Whether a runnable the function returns is called in its place.
        hidden: Whether streams of updates leave the node out.
        writers: Called in order with what the node, or the writer before, returned.
    """

    node: Any
    bound: Any
    by_method: bool
    managed: Managed | None
    coerce: Callable[[Any], Any] | None
    keywords: Callable[[Any], dict[str, Any]] | None
    recurses: bool
    hidden: bool
    writers: tuple[tuple[WriteStep, ...] | BranchCall, ...]


@dataclass(frozen=True, slots=True)
class Draws:
    """Where LangGraph draws the ids of saved checkpoints and its savers draw versions; looked into each time.

    Attributes:
        names: Under ``"uuid6"`` has LangGraph's own function, ``uuid6``, unless somebody put another in its place;
            then that one is to be called, and ``Host.saved_id`` calls it.
        uuid6: That function.
        uuid_names: The names of the module of that function.
        last_tick: The one among them that has the time of the last UUID: a number of 100 ns since 1582-10-15; or None.
        random: The module ``random``: an id ends in 48 of its bits, and a version in one of its numbers.
    """

    names: dict[str, Any]
    uuid6: Any
    uuid_names: dict[str, Any]
    last_tick: str
    random: Any


@dataclass(frozen=True, slots=True)
class Host:
    """Names and objects of the facade's that an execution needs, the same for every graph.

    Attributes:
        config_type: A dict that is filled when looked at, by its attribute ``task``, which has the methods
            ``full_config()`` and ``use_config(config)``.
        config_variable: The context variable a node finds its config in.
        copy_context: Makes the context a node runs in.
        runnable_type: What a returned runnable is an instance of.
        passthrough, skip_write: LangGraph's two special values of writers.
        clock: The module whose ``time()`` says when a node was started.
        ticks: Gives the numbers that make up checkpoint ids of runs that aren't saved.
        id_tail: What those ids end in.
        saved_id: Gives the id of the checkpoint after a superstep, by the superstep's number, where there is a saver.
        draws: What it draws them from.
        in_thread: What LangGraph awaits for a function to be run in a thread: a runnable of a function has
            ``functools.partial(in_thread, None, function)`` as its ``afunc`` then. None if no thread is to be asked for.
        note_input_error: Told of an exception of ``coerce``, the node's name and the task's path.
    """

    config_type: type[dict[str, Any]]
    config_variable: Any
    copy_context: Callable[[], Any]
    runnable_type: type[Any]
    passthrough: Any
    skip_write: Any
    clock: Any
    ticks: Iterator[int]
    id_tail: str
    saved_id: Callable[[int], str]
    draws: Draws
    in_thread: Callable[..., Any] | None
    note_input_error: Callable[[Exception, str, tuple[Any, ...]], None]


class Place(Protocol):
    """What an execution needs to know of the run it is part of. Only ``planned`` is changed.

    Attributes:
        stop: The number of the superstep the run may not reach.
        namespace: The run's checkpoint namespace.
        output_key_set: The output channels.
        control: Has ``drain_requested``; or None.
        event_loop: The event loop, if nodes are awaited.
        asyncio_task: The asyncio task that runs it, if coroutines share it; None if they need a task. Changes.
        saver: Has ``get_next_version(current, None)``, if the run is saved; or None.
        counts_versions: Whether the versions of that saver are LangGraph's: the count in the highest version (what is
            before its point; nought if there is none) and one, in 32 digits; a point; a number of ``random.random()``'s, as
            ``format(number, "016")`` writes it. They need not be asked for then.
        saves_each: Whether every superstep is saved, not only the last state: ``wrote`` and ``committed`` are called.
        reduces_in_threads: Whether threads may combine what was written: no reducer, and no channel, is code of the user's.
            Asked for when a thread has something to combine, as it takes a look at each of them.
        streamed: The chunks the run streams; None if nobody takes any.
        calls: Not None once the running task asked how to start others.
        planned: The superstep ``go`` starts with, if ``commit_and_plan`` planned it. Whoever uses it sets it to None.
    """

    stop: int
    namespace: str
    output_key_set: frozenset[str]
    control: Any
    event_loop: Any
    asyncio_task: Any
    saver: Any
    counts_versions: bool
    saves_each: bool
    streamed: Streamed | None
    planned: Plan | None

    @property
    def reduces_in_threads(self) -> bool: ...

    @property
    def calls(self) -> Any: ...

    def live_task(
        self, task: Task, step: int, checkpoint_id: str, started: float, *, current: bool
    ) -> Any:
        """The task, for code that looks at it. ``current``: its superstep isn't over."""
        ...

    def moved_on(self) -> None:
        """The execution's first superstep was committed."""
        ...

    def take_stop(self, stop: Stop) -> None:
        """Where the run is, before ``go`` or ``resume`` raise. Kind and detail mean nothing."""
        ...

    def show(self, mode: str, chunk: Any) -> None:
        """A chunk of the last superstep, which the facade has taken when it goes on itself."""
        ...

    def wrote_nowhere(self, name: str, path: tuple[Any, ...], channel: str) -> None:
        """A task wrote to a channel the graph doesn't have."""
        ...

    def wrote(self, task_id: str, path: tuple[Any, ...], writes: list[Write]) -> None:
        """A task ended; the host keeps the list of what it wrote, and doesn't change it. Its commit is next."""
        ...

    def committed(self, step: int, checkpoint_id: str, updated: set[str]) -> None:
        """The superstep of that number was committed; the id is of the checkpoint after it."""
        ...


class Execution(Protocol):
    """One invocation, as far as an engine runs it. Used by one thread at a time, but for ``give_up``."""

    def go(self, step: int, checkpoint_id: str, updated: Collection[str] | None) -> Stop:
        """Run supersteps from here until one isn't simple.

        Behavior:
            - A superstep whose only task is of a node with a call is run, then the next.
            - A task made of a packet is given what the packet holds.
            - What the graph manages is added to what nodes and edges are given.
            - Any other runnable is called with its config.
            - A superstep of several tasks, of a packet with a timeout or of another node is stopped before, with its plan.
            - A superstep that may not be run is stopped before: the run's last, or a drain was asked for.
            - Writers write in their order, each given what the one before gave.
            - A node finds a config that isn't filled, and is filled from a live task when it is looked into.
            - If a node or a writer raises, its superstep isn't committed, and the live task has its writes.
            - If a commit raises, the run is as it was before.
            - If anything else raises, the place is told where the run is.
            - Where there is a saver, it says what versions are, and the host what ids are.
            - Versions and ids of LangGraph's own making are those it would have made, drawn once each.
            - Where every superstep is saved, the host hears what its task wrote, and once that is committed, of that.
            - Once the running task asked how to start others, it is stopped after it, with the live task.
            - If chunks are streamed, it is stopped before each superstep for those of the one before.
            - A superstep that writes what isn't a channel's is stopped after its task, if chunks are streamed.
            - A function that LangGraph hands to a thread isn't called in the event loop: a thread is asked for.
        """
        ...

    def resume(self, value: Any) -> Stop:
        """Go on with what was awaited, or after what was streamed.

        Behavior:
            - A node or an edge that was awaited goes on as if it had returned the value.
        """
        ...

    def resume_in_thread(self) -> Stop | None:
        """Go on in a thread, in a copy of the event loop's context, while the event loop waits for it.

        Behavior:
            - Functions that LangGraph hands to threads are called, superstep by superstep.
            - What LangGraph does in the event loop is left to it, by a turn: coroutines, mappers and coercions of the user's.
            - So is a commit that is saved or streamed, or may call a reducer of the user's, and a read that may.
            - A turn is asked for after a function if the event loop has something to do, and after a moment.
            - If a function raises, that is a stop as in the event loop.
            - Once it was given up, no function is called and nothing is committed any more; it gives None.
        """
        ...

    def give_up(self) -> Any:
        """Forget the task under way, because what was awaited raised; the live task.

        None if that was a thread, which had come to the end of a superstep.

        Behavior:
            - The superstep of the task isn't committed, and may be run again.
        """
        ...


class Executor(Protocol):
    """How a graph's nodes are called. Safe to share between threads."""

    def begin(self, run: Run, place: Place) -> Execution:
        """Take part in an invocation."""
        ...


class ExecutingEngine(Protocol):
    """An engine with the capability ``execute``."""

    def executor(self, program: Program, calls: Mapping[str, NodeCall], host: Host) -> Executor:
        """Take in how nodes are called; a node without an entry is the facade's to run.

        A call is made when it is asked for: the time to ask is when its node first runs. Any thread may.
        """
        ...
