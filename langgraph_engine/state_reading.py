"""A snapshot of a graph's state, out of a saved checkpoint and the writes saved with it.

    restore the engine's run -> plan the next superstep -> apply what is pending -> read

Planning and applying are the engine's; nothing is run and nothing saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langgraph.types import StateSnapshot

from langgraph_engine import upstream
from langgraph_engine.committing import commit
from langgraph_engine.compiled import CompiledGraph, compiled
from langgraph_engine.planned import task_input, warn_ignored
from langgraph_engine.protocol import Engine, Run, Task, TaskWrites
from langgraph_engine.restoring import engine_checkpoint, replayed_channels
from langgraph_engine.state_dialogue import Ask, Dialogue
from langgraph_engine.task_config import ChannelMap, TaskBasis

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

__all__ = ["RestoredState", "restored", "snapshot"]

CONF = upstream.CONF


class RestoredState:
    """The run an engine made of a checkpoint, and what a superstep's tasks have in common with it.

    Attributes:
        run: The engine's run.
        graph: The compiled graph.
        channels: The run's channels, as LangGraph's objects.
        config, step, stop, checkpoint_id, previous, pending_writes: As for a ``TaskBasis``.
    """

    previous = None
    """Only nodes that run see it."""

    def __init__(
        self,
        graph: CompiledGraph,
        run: Run,
        config: Any,
        checkpoint_id: str,
        step: int,
        pending_writes: Sequence[tuple[str, str, Any]],
    ) -> None:
        self.graph = graph
        self.run = run
        self.channels = ChannelMap(graph.channels, run)
        self.config = config
        self.step, self.stop = step, step + 2
        self.checkpoint_id = checkpoint_id
        self.pending_writes = list(pending_writes)

    def config_for_tasks(self) -> Any:
        """The config; it has no runtime."""
        return self.config

    def basis(self) -> TaskBasis:
        """What the tasks of the next superstep have in common."""
        return TaskBasis(self)  # type: ignore[arg-type]  # it has what a basis takes from a loop

    def writers_basis(self) -> TaskBasis:
        """What writers see that write as though their node had run in the superstep before."""
        basis = self.basis()
        basis.step, basis.stop = self.step - 1, self.stop - 1
        basis.config, basis.pending = {CONF: {}}, []
        return basis

    def move_to(self, config: Any, checkpoint_id: str, step: int) -> None:
        """Take the place of a copy of the checkpoint; the copy is of the present format."""
        self.run.checkpoint(checkpoint_id, "", None)
        self.config, self.checkpoint_id = config, checkpoint_id
        self.step, self.stop = step, step + 2

    def plan(self) -> Sequence[Task]:
        """The tasks of the next superstep; an input a node's schema doesn't take raises."""
        namespace = self.config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_NS, "")
        tasks, ignored = self.run.plan(self.step, self.checkpoint_id, namespace, None)
        warn_ignored(ignored)
        basis = self.basis()
        coerced: dict[Any, Any] = {}
        for task in tasks:
            plan = self.graph.plans[task.name]
            scratchpad = basis.scratchpad(task.id, task.namespace) if plan.managed else None
            task_input(task, plan, coerced, self.graph.managed, scratchpad)
        return tasks

    def input_writes(self) -> list[TaskWrites]:
        """The pending writes that are nobody's but the input's, as what to commit."""
        writes = [w[1:] for w in self.pending_writes if w[0] == upstream.NULL_TASK_ID]
        return [TaskWrites((), upstream.INPUT, writes, ())] if writes else []

    def finished_writes(self) -> dict[str, Sequence[tuple[str, Any]]]:
        """What the tasks that finished have written, by task id."""
        statuses = upstream.read_task_statuses(self.pending_writes)
        return {task_id: status.output for task_id, status in statuses.items() if status.finished}


def restored(
    pregel: upstream.AnyPregel,
    engine: Engine,
    saver: Any,
    saved: CheckpointTuple | None,
    step: int,
) -> Dialogue[RestoredState]:
    """Start an engine's run from a saved checkpoint or from nothing, to plan superstep ``step`` with."""
    graph = compiled(pregel, engine)
    if saved is None:
        checkpoint_id = str(upstream.uuid6(clock_seq=-2))
        return RestoredState(
            graph, graph.program.restore(None), {CONF: {}}, checkpoint_id, step, ()
        )
    checkpoint = saved.checkpoint
    pregel._migrate_checkpoint(checkpoint)
    replayed: Any = replayed_channels(graph, checkpoint)
    if replayed:
        replayed, _ = yield Ask(
            upstream,
            "channels_from_checkpoint",
            replayed,
            checkpoint,
            saver=saver,
            config=saved.config,
        )
    run = graph.program.restore(engine_checkpoint(graph, checkpoint, replayed))
    return RestoredState(
        graph, run, saved.config, checkpoint["id"], step, saved.pending_writes or ()
    )


def snapshot(
    pregel: upstream.AnyPregel,
    engine: Engine,
    saver: Any,
    config: RunnableConfig,
    saved: CheckpointTuple | None,
    *,
    subgraphs: bool = False,
    live: bool = False,
) -> Dialogue[StateSnapshot]:
    """Describe a saved checkpoint as LangGraph's ``StateSnapshot``.

    Args:
        pregel: The graph.
        engine: What restores and plans.
        saver: Where the checkpoint is from.
        config: What was asked for; all there is to say where nothing is saved.
        saved: The checkpoint.
        subgraphs: Whether tasks that are subgraphs come with their own snapshots.
        live: Whether tasks that already finished count as done: their writes are among the values.
    """
    if not saved:
        return StateSnapshot({}, (), config, None, None, None, (), ())
    metadata: Any = saved.metadata
    state = yield from restored(pregel, engine, saver, saved, metadata.get("step", -1) + 1)
    tasks = state.plan()
    substates = yield from _substates(pregel, saver, saved, tasks, subgraphs)
    version = state.run.max_version()
    if writes := state.input_writes():
        commit(state.run, state.graph.channels, writes, version)
    finished = state.finished_writes() if live else {}
    done = [
        TaskWrites(task.path, task.name, finished[task.id], task.triggers)
        for task in tasks
        if task.id in finished
    ]
    if done:
        _apply_finished(state, done)
    described = upstream.tasks_w_writes(
        tasks,  # type: ignore[arg-type]  # they have id, name and path
        saved.pending_writes,
        substates,
        pregel.stream_channels_asis,
        live=live,
    )
    return StateSnapshot(
        state.run.read(pregel.stream_channels_asis),
        tuple(task.name for task in tasks if task.id not in finished),
        upstream.patch_checkpoint_map(saved.config, metadata),
        metadata,
        saved.checkpoint["ts"],
        upstream.patch_checkpoint_map(saved.parent_config, metadata),
        described,
        tuple(interrupt for task in described for interrupt in task.interrupts),
    )


def _substates(
    pregel: upstream.AnyPregel,
    saver: Any,
    saved: CheckpointTuple,
    tasks: Sequence[Task],
    recurse: bool,
) -> Dialogue[dict[str, Any]]:
    """For each task that is a subgraph, where its state is to be found; or the state itself."""
    found: dict[str, Any] = {}
    graphs = dict(pregel.get_subgraphs())
    conf = saved.config[CONF]
    parent = conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS, "")
    for task in tasks:
        if task.name not in graphs:
            continue
        own = f"{task.name}{upstream.NS_END}{task.id}"
        place: Any = {
            upstream.CONFIG_KEY_THREAD_ID: conf[upstream.CONFIG_KEY_THREAD_ID],
            upstream.CONFIG_KEY_CHECKPOINT_NS: f"{parent}{upstream.NS_SEP}{own}" if parent else own,
        }
        if recurse:
            config = {CONF: {upstream.CONFIG_KEY_CHECKPOINTER: saver, **place}}
            found[task.id] = yield Ask(graphs[task.name], "get_state", config, subgraphs=True)
        else:
            found[task.id] = {CONF: place}
    return found


def _apply_finished(state: RestoredState, done: Sequence[TaskWrites]) -> None:
    """Show the channels as the finished tasks leave them.

    Stock applies these writes without giving the channels new versions, and so takes none of them for
    updated: each that holds a value is told that a superstep passed, and that it was the last one.
    """
    run, channels = state.run, state.graph.channels
    version = run.max_version()
    passed = TaskWrites((), upstream.INTERRUPT, (), (upstream.INTERRUPT,))
    if state.graph.custom:
        # A custom channel is told once: first what was written, then that the superstep passed.
        triggers = tuple(trigger for task in done for trigger in task.triggers)
        commit(run, channels, [task._replace(triggers=()) for task in done], version)
        passed = passed._replace(triggers=(upstream.INTERRUPT, *triggers))
    else:
        commit(run, channels, done, version)
    commit(run, channels, [passed], version)
