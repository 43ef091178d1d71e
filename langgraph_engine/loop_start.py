"""How a run starts: from nothing, from new input, or where an earlier one stopped.

    load checkpoint -> restore the engine's run -> one of
        resume   (Command, no input, same run id, or a parent that resumes): carry on from the checkpoint
        fork     (a resume at an older checkpoint): carry on in a branch of its own
        input    commit the input as writes and save it as a checkpoint

The rules for what counts as a resume, a replay and a fork are LangGraph's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langgraph.errors import EmptyInputError
from langgraph.types import Command

from langgraph_engine import upstream
from langgraph_engine.checkpoint_ids import saved_id, unsaved_id
from langgraph_engine.delta import touched_deltas
from langgraph_engine.planned import task_input, warn_ignored
from langgraph_engine.protocol import TaskWrites
from langgraph_engine.restoring import engine_checkpoint, replayed_channels
from langgraph_engine.saving import SavingLoop
from langgraph_engine.task_config import ChannelMap

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

__all__ = ["StartingLoop"]

CONF = upstream.CONF


class StartingLoop(SavingLoop):
    """Adds loading, resuming and input to a loop."""

    superseded = False
    """Whether the run addresses a checkpoint its thread has moved past."""
    _loaded: Any = None

    def adopt(self, saved: CheckpointTuple | None) -> dict[str, Any]:
        """Take the loop's place in its thread from a saved checkpoint, or from nothing.

        Returns:
            Channels whose value the checkpoint doesn't hold and its history does.
        """
        if saved is None:
            # One that isn't saved is drawn when the first superstep needs it.
            self.checkpoint_id = saved_id(-2) if self.saves else ""
            self._loaded = None
            self.checkpoint_metadata = {"step": -2}
            self.pending_writes = []
            self.previous_versions = {}
        else:
            checkpoint = self._loaded = saved.checkpoint
            self.migrate_checkpoint(checkpoint)
            self.checkpoint_id = checkpoint["id"]
            self.prev_checkpoint_config = saved.parent_config
            self.checkpoint_metadata = saved.metadata
            self.pending_writes = [(str(t), c, v) for t, c, v in saved.pending_writes or ()]
            self.previous_versions = checkpoint["channel_versions"].copy()
            self.previous = checkpoint["channel_values"].get(upstream.PREVIOUS)
        if self.saves:
            saved_config: Any = {} if saved is None else saved.config
            self.checkpoint_config = {
                **self.checkpoint_config,
                **saved_config,
                CONF: {
                    upstream.CONFIG_KEY_CHECKPOINT_NS: "",
                    **self.checkpoint_config.get(CONF, {}),
                    **saved_config.get(CONF, {}),
                },
            }
        self.checkpoint_id_saved = self.checkpoint_id
        if self.deltas is not None:
            self.deltas.adopted(self, saved=saved is not None)
        return {} if self._loaded is None else replayed_channels(self.graph, self._loaded)

    def begin(self, replayed: Mapping[str, Any]) -> None:
        """Start the engine's run from what was adopted, and take in the input."""
        checkpoint = self._loaded
        self._loaded = None
        self.run = self.graph.program.restore(
            None if checkpoint is None else engine_checkpoint(self.graph, checkpoint, replayed)
        )
        updated = None if checkpoint is None else checkpoint.get("updated_channels")
        self.channels = ChannelMap(self.graph.channels, self.run)
        self.step = self.checkpoint_metadata["step"] + 1
        self.stop = self.step + self.config["recursion_limit"] + 1
        self.updated = self._first(set(updated) if updated else None)
        if checkpoint is not None and checkpoint["v"] < 2 and self.durability == "exit":
            # From here on ids are those of the present format, saved or not.
            self.run.checkpoint(self.checkpoint_id, "", None)

    # -- the first step -------------------------------------------------------------------------

    def _first(self, updated: set[str] | None) -> set[str] | None:
        conf = self.config[CONF]
        command = self.input if isinstance(self.input, Command) else None
        resuming = self._is_resuming(command)
        time_traveling = self._is_time_traveling(command)
        self.is_replaying = time_traveling or self.superseded
        if time_traveling:
            self.pending_writes = [w for w in self.pending_writes if w[1] != upstream.RESUME]
        source = self.checkpoint_metadata.get("source")
        forks = (
            resuming and time_traveling and (source not in ("update", "fork") or self.superseded)
        )
        if self.deltas is not None:
            self.deltas.started(self, resuming=resuming)
        given = self.pending_writes
        if command is not None:
            carried = self._take_command(command, forks)
            given = [*self.pending_writes, *carried]
        input_writes = [w[1:] for w in given if w[0] == upstream.NULL_TASK_ID]
        if input_writes:
            changed = self.commit([TaskWrites((), upstream.INPUT, input_writes, ())])
            if updated is not None:
                updated |= changed
        replay_bound: RunnableConfig | None = None
        if resuming:
            self.run.see(upstream.INTERRUPT)
            if forks:
                if source in ("update", "fork"):
                    replay_bound = self.prev_checkpoint_config
                self.pending_writes = [w for w in self.pending_writes if w[1] != upstream.INTERRUPT]
                self.put_checkpoint({"source": "fork"})
            self.emit("values", lambda: iter((self.run.read(self.output_keys),)))
        elif writes := [*upstream.map_input(self.input_keys, self.input)]:
            drops = bool(self.previous_versions or input_writes)
            updated = self._take_input(writes, drops)
        elif upstream.CONFIG_KEY_RESUMING not in conf:
            raise EmptyInputError(f"Received no input for {self.input_keys}")
        if not self.is_nested:
            self._tell_subgraphs(
                resuming, self._replay_state(replay_bound) if time_traveling else None
            )
        if not self.checkpoint_id:
            self.checkpoint_id = unsaved_id()
        self.status = "pending"
        if resuming:
            self.push_lifecycle_event("resume")
        return updated

    def _tell_subgraphs(self, resuming: bool, replay: upstream.ReplayState | None) -> None:
        """Say in the run's config how it starts, which the subgraphs of its first superstep go by."""
        started = {
            upstream.CONFIG_KEY_RESUMING: resuming,
            upstream.CONFIG_KEY_REPLAY_STATE: replay,
        }
        if self.saves:  # a saver was given the config
            self.config = upstream.patch_configurable(self.config, started)
        else:
            self.config[CONF].update(started)

    def _is_resuming(self, command: Command[Any] | None) -> bool:
        if not self.previous_versions:
            return False
        conf = self.config[CONF]
        if upstream.CONFIG_KEY_RESUMING in conf:
            return bool(conf[upstream.CONFIG_KEY_RESUMING])
        if self.input is None or command is not None:
            return True
        return not self.is_nested and self.config.get("metadata", {}).get(
            "run_id"
        ) == self.checkpoint_metadata.get("run_id", upstream.MISSING)

    def _is_time_traveling(self, command: Command[Any] | None) -> bool:
        """Whether the run goes back to a checkpoint rather than answering its interrupts."""
        if not self.addressed:
            return False
        conf = self.config[CONF]
        if self.is_nested and conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS, "") in conf.get(
            upstream.CONFIG_KEY_CHECKPOINT_MAP, {}
        ):
            return True
        answers = command is not None and command.resume is not None
        return not (answers or conf.get(upstream.CONFIG_KEY_RESUMING, False))

    def _take_command(self, command: Command[Any], forks: bool) -> list[tuple[str, str, Any]]:
        """Turn a command into pending writes; a fork carries them itself instead of saving them."""
        by_id = False
        if command.resume is not None:
            by_id = self._take_resume(command.resume)
        grouped: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
        for task_id, channel, value in upstream.map_command(cmd=command):
            if not (channel == upstream.RESUME and by_id):
                grouped[task_id].append((channel, value))
        if not grouped and not by_id:
            raise EmptyInputError("Received empty Command input")
        if forks:
            return self._carry(grouped)
        for task_id, writes in grouped.items():
            self.put_writes(task_id, writes)
            if self.deltas is not None and task_id == upstream.NULL_TASK_ID:
                self.deltas.commanded(writes)
        return []

    def _carry(self, grouped: Mapping[str, list[tuple[str, Any]]]) -> list[tuple[str, str, Any]]:
        """A command's writes for the fork that carries them."""
        if self.deltas is not None:
            for writes in grouped.values():
                self.deltas.with_ids(writes)
        carried = [(t, c, v) for t, writes in grouped.items() for c, v in writes]
        if self.deltas is not None:
            self.deltas.forced |= touched_deltas(self.graph, carried)
        return carried

    def _take_resume(self, resume: Any) -> bool:
        """Check an answer to interrupts. True if it names them by id."""
        if self.checkpointer is None:
            raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
        conf = self.config[CONF]
        strict = (
            upstream.asks_for_strict_resume(conf) and not self.is_nested and not self.superseded
        )
        if isinstance(resume, dict) and all(upstream.is_xxh3_128_hexdigest(k) for k in resume):
            if strict:
                self._check_answers(resume)
            conf[upstream.CONFIG_KEY_RESUME_MAP] = resume
            return True
        pending = self._pending_interrupts()
        if len(pending) > 1:
            message = (
                "When there are multiple pending interrupts, you must specify the interrupt id "
                "when resuming. Docs: https://docs.langchain.com/oss/python/langgraph/"
                f"{upstream.INTERRUPTS_PAGE}."
            )
            if strict:
                raise upstream.UnknownInterruptError(
                    message, reason="ambiguous", pending_ids=sorted(pending)
                )
            raise RuntimeError(message)
        return False

    def _check_answers(self, answers: dict[str, Any]) -> None:
        pending = self._pending_interrupts()
        if not answers:
            raise upstream.UnknownInterruptError(
                "The resume map names no interrupt",
                reason="empty_map",
                pending_ids=sorted(pending),
            )
        if unknown := sorted(answers.keys() - pending):
            raise upstream.UnknownInterruptError(
                f"Unknown or already-consumed interrupt: {unknown[0]}",
                reason="not_pending",
                interrupt_ids=unknown,
                pending_ids=sorted(pending),
            )

    def _pending_interrupts(self) -> set[str]:
        statuses = upstream.read_task_statuses(self.pending_writes).values()
        return {i.id for status in statuses for i in status.pending_interrupts}

    def _take_input(self, writes: list[tuple[str, Any]], drops: bool) -> set[str] | None:
        """Commit new input; tasks an earlier run, or a command, left unfinished are dropped."""
        if self.deltas is not None:
            self.deltas.with_ids(writes)
        committed = [TaskWrites((), upstream.INPUT, writes, ())]
        if drops:
            committed += self._dropped()
        updated = self.commit_superstep(committed)
        if self.deltas is not None:
            self.deltas.took_input(self, writes)
        self.updated = updated
        self.put_checkpoint({"source": "input"})
        return updated

    def _dropped(self) -> list[TaskWrites]:
        """The tasks that new input replaces, as if they had written nothing.

        Raises:
            Exception: What a node's schema has against its input: LangGraph prepares these tasks as it does others.
        """
        tasks, ignored = self.run.plan(self.step, self.checkpoint_id, self.namespace, None)
        if ignored:
            warn_ignored(ignored)
        coerced: dict[Any, Any] = {}
        for task in tasks:
            node = self.graph.plans[task.name]
            scratchpad = None
            if node.managed:
                scratchpad = self.task_basis().scratchpad(task.id, task.namespace)
            task_input(task, node, coerced, self.graph.managed, scratchpad)
        return [TaskWrites(task.path, task.name, (), task.triggers) for task in tasks]

    def _replay_state(self, bound: RunnableConfig | None) -> upstream.ReplayState:
        """From where on subgraphs replay: this checkpoint, or the one a fork was made from."""
        checkpoint_id = self.checkpoint_id
        if (
            bound is None
            and self.checkpoint_metadata.get("source") in ("update", "fork")
            and self.prev_checkpoint_config
        ):
            bound = self.prev_checkpoint_config
        if bound is not None:
            checkpoint_id = bound[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_ID, checkpoint_id)
        return upstream.ReplayState(checkpoint_id)
