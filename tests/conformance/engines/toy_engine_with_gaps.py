"""A minimal engine, written from the protocol alone: three channel kinds and nothing shared."""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple

from xxhash import xxh3_128_hexdigest

from langgraph_engine.errors import ProtocolError
from langgraph_engine.protocol import PULL, PUSH, CommitRejected, Committed, Plan

TASKS = "__pregel_tasks"
RESERVED = {"__no_writes__", "__pregel_push", "__resume__", "__interrupt__", "__return__"}
RESERVED |= {"__error__", "__error_source_node__"}


class ToyTask(NamedTuple):
    id: str
    name: str
    path: tuple
    triggers: tuple
    input: object
    namespace: str


class ToyEngine:
    name = "toy"
    version = "0.0.1"
    protocol_version = 1
    capabilities = frozenset({"channel:last_value", "channel:ephemeral_value", "channel:tasks"})

    def compile(self, graph):
        return ToyProgram(graph)


class ToyProgram:
    def __init__(self, graph):
        self.graph = graph
        self.channels = {channel.name: channel for channel in graph.channels}
        self.nodes = {node.name: node for node in graph.nodes}
        for channel in graph.channels:
            if f"channel:{channel.kind}" not in ToyEngine.capabilities:
                raise ProtocolError(f"no channels of kind {channel.kind}")
        for node in graph.nodes:
            reads = [node.reads] if isinstance(node.reads, str) else node.reads
            for name in {*node.triggers, *reads} - set(self.channels):
                raise ProtocolError(f"node {node.name} names unknown channel {name}")

    def restore(self, checkpoint):
        run = ToyRun(self)
        if checkpoint:
            values = checkpoint["channel_values"]
            run.values = {k: list(v) if k == TASKS else v for k, v in values.items()}
            run.versions = dict(checkpoint["channel_versions"])
            run.seen = {k: dict(v) for k, v in checkpoint["versions_seen"].items()}
            run.format = checkpoint["v"]
            run.forget(name for name in values if name not in self.channels)
            run.forget(name for name, value in values.items() if name == TASKS and not value)
        return run


class ToyRun:
    def __init__(self, program):
        self.program = program
        self.values, self.versions, self.seen, self.format = {}, {}, {}, 4

    def forget(self, names):
        for name in list(names):
            self.values.pop(name, None)

    def plan(self, step, checkpoint_id, namespace, updated):
        nodes, graph = self.program.nodes, self.program.graph
        tasks, ignored = [], []
        where = (step, checkpoint_id, namespace)
        for index, packet in enumerate(self.values.get(TASKS, ())):
            if not isinstance(packet, graph.send_type):
                ignored.append(("packet_type", packet))
            elif packet.node not in nodes:
                ignored.append(("unknown_node", packet))
            elif nodes[packet.node].runs:
                path, parts = (PUSH, index, False), (PUSH, str(index))
                tasks.append(self.task(packet.node, path, (PUSH,), parts, packet, *where))
        table = graph.trigger_to_nodes
        if updated and table:
            names = sorted({name for channel in updated for name in table.get(channel, ())})
        else:
            names = list(nodes)
        for name in names if self.versions else ():
            node = nodes.get(name)
            if node is None or not node.runs or not self.triggered(node):
                continue
            if isinstance(node.reads, str):
                if node.reads not in self.values:
                    continue
                value = self.read(node.reads)
            else:
                value = self.read(node.reads)
            triggers = tuple(sorted(node.triggers))
            tasks.append(self.task(name, (PULL, name), triggers, (PULL, *triggers), value, *where))
        return Plan(tasks, ignored)

    def triggered(self, node):
        available = [name for name in node.triggers if name in self.values]
        seen = self.seen.get(node.name)
        if seen is None:
            return bool(available)
        return any(
            name in self.versions and (name not in seen or self.versions[name] > seen[name])
            for name in available
        )

    def task(self, name, path, triggers, parts, value, step, checkpoint_id, namespace):
        own = f"{namespace}|{name}" if namespace else name
        data = bytes.fromhex(checkpoint_id.replace("-", ""))
        data += "".join((own, str(step), name, *parts)).encode()
        digest = xxh3_128_hexdigest(data) if self.format > 1 else sha1(data).hexdigest()
        cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
        task_id = "-".join(digest[start:end] for start, end in cuts)
        return ToyTask(task_id, name, path, triggers, value, f"{own}:{task_id}")

    def push(self, name, path, parts, step, checkpoint_id, namespace):
        where = (step, checkpoint_id, namespace)
        return self.task(name, path, (PUSH,), (PUSH, *parts), None, *where)

    def commit(self, writes, version):
        if version is None:
            version = max(self.versions.values(), default=0) + 1
        writes = [
            (task, list(task.writes)) for task in sorted(writes, key=lambda t: path_text(t.path))
        ]
        step_passed = any(task.triggers for task, _ in writes)
        grouped, unknown = {}, []
        for task, written in writes:
            for name, value in written:
                if name in self.program.channels:
                    grouped.setdefault(name, []).append(value)
                elif name not in RESERVED:
                    unknown.append((task.name, task.path, name))
        values, changed = self.after(grouped, step_passed)
        for task, _ in writes:
            seen = self.seen.setdefault(task.name, {})
            seen.update({n: self.versions[n] for n in task.triggers if n in self.versions})
        self.values = values
        self.versions.update(dict.fromkeys(changed, version))
        return Committed({name for name in changed if name in values}, unknown)

    def after(self, grouped, step_passed):
        values, changed = dict(self.values), []
        for name, written in grouped.items():
            channel = self.program.channels[name]
            if channel.kind == "tasks":
                packets = [p for w in written for p in (w if isinstance(w, list) else [w])]
                if packets or name in values:
                    changed.append(name)
                    values.pop(name, None)
                if packets:
                    values[name] = packets
                continue
            guarded = channel.kind == "last_value" or channel.guard
            if guarded and len(written) > 1:
                raise CommitRejected(f"{channel.kind}_many", name)
            values[name] = written[-1]
            changed.append(name)
        for name in list(values) if step_passed else ():
            if name not in grouped and self.program.channels[name].kind != "last_value":
                del values[name]
                changed.append(name)
        return values, changed

    def read(self, keys, writes=None):
        values = self.values
        wanted = [keys] if isinstance(keys, str) else keys
        for name in wanted:
            self.program.channels[name]
        if writes is not None:
            grouped = {}
            for name, value in writes:
                if name in wanted:
                    grouped.setdefault(name, []).append(value)
            values, _ = self.after(grouped, step_passed=True)
        found = {name: values[name] for name in wanted if name in values}
        found = {k: list(v) if k == TASKS else v for k, v in found.items()}
        return found.get(keys) if isinstance(keys, str) else found

    def state(self, name):
        if name == TASKS:
            return list(self.values.get(name, ()))
        return self.values.get(name, self.program.graph.missing)

    def max_version(self):
        return max(self.versions.values(), default=None)

    def see(self, name):
        seen = self.seen.setdefault(name, {})
        seen.update({k: v for k, v in self.versions.items() if k in self.program.channels})

    def unseen(self, name):
        seen = self.seen.get(name, {})
        return any(k not in seen or v > seen[k] for k, v in self.versions.items())

    def checkpoint(self, checkpoint_id, timestamp, updated):
        self.format = 4
        values = {}
        for name in self.program.channels:
            if name in self.versions and (name == TASKS or name in self.values):
                values[name] = self.state(name)
        seen = {k: dict(v) for k, v in self.seen.items()}
        updated = None if updated is None else sorted(updated)
        return {
            "v": 4,
            "ts": timestamp,
            "id": checkpoint_id,
            "channel_values": values,
            "channel_versions": dict(self.versions),
            "versions_seen": seen,
            "updated_channels": updated,
        }


def path_text(path):
    if isinstance(path, tuple):
        return "~" + ", ".join(map(path_text, path))
    return f"{path:010d}" if isinstance(path, int) else str(path)
