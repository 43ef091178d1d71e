"""What a loop knows, streams and saves: the base of ``Loop``.

Saving is LangGraph's: a task's writes are saved as soon as it is done (pending writes), a checkpoint
after every superstep; with durability ``exit`` only once, at the end. How a saver is called differs
between sync and async and is left to ``submit`` and the ``saver_*`` methods.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol

from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver
from langgraph.constants import TAG_HIDDEN
from langgraph.runtime import RunControl, Runtime
from langgraph.types import Interrupt, PregelExecutableTask, Send

from langgraph_engine import upstream
from langgraph_engine.checkpoint_ids import saved_id, unsaved_id
from langgraph_engine.committing import commit, commit_and_plan
from langgraph_engine.delta import DeltaBook
from langgraph_engine.memory_saver import works_in_memory
from langgraph_engine.protocol import Plan, Run, TaskWrites
from langgraph_engine.streams import Latest, update_of
from langgraph_engine.task_config import ChannelMap, TaskBasis, path_text

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_engine.compiled import CompiledGraph
    from langgraph_engine.live_task import LiveTask

__all__ = ["LoopOptions", "SavingLoop"]

CONF = upstream.CONF
WritesT = Sequence[tuple[str, Any]]


class LoopOptions(Protocol):
    """What a loop reads of its invocation: what was asked for, defaults applied. See ``Pregel.stream`` for the meanings.

    Attributes:
        graph: The graph.
        config: The run's config.
        manager: The root run, as callback handlers see it.
        control: Says whether the run is to be drained.
        direct: Whether tasks may be called directly: nobody watches them.
        event_loop: The event loop the call was made in; None for one that isn't awaited.
    """

    graph: upstream.AnyPregel
    input: Any
    config: Any
    manager: Any
    control: RunControl | None
    store: Any
    cache: Any
    checkpointer: BaseCheckpointSaver[Any] | None
    output_keys: str | Sequence[str]
    interrupt_before: Any
    interrupt_after: Any
    durability: str
    direct: bool
    event_loop: Any

    def make_runtime(self) -> Runtime[Any]:
        """The runtime its tasks' ones are made of."""
        ...


class SavingLoop:
    """The state of a loop, its stream, its checkpoints and pending writes."""

    is_async = False
    callback_manager: Callable[[Any], Any]
    submit: Callable[..., Any]
    saves_writes_at_once = True
    """Whether what LangGraph begins to save is saved, or being saved, before the run goes on."""
    saved: Callable[[], Any]
    """Gives a future of a call to a saver that was made and returned."""
    raising: Callable[[Exception], Any]
    """What ``submit`` is given for a future that has this exception."""
    save_soon: Callable[[], None]
    """Has ``save_unsaved`` called where the event loop would get to it."""
    put_writes_call: Callable[..., Any] | None
    put_checkpoint_call: Callable[..., Any] | None
    call_function: Callable[[PregelExecutableTask], Any]

    run: Run
    channels: ChannelMap
    checkpoint_id: str
    checkpoint_id_saved: str
    checkpoint_metadata: Any
    pending_writes: list[tuple[str, str, Any]]
    previous_versions: dict[str, Any]
    step = stop = 0
    status = "input"
    updated: set[str] | None = None
    planned: Plan | None = None
    """The next superstep, if it is planned already."""
    next_id: str | None = None
    """The id of the next checkpoint, if the superstep after it was planned already."""
    output: Any = None
    previous: Any = None
    is_replaying = False
    basis: TaskBasis | None = None
    shared_config: Any = None
    """What the configs of tasks that nobody listens to have in common; see ``quiet_config``."""
    _runtime: Runtime[Any] | None = None
    put_checkpoint_future: Any = None
    settled = False
    # Most runs have none of these, and there may be very many runs.
    lifecycle_events: deque[Any] | None = None
    _unsaved: deque[tuple[Callable[..., Any], tuple[Any, ...]]] | None = None

    def __init__(
        self,
        graph: CompiledGraph,
        options: LoopOptions,
        stream: upstream.StreamProtocol | None,
        latest: Latest | None,
    ) -> None:
        self.graph = graph
        pregel = self._pregel = options.graph
        self.input = options.input
        self.manager = options.manager
        self.control = options.control
        self._options = options
        self.latest = latest
        self.store = options.store
        self.cache = options.cache
        saver = self.checkpointer = options.checkpointer
        self.saves = saver is not None
        # A saved checkpoint's id is drawn after the commit, as LangGraph draws it.
        self.plans_ahead = graph.plans_ahead and saver is None
        self.input_keys = pregel.input_channels
        keys = self.output_keys = options.output_keys
        self.output_key_set = frozenset((keys,) if isinstance(keys, str) else keys)
        self._shown_keys = keys if isinstance(keys, str) else self.output_key_set
        self.interrupt_before = options.interrupt_before
        self.interrupt_after = options.interrupt_after
        self.durability = options.durability
        self.retry_policy = pregel.retry_policy
        self.cache_policy = pregel.cache_policy
        self.direct = options.direct
        self.latest_is_lasting = self.output_key_set <= graph.lasting

        self.tasks: dict[str, PregelExecutableTask] = {}
        self.live: dict[str, LiveTask] = {}
        self.written_task_ids: set[str] = set()
        self.error_write_futures: list[Any] = []
        self._place(options.config, stream)
        self.deltas = DeltaBook(self) if graph.deltas else None
        self.in_memory = self.deltas is None and works_in_memory(saver)
        # Else nobody will ask what was pending: a finished task only needs its writes.
        self.keeps_pending = self.saves or self.cache is not None or self.deltas is not None

    def _place(self, config: RunnableConfig, stream: upstream.StreamProtocol | None) -> None:
        """Work out where this run is: nested or not, its namespace, the checkpoint it starts from."""
        conf = config[CONF]
        self.is_nested = upstream.CONFIG_KEY_TASK_ID in conf
        if stream is not None and upstream.CONFIG_KEY_STREAM in conf:
            stream = _both(stream, conf[upstream.CONFIG_KEY_STREAM])
            self.latest = None  # somebody else is listening too: stream everything
        self.stream = stream
        self.quiet = self.latest is not None
        scratchpad = conf.get(upstream.CONFIG_KEY_SCRATCHPAD)
        if isinstance(scratchpad, upstream.PregelScratchpad) and (
            count := scratchpad.subgraph_counter()
        ):
            # Not the task's first subgraph: number its namespace.
            namespace = f"{conf[upstream.CONFIG_KEY_CHECKPOINT_NS]}{upstream.NS_SEP}{count}"
            config = upstream.patch_configurable(
                config, {upstream.CONFIG_KEY_CHECKPOINT_NS: namespace}
            )
        if not self.is_nested and conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS):
            config = upstream.patch_configurable(
                config,
                {
                    upstream.CONFIG_KEY_CHECKPOINT_NS: "",
                    upstream.CONFIG_KEY_CHECKPOINT_ID: None,
                },
            )
        self.config = config
        if self.saves:
            self.config_for_tasks()  # savers are given it
        conf = config[CONF]
        self.namespace: str = conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS) or ""
        self.checkpoint_ns: tuple[str, ...] = (
            tuple(self.namespace.split(upstream.NS_SEP)) if self.namespace else ()
        )
        patch = {}
        checkpoint_map = conf.get(upstream.CONFIG_KEY_CHECKPOINT_MAP)
        own = conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS)
        if checkpoint_map is not None and own in checkpoint_map:
            patch[upstream.CONFIG_KEY_CHECKPOINT_ID] = checkpoint_map[own]
        thread_id = conf.get(upstream.CONFIG_KEY_THREAD_ID)
        if thread_id and not isinstance(thread_id, str):
            patch[upstream.CONFIG_KEY_THREAD_ID] = str(thread_id)
        self.checkpoint_config = upstream.patch_configurable(config, patch) if patch else config
        self.prev_checkpoint_config: RunnableConfig | None = None
        self.addressed = bool(
            self.checkpoint_config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_ID)
            or conf.get(upstream.CONFIG_KEY_REPLAY_STATE)
        )

    def config_for_tasks(self) -> RunnableConfig:
        """The run's config, with the runtime that those of its tasks are made of. Any thread."""
        if self._runtime is None:
            self._runtime = self._options.make_runtime()
        config = self.config
        config[CONF][upstream.CONFIG_KEY_RUNTIME] = self._runtime
        return config

    @property
    def stream_keys(self) -> str | Sequence[str]:
        """The channels that are streamed."""
        return self._pregel.stream_channels_asis

    def migrate_checkpoint(self, checkpoint: Any) -> None:
        """Bring a loaded checkpoint into the present format, as the graph does."""
        self._pregel._migrate_checkpoint(checkpoint)  # noqa: SLF001 - has no other name

    def task_basis(self) -> TaskBasis:
        """What the tasks of the present superstep have in common."""
        if self.basis is None:
            self.basis = TaskBasis(self)  # type: ignore[arg-type]  # every loop made is a Loop
        return self.basis

    # -- stream ---------------------------------------------------------------------------------

    def emit(self, mode: str, values: Callable[..., Iterator[Any]], *args: Any) -> None:
        """Stream what ``values(*args)`` gives, if anybody asked for ``mode``."""
        stream: Any = self.stream  # an object whose __call__ is set on the instance
        if stream is None:
            return
        wrapped = "debug" in stream.modes and mode in ("checkpoints", "tasks")
        if mode not in stream.modes and not wrapped:
            return
        for value in values(*args):
            if mode in stream.modes:
                stream((self.checkpoint_ns, mode, value))
            if wrapped:
                stream((self.checkpoint_ns, "debug", self._debug_event(mode, value)))

    def _debug_event(self, mode: str, value: Any) -> dict[str, Any]:
        if mode == "checkpoints":
            kind, step = "checkpoint", self.step - 1
        else:
            kind, step = "task_result" if "result" in value else "task", self.step
        return {"step": step, "timestamp": upstream.utc_now_iso(), "type": kind, "payload": value}

    def push_lifecycle_event(self, kind: str, interrupts: tuple[Interrupt, ...] = ()) -> None:
        """Queue an event for graph lifecycle callbacks."""
        if self.status == "draining":
            raise RuntimeError("Draining status cannot emit lifecycle events")
        common: dict[str, Any] = {
            "run_id": None,
            "status": self.status,
            "checkpoint_id": self.checkpoint_id,
            "checkpoint_ns": self.checkpoint_ns,
        }
        if self.lifecycle_events is None:
            self.lifecycle_events = deque()
        self.lifecycle_events.append(
            upstream.GraphResumeEvent(**common)
            if kind == "resume"
            else upstream.GraphInterruptEvent(**common, interrupts=interrupts)
        )

    def output_writes(self, task_id: str, writes: WritesT, *, cached: bool = False) -> None:
        """Stream what a task wrote."""
        task: Any = self.live.get(task_id) or self.tasks.get(task_id)
        if task is None or self.stream is None:
            return
        if self.quiet and writes[0][0] != upstream.INTERRUPT:
            return
        first = writes[0][0]
        if task_id in self.live:
            if first != upstream.INTERRUPT:
                self.show_update(task, writes)
                return
            if self._is_hidden(task):
                return
        elif task.config is not None and TAG_HIDDEN in (task.config.get("tags") or ()):
            return
        if first == upstream.INTERRUPT:
            if task.path[0] == upstream.PUSH and task.path[-1] is True:
                return  # a functional call's interrupt is its caller's to show
            self._output_interrupts(writes)
        elif first != upstream.ERROR:
            self.emit(
                "updates",
                upstream.map_output_updates,
                self.output_keys,
                [(task, writes)],
                cached,
            )
        if not cached:
            self.emit("tasks", upstream.map_debug_task_results, (task, writes), self.stream_keys)

    def show_update(self, task: LiveTask, writes: WritesT) -> None:
        """Stream what a task wrote that is called directly: only updates and values are streamed then."""
        if (
            self.stream is not None
            and "updates" in self.stream.modes
            and not self._is_hidden(task)
            and writes[0][0] != upstream.ERROR
        ):
            self.show("updates", {task.name: update_of(writes, self._shown_keys)})

    def _is_hidden(self, task: LiveTask) -> bool:
        return task.plan.hidden or TAG_HIDDEN in (self.config.get("tags") or ())

    def show(self, mode: str, chunk: Any) -> None:
        """Stream a chunk of values or updates, if anybody asked for them."""
        stream: Any = self.stream
        if stream is not None and mode in stream.modes:
            stream((self.checkpoint_ns, mode, chunk))

    def _output_interrupts(self, writes: WritesT) -> None:
        interrupts = tuple(
            interrupt
            for channel, value in writes
            if channel == upstream.INTERRUPT
            for interrupt in (value if isinstance(value, Sequence) else (value,))
        )
        chunk = {upstream.INTERRUPT: interrupts}
        self.show("updates", chunk)
        if self.stream is not None and "values" in self.stream.modes:
            state = self.run.read(self.output_keys)
            if isinstance(state, dict):
                state[upstream.INTERRUPT] = interrupts
                self.show("values", state)
            else:
                self.show("values", chunk)

    # -- commit ---------------------------------------------------------------------------------

    def commit(self, writes: Sequence[TaskWrites]) -> set[str]:
        """Have the engine apply writes; say which channels changed.

        Raises:
            InvalidUpdateError: A channel refused its writes; the run is as it was.
        """
        saver = self.checkpointer
        version = None if saver is None else saver.get_next_version(self._max_version(), None)
        return commit(self.run, self.graph.channels, writes, version)

    def commit_superstep(self, writes: Sequence[TaskWrites]) -> set[str]:
        """``commit`` before ``put_checkpoint``; the engine may plan what comes after them."""
        if not self.plans_ahead:
            return self.commit(writes)
        self.next_id = next_id = unsaved_id()
        updated, self.planned = commit_and_plan(
            self.run,  # type: ignore[arg-type]  # plans_ahead says what it can do
            self.graph.channels,
            writes,
            None,
            (self.step + 1, next_id, self.namespace),
        )
        return updated

    def _max_version(self) -> Any:
        version = self.run.max_version()
        return version if self.deltas is None else self.deltas.newest_version(version)

    # -- pending writes -------------------------------------------------------------------------

    def put_writes(self, task_id: str, writes: WritesT, *, cached: bool = False) -> None:
        """Keep, save and stream what a task wrote."""
        if not writes:
            return
        self.written_task_ids.add(task_id)
        if all(channel in WRITES_IDX_MAP for channel, _ in writes):
            writes = list({write[0]: write for write in writes}.values())
        if self.deltas is not None:
            self.deltas.with_ids(writes)
        to_save: WritesT = writes
        if task_id == upstream.NULL_TASK_ID:
            # Input writes add up; a special one replaces its predecessor and goes last, so that
            # the others keep the position savers know them by.
            self.pending_writes = [
                w for w in self.pending_writes if w[0] != task_id or w[1] not in WRITES_IDX_MAP
            ]
            writes = sorted(writes, key=lambda write: write[0] in WRITES_IDX_MAP)
            to_save = [w[1:] for w in self.pending_writes if w[0] == task_id] + list(writes)
        elif self.pending_writes:
            self.pending_writes = [w for w in self.pending_writes if w[0] != task_id]
        self.pending_writes.extend((task_id, channel, value) for channel, value in writes)
        if self.put_writes_call is not None and self.durability != "exit":
            has_failed = any(channel == upstream.ERROR_SOURCE_NODE for channel, _ in writes)
            future = self.save_writes(
                task_id,
                self.path_of(task_id),
                self.savable(to_save),
                alone=self._is_alone(),
                is_awaited=has_failed or self.deltas is not None,
            )
            if has_failed:
                self.error_write_futures.append(future)
            if self.deltas is not None:
                self.deltas.saving(future, to_save)
        if self.tasks or self.live:
            self.output_writes(task_id, writes, cached=cached)

    def savable(self, writes: WritesT) -> WritesT:
        """Writes without the untracked values."""
        untracked = self.graph.untracked
        if not untracked:
            return writes
        return [
            (channel, upstream.sanitize_untracked_values_in_send(value, self.graph.channels))
            if channel == upstream.TASKS and isinstance(value, Send)
            else (channel, value)
            for channel, value in writes
            if channel not in untracked
        ]

    def save_writes(
        self, task_id: str, path: str, writes: WritesT, *, alone: bool, is_awaited: bool = False
    ) -> Any:
        """Have what a task wrote saved with the present checkpoint; see ``submit_writes``."""
        config = upstream.patch_configurable(
            self.checkpoint_config,
            {
                upstream.CONFIG_KEY_CHECKPOINT_NS: self.namespace,
                upstream.CONFIG_KEY_CHECKPOINT_ID: self.checkpoint_id,
            },
        )
        return self.submit_writes(config, writes, task_id, path, alone=alone, is_awaited=is_awaited)

    def submit_writes(
        self,
        config: Any,
        writes: WritesT,
        task_id: str,
        path: str,
        *,
        alone: bool,
        is_awaited: bool,
    ) -> Any:
        """Have writes saved; the future of that, if it is done in the background.

        Args:
            config: The checkpoint they belong to.
            writes: What a task wrote, without untracked values.
            task_id: The task's id.
            path: Its path as text; empty if it isn't of this superstep.
            alone: Whether it is its superstep's only task, and called directly.
            is_awaited: Whether somebody waits for the future.
        """
        call = self.put_writes_call
        assert call is not None
        args: tuple[Any, ...] = (config, writes, task_id, path)
        if not _takes_task_path(call):
            args = args[:3]
        if not self.in_memory:
            return self.submit(call, *args)
        assert self.checkpointer is not None
        if self.saves_writes_at_once:
            return self._call_saver(self.checkpointer.put_writes, *args)
        if is_awaited and not alone:
            return self.submit(call, *args)
        # An event loop gets to it at its next turn; if the task is alone, when they are committed. A reducer, or
        # another task, may change what it is given.
        if self._unsaved is None:
            self._unsaved = deque()
        self._unsaved.append((self.checkpointer.put_writes, args))
        if not alone:
            self.save_soon()
        return None

    def save_unsaved(self) -> None:
        """Have the writes saved that were kept back."""
        while self._unsaved:
            call, args = self._unsaved.popleft()
            self._call_saver(call, *args)

    def _call_saver(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call a saver that only works in memory; the future of that."""
        try:
            call(*args)
        except Exception as error:  # noqa: BLE001 - raised where it would be from the background
            return self.submit(self.raising, error)
        return self.saved()

    def _is_alone(self) -> bool:
        """Whether this superstep has one task, which is called directly."""
        return len(self.live) == 1 and not self.tasks

    def path_of(self, task_id: str) -> str:
        """The text form of a task's path; empty if it isn't of this superstep."""
        task: Any = self.live.get(task_id) or self.tasks.get(task_id)
        return "" if task is None else path_text(task.path)

    def put_pending_writes(self) -> None:
        """Save this run's pending writes; those loaded with the checkpoint are saved already."""
        if self.put_writes_call is None:
            return
        by_task: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
        for task_id, channel, value in self.pending_writes:
            if task_id in self.written_task_ids:
                by_task[task_id].append((channel, value))
        for task_id, writes in by_task.items():
            self.save_writes(task_id, self.path_of(task_id), writes, alone=self._is_alone())

    # -- checkpoints ----------------------------------------------------------------------------

    def put_checkpoint(self, metadata: Any, *, exiting: bool = False) -> None:
        """Make the state after a superstep the checkpoint the next one starts from, and save it.

        With durability ``exit`` the state is saved only by the call made when ``exiting``.
        """
        if not self.saves:
            if not exiting:
                self.checkpoint_id = self.next_id or unsaved_id()
                self.next_id = None
                self.step += 1
            return
        if exiting and self.checkpoint_id == self.checkpoint_id_saved:
            return
        if exiting:
            self._save_checkpoint()
        else:
            self.checkpoint_made(metadata, saved_id(self.step))

    def checkpoint_made(self, metadata: Any, checkpoint_id: str) -> None:
        """Go on from the checkpoint after the present superstep, and save it, unless only the last is saved."""
        self._place_metadata(metadata, self.step)
        if self.deltas is not None:
            self.deltas.count(self.updated, self.checkpoint_metadata, metadata)
        self.checkpoint_metadata = metadata
        self.checkpoint_id = checkpoint_id
        if self.durability != "exit":
            self._save_checkpoint()
        self.step += 1

    def _place_metadata(self, metadata: Any, step: int) -> None:
        metadata["step"] = step
        metadata["parents"] = self.config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_MAP, {})

    def _save_checkpoint(self) -> None:
        checkpoint = self.run.checkpoint(self.checkpoint_id, upstream.utc_now_iso(), self.updated)
        if self.deltas is not None:
            self.deltas.finish(self, checkpoint)
        values = checkpoint["channel_values"]
        self.previous = values.get(upstream.PREVIOUS)
        if self.graph.untracked and upstream.TASKS in values:
            values[upstream.TASKS] = [
                upstream.sanitize_untracked_values_in_send(packet, self.graph.channels)
                if isinstance(packet, Send)
                else packet
                for packet in values[upstream.TASKS]
            ]
        conf = self.checkpoint_config[CONF]
        parent = conf.get(upstream.CONFIG_KEY_CHECKPOINT_ID)
        self.prev_checkpoint_config = self.checkpoint_config if parent else None
        put_config = upstream.patch_configurable(
            self.checkpoint_config, {upstream.CONFIG_KEY_CHECKPOINT_NS: self.namespace}
        )
        versions = checkpoint["channel_versions"]
        new_versions = upstream.get_new_channel_versions(self.previous_versions, versions)
        self.previous_versions = versions.copy()
        futures = () if self.deltas is None else self.deltas.take_futures()
        self.submit_checkpoint(
            futures, put_config, checkpoint, self.checkpoint_metadata, new_versions
        )
        self.checkpoint_config = upstream.patch_configurable(
            put_config, {upstream.CONFIG_KEY_CHECKPOINT_ID: self.checkpoint_id}
        )

    def submit_checkpoint(
        self,
        writes: Sequence[Any],
        config: Any,
        checkpoint: Any,
        metadata: Any,
        new_versions: Any,
    ) -> None:
        """Have a checkpoint saved after the one before it and after ``writes``, which are futures."""
        assert self.put_checkpoint_call is not None
        save = self.submit
        if self.in_memory:
            self.save_unsaved()
            save = self._call_saver
        self.put_checkpoint_future = save(
            self.put_checkpoint_call,
            self.put_checkpoint_future,
            writes,
            config,
            checkpoint,
            metadata,
            new_versions,
        )


def _takes_task_path(put_writes: Any) -> bool:
    """Whether a saver's ``put_writes`` takes the path of the task: older savers' doesn't."""
    function = getattr(put_writes, "__func__", None)
    if isinstance(function, FunctionType):
        return _function_takes_task_path(function)
    return upstream.put_writes_accepts_task_path(put_writes)


_function_takes_task_path = lru_cache(maxsize=64)(upstream.put_writes_accepts_task_path)


def _both(*streams: Any) -> upstream.StreamProtocol:
    def put(chunk: Any) -> None:
        for stream in streams:
            if chunk[1] in stream.modes:
                stream(chunk)

    return upstream.StreamProtocol(put, {mode for stream in streams for mode in stream.modes})
