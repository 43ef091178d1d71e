"""Engines with one thing wrong each: the python engine, wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from langgraph_engine_python.engine import PythonEngine

from langgraph_engine.protocol import CommitRejected, Committed, Plan


class Wrapped:
    """Passes everything on that a subclass doesn't change."""

    def __init__(self, inner) -> None:
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class BrokenRun(Wrapped):
    pass


class BrokenEngine(PythonEngine):
    """Hands out runs of the class ``run``."""

    name = "broken"
    run: type[Wrapped] = BrokenRun

    def compile(self, graph):
        run_class = self.run

        class Program(Wrapped):
            def restore(self, checkpoint):
                return run_class(self.inner.restore(checkpoint))

        return Program(super().compile(graph))


class CommitsInArrivalOrder(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def commit(self, writes, version):
            arrived = [task._replace(path=(index,)) for index, task in enumerate(writes)]
            committed = self.inner.commit(arrived, version)
            unknown = [(name, writes[path[0]].path, c) for name, path, c in committed.unknown]
            return Committed(committed.updated, unknown)


class ForgetsVersionsOfEmptiedChannels(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def commit(self, writes, version):
            before = dict(self.inner._versions)
            committed = self.inner.commit(writes, version)
            for name in set(before) - committed.updated:
                self.inner._versions[name] = before[name]
            return committed


class KeepsEphemeralValues(BrokenEngine):
    def compile(self, graph):
        channels = tuple(
            replace(channel, kind="last_value") if channel.kind == "ephemeral_value" else channel
            for channel in graph.channels
        )
        return super().compile(replace(graph, channels=channels))


class CommitsTaskByTask(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def commit(self, writes, version):
            done = [self.inner.commit([task], version) for task in writes]
            updated = {name for committed in done for name in committed.updated}
            return Committed(updated, [u for committed in done for u in committed.unknown])


class WrapsReducerErrors(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def commit(self, writes, version):
            try:
                return self.inner.commit(writes, version)
            except CommitRejected:
                raise
            except Exception as error:
                raise RuntimeError("the reducer failed") from error


class HandsOutItsCheckpoint(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def checkpoint(self, checkpoint_id, timestamp, updated):
            made = self.inner.checkpoint(checkpoint_id, timestamp, updated)
            made["channel_versions"] = self.inner._versions
            return made


class KeepsTheCheckpoint(BrokenEngine):
    def compile(self, graph):
        class Program(Wrapped):
            def restore(self, checkpoint: Mapping | None):
                run = self.inner.restore(checkpoint)
                if checkpoint:
                    run._versions = checkpoint["channel_versions"]
                return run

        return Program(PythonEngine.compile(self, graph))


class PlansOnce(BrokenEngine):
    """Planning marks what it planned as seen."""

    class run(Wrapped):  # noqa: N801
        def plan(self, *arguments):
            plan = self.inner.plan(*arguments)
            for task in plan.tasks:
                self.inner._seen.setdefault(task.name, {}).update(self.inner._versions)
            return plan


class PlansNodesFirst(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def plan(self, *arguments):
            plan = self.inner.plan(*arguments)
            return Plan(sorted(plan.tasks, key=lambda task: task.path[0]), plan.ignored)


class LooksIntoValues(BrokenEngine):
    class run(Wrapped):  # noqa: N801
        def read(self, keys, writes=None):
            value = self.inner.read(keys, writes)
            return None if value == "" else value


class DeclaresMoreThanItHas(BrokenEngine):
    def compile(self, graph):
        if any(channel.kind == "topic" for channel in graph.channels):
            raise NotImplementedError("topics are for next week")
        return super().compile(graph)


BREAKAGES = {
    CommitsInArrivalOrder: "commit_applies_writes_in_task_path_order",
    ForgetsVersionsOfEmptiedChannels: "commit_gives_every_changed_channel_the_version",
    KeepsEphemeralValues: "commit_notifies_channels_that_a_superstep_passed",
    CommitsTaskByTask: "commit_that_raises_changes_nothing",
    WrapsReducerErrors: "commit_that_raises_changes_nothing",
    HandsOutItsCheckpoint: "checkpoint_is_not_changed_by_later_supersteps",
    KeepsTheCheckpoint: "restore_continues_where_the_checkpoint_was",
    PlansOnce: "plan_changes_nothing",
    PlansNodesFirst: "plan_puts_packets_first",
    DeclaresMoreThanItHas: "plan_skips_a_node_whose_single_input_is_empty",
}
"""Each engine with a scenario that has to catch it."""
