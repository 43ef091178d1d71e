"""The superstep loop: plan, run, commit, checkpoint, repeat.

One ``Loop`` is one invocation of one graph. It owns everything but the decisions: those are the
engine's (``self.run``). What a loop does, in the order it is called:

    open    load the checkpoint, start the engine's run, take in the input     (loop_start)
    tick    plan the next superstep; say whether there is anything to run
    ...     the tasks are run by ``direct_run`` or by LangGraph's runner       (driving)
    put_writes   a task is done: keep its writes, save them, stream them       (saving)
    after_tick   commit the writes, stream values, save a checkpoint
    close   save what is left, turn an interrupt into output

Nothing here differs between sync and async but how a saver is called; see ``SyncLoop``, ``AsyncLoop``.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.constants import TAG_HIDDEN
from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt, PregelExecutableTask

from langgraph_engine import upstream
from langgraph_engine.checkpoint_ids import counts_versions
from langgraph_engine.committing import warn_unknown
from langgraph_engine.execute import Execution, Stop, Streamed
from langgraph_engine.forks import free_in_forks
from langgraph_engine.live_task import LiveTask
from langgraph_engine.loop_start import StartingLoop
from langgraph_engine.planned import task_input, warn_ignored
from langgraph_engine.protocol import PUSH, Task, TaskWrites, made
from langgraph_engine.task_config import (
    ChannelMap,
    TaskBasis,
    call_task,
    error_handler_task,
    executable_task,
    planned_path_text,
)

if TYPE_CHECKING:
    from langgraph_engine.unwatched_run import UnwatchedRun

__all__ = ["CallFutures", "Loop"]

logger = logging.getLogger("langgraph")
CONF = upstream.CONF
_beginning = free_in_forks(threading.RLock())
"""Held while a superstep becomes a loop's present one: a thread that a node left behind may look at an earlier one's task.

Whatever ends with the superstep before ends outside it."""


_MANY = 100
"""More tasks than that have what they wrote looked at one by one."""


class CallFutures(upstream.FuturesDict):
    """The functional API calls made by the direct tasks of one superstep, until they are done.

    They belong to the superstep, as its tasks do: it waits for them, and their failures and interrupts
    are its own.
    """

    def __init__(
        self, loop: Loop, event: Any, future_type: Any, done: Callable[[Any], None] | None
    ) -> None:
        super().__init__(
            callback=weakref.WeakMethod(loop.runner.commit),
            event=event,
            should_stop=upstream.should_stop_others,
            future_type=future_type,
        )
        self._tell = done

    def __setitem__(self, future: Any, task: Any) -> None:
        super().__setitem__(future, task)
        if self._tell is not None:
            future.add_done_callback(self._tell)  # after LangGraph's own, which commits


class Loop(StartingLoop):
    """One invocation of one graph, from input to output."""

    event_loop: Any = None
    calls: CallFutures | None = None
    """Calls made by the direct tasks of this superstep, if any asked how to make one."""
    call_done: Callable[[Any], None] | None = None
    """Where to report that one of them is done, if the superstep waits for several things."""
    failed = False
    """Whether a node of this superstep failed."""
    _begun = -2
    """No earlier superstep than this one can be the present one any more."""
    run_in_context: Callable[[Any, Context], Awaitable[Any]]
    """Awaits something in a context; only where there is an event loop."""
    make_runner: Callable[[], upstream.PregelRunner] | None = None
    _runner: upstream.PregelRunner | None = None
    execution: Execution | None = None
    """Runs simple supersteps of this run, if the engine can and nobody watches them."""
    streamed: Streamed | None = None
    """The chunks it streams."""
    saver: BaseCheckpointSaver[Any] | None = None
    """What saves it."""
    counts_versions = False
    """Whether its versions are those of LangGraph's savers."""
    saves_each = False
    """Whether every superstep of it is saved."""
    asyncio_task: Any = None
    """The asyncio task this loop runs in, if coroutines that run alone in their superstep share it."""

    @property
    def runner(self) -> upstream.PregelRunner:
        """Runs the tasks that aren't called directly. Made when first needed."""
        if self._runner is None:
            assert self.make_runner is not None
            self._runner = self.make_runner()
        return self._runner

    def take_over(self, begun: UnwatchedRun) -> None:
        """Go on with a run that did without a loop till now."""
        self.adopt(None)
        self.run, at, moved_on = begun.begun_at()
        self.channels = ChannelMap(self.graph.channels, self.run)
        self.stop = begun.stop
        self._tell_subgraphs(resuming=False, replay=None)
        self.status = "pending"
        self.execution, self.asyncio_task = begun.execution, begun.asyncio_task
        self.take_stop(at)
        if moved_on:
            self.moved_on()

    # -- plan -----------------------------------------------------------------------------------

    def tick(self) -> bool:
        """Plan the next superstep. True if there is something to run."""
        if self.step > self.stop:
            self.status = "out_of_steps"
            self._prepare()
            return False
        self._prepare()
        if self.live:
            return self.control is None or not self._draining()
        if not self.tasks:
            self.status = "done"
            return False
        if not self.is_replaying and self.pending_writes:
            self._reapply(self.tasks)
            self._resume_error_handlers()
        if self.interrupt_before and self._should_interrupt(self.interrupt_before):
            self.status = "interrupt_before"
            raise GraphInterrupt()
        if self._draining():
            return False
        self.emit("tasks", upstream.map_debug_tasks, self.tasks.values())
        for task in self.tasks.values():
            if task.writes:
                self.output_writes(task.id, task.writes, cached=True)
        return True

    def _draining(self) -> bool:
        if self.control is not None and self.control.drain_requested:
            self.status = "draining"
            return True
        return False

    def _prepare(self) -> None:
        """Plan, and describe the planned tasks: directly callable ones if all of them are."""
        plan, self.planned = self.planned, None
        if plan is None:
            plan = self.run.plan(self.step, self.checkpoint_id, self.namespace, self.updated)
        tasks, ignored = plan
        with _beginning:
            before = self._make_present(self.step + 1, None, {})
        del before
        if ignored:
            warn_ignored(ignored)
        if not tasks and not self.saves:
            return
        if self.direct and not self.pending_writes:
            live = self._live_tasks(tasks)
            if live is not None:
                self.live = live
                return
        basis = self.task_basis()
        coerced: dict[Any, Any] = {}
        managed = self.graph.managed
        for task in tasks:
            node = self.graph.plans[task.name]
            scratchpad = basis.scratchpad(task.id, task.namespace) if node.managed else None
            value = task_input(task, node, coerced, managed, scratchpad)
            self.tasks[task.id] = executable_task(basis, task, node, value, scratchpad=scratchpad)
        if self.saves:
            self.emit(
                "checkpoints",
                upstream.map_debug_checkpoint,
                upstream.patch_configurable(
                    self.checkpoint_config, {upstream.CONFIG_KEY_CHECKPOINT_ID: self.checkpoint_id}
                ),
                self.channels,
                self.stream_keys,
                self.checkpoint_metadata,
                self.tasks.values(),
                self.pending_writes,
                self.prev_checkpoint_config,
                self.output_keys,
            )

    def _live_tasks(self, tasks: Sequence[Task]) -> dict[str, LiveTask] | None:
        plans = self.graph.plans
        basis = self.task_basis()
        live: dict[str, LiveTask] = {}
        for task in tasks:
            plan = plans[task.name]
            node = plan.node
            if not plan.direct or node.retry_policy or node.cache_policy:
                return None
            if task.path[0] == PUSH and task.input.timeout is not None:
                return None
            live[task.id] = LiveTask(self, task, plan, basis)
        coerced: dict[Any, Any] = {}
        managed = self.graph.managed
        for running in live.values():
            plan = running.plan
            if plan.as_read and plan.node.mapper is None and running.path[0] != PUSH:
                running.value = running.task.input
            else:
                scratchpad = running.scratchpad() if plan.managed else None
                running.value = task_input(running.task, plan, coerced, managed, scratchpad)
        return live

    def _should_interrupt(self, nodes: Any) -> bool:
        if not self.run.unseen(upstream.INTERRUPT):
            return False
        if nodes == "*":
            return any(
                TAG_HIDDEN not in (task.config.get("tags") or ()) for task in self.tasks.values()
            )
        return any(task.name in nodes for task in self.tasks.values())

    # -- resume ---------------------------------------------------------------------------------

    def _reapply(self, tasks: Mapping[str, PregelExecutableTask]) -> None:
        """Give tasks that finished before the run stopped their writes back."""
        writes = (w for w in self.pending_writes if w[0] in tasks)
        for task_id, status in upstream.read_task_statuses(writes).items():
            tasks[task_id].writes.extend(status.output)
            if self.deltas is not None:
                self.deltas.reapplied(task_id)

    def _resume_error_handlers(self) -> None:
        """Tasks that failed into an error handler before the run stopped go to it again."""
        for task_id, channel, _ in tuple(self.pending_writes):
            if channel != upstream.ERROR_SOURCE_NODE or task_id not in self.tasks:
                continue
            error = next(
                (v for t, c, v in self.pending_writes if t == task_id and c == upstream.ERROR), None
            )
            task = self.tasks[task_id]
            if error is None or not self.graph.plans[task.name].node.error_handler_node:
                continue
            task.writes.append((upstream.ERROR, error))
            self._handler_for(task, error)

    def _handler_for(
        self, failed: PregelExecutableTask, error: BaseException
    ) -> PregelExecutableTask | None:
        plans = self.graph.plans
        handler = plans[failed.name].node.error_handler_node
        if handler is None or handler not in plans.nodes:
            return None
        task = error_handler_task(self.task_basis(), failed, plans[handler], error)
        if task is not None:
            self.tasks[task.id] = task
        return task

    def add_pushed(self, task: PregelExecutableTask) -> PregelExecutableTask:
        """Take in a task a running task asked for."""
        self.tasks[task.id] = task
        if not self.is_replaying:
            self._reapply({task.id: task})
        return task

    def call_pushed(
        self, parent: PregelExecutableTask, index: int, call: upstream.Call | None
    ) -> PregelExecutableTask | None:
        """Make the task of a functional API call and take it in."""
        if call is None:
            logger.warning(f"Ignoring invalid PUSH task path {(PUSH, parent.path, index)}")
            return None
        task = call_task(self.task_basis(), parent, index, call)
        self.emit("tasks", upstream.map_debug_tasks, [task])
        return self.add_pushed(task)

    def handler_scheduled(
        self, failed: PregelExecutableTask, error: BaseException
    ) -> PregelExecutableTask | None:
        """Make the task of a failed task's error handler and take it in."""
        task = self._handler_for(failed, error)
        return None if task is None else self.add_pushed(task)

    def cacheable(self) -> dict[tuple[Any, Any], PregelExecutableTask]:
        """Tasks whose result may be in the cache."""
        if self.cache is None:
            return {}
        return {
            (task.cache_key.ns, task.cache_key.key): task
            for task in self.tasks.values()
            if task.cache_key and not task.writes
        }

    def _cache_entry(
        self, task_id: str, writes: Sequence[tuple[str, Any]], cached: bool
    ) -> dict[Any, Any] | None:
        """What to put into the cache for a task that just finished, if anything."""
        if cached or not writes or self.cache is None:
            return None
        task = self.tasks.get(task_id)
        if task is None or task.cache_key is None:
            return None
        if any(channel in (upstream.INTERRUPT, upstream.ERROR) for channel, _ in writes):
            return None  # only a node that finished may be skipped next time
        return {(task.cache_key.ns, task.cache_key.key): (task.writes, task.cache_key.ttl)}

    # -- commit ---------------------------------------------------------------------------------

    def after_tick(self) -> None:
        """Commit the superstep's writes, stream the values, save a checkpoint."""
        done: Iterable[LiveTask | PregelExecutableTask]
        if self.live:
            done = self.live.values()
            # A task may have asked for others; those are committed with it.
            if self.tasks:
                done = (*done, *self.tasks.values())
        else:
            done = self.tasks.values()
        if self.deltas is not None:
            self.deltas.superstep(done)
        self.updated = self.commit_superstep(_writes_of(done))
        self._emit_values(done)
        if self.deltas is not None:
            self.deltas.committed(self)
        if self.pending_writes:
            self.pending_writes = []
        self.is_replaying = False
        self.put_checkpoint({"source": "loop"})
        if self.interrupt_after and self._should_interrupt(self.interrupt_after):
            self.status = "interrupt_after"
            self._prepare()
            raise GraphInterrupt()
        self._resumed()

    def _resumed(self) -> None:
        """The first superstep is over; the finished tasks' configs keep what was true."""
        conf = self.config[CONF]
        if upstream.CONFIG_KEY_RESUMING not in conf:
            return
        if self._runtime is not None:  # a task may have it
            conf = conf.copy()
            self.config = {**self.config, CONF: conf}
        del conf[upstream.CONFIG_KEY_RESUMING]

    # -- supersteps an engine runs itself ---------------------------------------------------------

    def begin_execution(self, streamed: Streamed | None = None) -> None:
        """Have the engine run simple supersteps, if it can and nobody watches them.

        Args:
            streamed: What is streamed; None for an ``invoke`` that only wants the last state.
        """
        executor = self.graph.executor
        if executor is None or not self.direct or self.cache is not None or self.deltas is not None:
            return
        saves_each = self.saves and self.durability != "exit"
        if saves_each and not self._may_save_ahead():
            return
        if streamed is not None or (self.quiet and self.latest_is_lasting):
            self.streamed = streamed
            self.saver, self.saves_each = self.checkpointer, saves_each
            self.counts_versions = self.saves and counts_versions(self.saver)
            self.execution = executor.begin(self.run, self)

    @property
    def reduces_in_threads(self) -> bool:
        """Whether threads may combine what tasks wrote."""
        return self.graph.reduces_in_threads()

    def _may_save_ahead(self) -> bool:
        """Whether every superstep can be saved by the time it has to be, without going back to the driver."""
        if self.durability == "sync" and self.is_async:
            return False  # the saver is awaited after each superstep
        return upstream.PREVIOUS not in self.graph.channels  # which tasks that are over still see

    def run_on(self) -> Stop:
        """Have the engine run supersteps from here."""
        assert self.execution is not None
        return self.execution.go(self.step, self.checkpoint_id, self.updated)

    def run_on_after(self, value: Any) -> Stop:
        """Have the engine go on with what it stopped for."""
        assert self.execution is not None
        return self.execution.resume(value)

    def take_stop(self, stop: Stop) -> None:
        """Go on where an execution stopped."""
        with _beginning:
            _, self.step, self.checkpoint_id, self.updated, due, _ = stop
            self._begun = self.step
        if self.saves and self.checkpoint_metadata["step"] != self.step - 1:
            if self.updated is None:
                self.updated = set()
            self.checkpoint_metadata = {"source": "loop"}
            self._place_metadata(self.checkpoint_metadata, self.step - 1)
        if due and self.latest is not None:
            self.latest.due = True

    def moved_on(self) -> None:
        """An execution is past its first superstep."""
        self.settled = True
        self.is_replaying = False
        self._resumed()

    def live_task(
        self, task: Task, step: int, checkpoint_id: str, started: float, *, current: bool
    ) -> LiveTask:
        """A task of a superstep the engine runs, for code that looks at it."""
        basis = TaskBasis(self, (step, checkpoint_id))
        live = LiveTask(self, task, self.graph.plans[task.name], basis)
        live.value = task.input.arg if task.path[0] == PUSH else task.input
        live.started = started
        if not current:
            return live
        with _beginning:
            if step < self._begun:  # a thread of the task's looked at it while the run went on
                return live
            if step == self._begun and task.id in self.live:
                return self.live[task.id]  # another thread was faster
            self.step, self.checkpoint_id = step, checkpoint_id
            before = self._make_present(step, basis, {task.id: live})
        del before
        return live

    def _make_present(self, begun: int, basis: TaskBasis | None, live: dict[str, LiveTask]) -> Any:
        """Go over to another superstep. The caller holds ``_beginning``, and lets go of what it is given outside it."""
        before = self.live, self.tasks, self.calls
        self._begun = begun
        self.basis, self.calls, self.call_done = basis, None, None
        self.failed = False
        self.live, self.tasks = live, {}
        return before

    def wrote_nowhere(self, name: str, path: tuple[Any, ...], channel: str) -> None:
        """A task of a superstep the engine runs wrote to a channel the graph doesn't have."""
        warn_unknown(name, path, channel)

    def wrote(self, task_id: str, path: tuple[Any, ...], writes: list[tuple[str, Any]]) -> None:
        """A task of a superstep the engine runs ended: keep and save what it wrote."""
        if all(channel in upstream.CONTROL_WRITES for channel, _ in writes):
            writes = [*writes, (upstream.NO_WRITES, None)]
        self.pending_writes = [(task_id, channel, value) for channel, value in writes]
        self.save_writes(task_id, planned_path_text(path), self.savable(writes), alone=True)

    def committed(self, step: int, checkpoint_id: str, updated: set[str]) -> None:
        """A superstep the engine runs was committed: save the checkpoint after it."""
        with _beginning:
            self.step, self.updated = step, updated
            self._begun = step + 1
        self.pending_writes = []
        self.checkpoint_made({"source": "loop"}, checkpoint_id)
        if self.durability == "sync":
            self.put_checkpoint_future.result()

    def _emit_values(self, done: Iterable[Any]) -> None:
        """Stream the state if this superstep wrote to it."""
        if self.stream is None or self.updated is None:
            return
        keys = self.output_key_set
        if keys.isdisjoint(self.updated):
            return
        if self.quiet and self.latest_is_lasting:
            # These channels are only updated by writes, and keep what they hold till the end.
            self.latest.due = True  # type: ignore[union-attr]  # quiet says there is one
            return
        if not any(channel in keys for task in done for channel, _ in task.writes):
            return
        if "values" in self.stream.modes:
            self.show("values", self.run.read(self.output_keys))

    # -- close ----------------------------------------------------------------------------------

    def release(self) -> None:
        """Let go of what refers back to the loop, so that it goes away without a collection."""
        self.tasks, self.live = {}, {}
        self.basis = self.calls = self.call_done = None
        self._runner = self.make_runner = None
        self.execution = self.asyncio_task = self.planned = None
        self.put_checkpoint_call = self.put_writes_call = None

    def saves_at_exit(self, error: BaseException | None) -> bool:
        """Whether the run is saved as it ends: not what a subgraph did that is over, which its caller saves."""
        return (
            self.saves
            and self.durability == "exit"
            and (
                not self.is_nested
                or error is not None
                or all(upstream.NS_END not in part for part in self.checkpoint_ns)
            )
        )

    def on_exit(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> bool | None:
        """Save what is left; an interrupt of a root graph becomes its output."""
        if self.saves_at_exit(error):
            if self.deltas is not None:
                self.deltas.put_written(self)
            self.put_checkpoint(self.checkpoint_metadata, exiting=True)
            self.put_pending_writes()
            self.save_unsaved()
        if isinstance(error, GraphInterrupt) and not self.is_nested:
            self._interrupted(error)
            self.output = self.run.read(self.output_keys)
            return True
        if exc_type is None:
            self.output = self.run.read(self.output_keys)
        return None

    def _interrupted(self, error: GraphInterrupt) -> None:
        interrupts: tuple[Interrupt, ...] = tuple(error.args[0]) if error.args else ()
        self.push_lifecycle_event("interrupt", interrupts)
        done: list[LiveTask | PregelExecutableTask] = [
            *self.live.values(),
            *self.tasks.values(),
        ]
        if (self.pending_writes or self.settled) and any(task.writes for task in done):
            # Show the state as the finished tasks would leave it.
            self.updated = self.commit(_writes_of(done))
            self._emit_values(done)
        if not interrupts:
            self.show("updates", {upstream.INTERRUPT: interrupts})


def _writes_of(tasks: Collection[LiveTask | PregelExecutableTask]) -> Sequence[TaskWrites]:
    if len(tasks) > _MANY:
        return _WritesOfMany(tuple(tasks))
    return [_task_writes(task) for task in tasks]


def _task_writes(task: LiveTask | PregelExecutableTask) -> TaskWrites:
    planned: Any = task.task if isinstance(task, LiveTask) else task
    return made(TaskWrites, (planned.path, planned.name, task.writes, planned.triggers))


class _WritesOfMany(Sequence[TaskWrites]):
    """Each task's, made when it is asked for: all of them would be there for no longer, but the garbage collector may look then."""

    __slots__ = ("_tasks",)

    def __init__(self, tasks: Sequence[LiveTask | PregelExecutableTask]) -> None:
        self._tasks = tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[TaskWrites]:
        return map(_task_writes, self._tasks)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [*map(_task_writes, self._tasks[index])]
        return _task_writes(self._tasks[index])
