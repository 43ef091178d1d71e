"""What a task can see: its config, scratchpad and runtime, as LangGraph gives them.

``TaskBasis`` holds what all tasks of one superstep share; everything else is built per task from it and
from the engine's task. The keys a config carries are LangGraph's own, so native parents and stock
children (and the other way round) understand each other.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from langgraph.channels import DeltaChannel, UntrackedValue
from langgraph.channels.base import BaseChannel
from langgraph.errors import NodeError
from langgraph.runtime import ExecutionInfo
from langgraph.types import CacheKey, CachePolicy, PregelExecutableTask
from xxhash import xxh3_128_hexdigest

from langgraph_engine import upstream
from langgraph_engine.delta import peeking
from langgraph_engine.frozen import maker
from langgraph_engine.listeners import silent_start
from langgraph_engine.protocol import PUSH, CommitRejected, Run, Task
from langgraph_engine.refusals import refusal

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_engine.live_task import LiveTask
    from langgraph_engine.loop import Loop
    from langgraph_engine.node_plan import NodePlan

__all__ = [
    "ChannelMap",
    "TaskBasis",
    "call_task",
    "error_handler_task",
    "executable_task",
    "first_attempt_config",
    "note_input_error",
    "path_text",
    "planned_path_text",
    "task_configurable",
    "task_reader",
]

CONF = upstream.CONF
_make_scratchpad = maker(upstream.PregelScratchpad)
Writes = deque[tuple[str, Any]] | list[tuple[str, Any]]
"""What a task wrote; a deque as in LangGraph, or a list where very many tasks have one."""


class ChannelMap(Mapping[str, BaseChannel[Any, Any, Any]]):
    """A run's channels as LangGraph's channel objects, made when looked at.

    The objects are copies: changing one doesn't change the run. A custom channel is the run's own.
    """

    __slots__ = ("_prototypes", "_run")

    def __init__(self, prototypes: Mapping[str, Any], run: Run) -> None:
        self._prototypes = prototypes
        self._run = run

    def __getitem__(self, name: str) -> BaseChannel[Any, Any, Any]:
        prototype = self._prototypes[name]
        state = self._run.state(name)
        if isinstance(state, BaseChannel):
            return state
        channel = prototype.from_checkpoint(state)
        if isinstance(channel, (UntrackedValue, DeltaChannel)):
            channel.value = state  # which is never what a checkpoint would hold
        return channel  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(self._prototypes)

    def __len__(self) -> int:
        return len(self._prototypes)

    def __contains__(self, name: object) -> bool:
        return name in self._prototypes


class TaskBasis:
    """What the tasks of one superstep have in common: the loop's present one, or ``superstep``.

    Never changed once made.

    Attributes:
        loop: The run.
        config: The run's config; each task's is merged from it.
        step, stop: This superstep's number and the one the run may not pass.
        checkpoint_id: The checkpoint the superstep starts from.
        previous: The functional API's value of the invocation before.
        pending: Writes that were pending when the superstep was planned.
    """

    __slots__ = ("checkpoint_id", "config", "loop", "pending", "previous", "step", "stop")

    def __init__(self, loop: Loop, superstep: tuple[int, str] | None = None) -> None:
        self.loop = loop
        self.config = loop.config_for_tasks()
        self.step, self.checkpoint_id = superstep or (loop.step, loop.checkpoint_id)
        self.stop = loop.stop
        self.previous = loop.previous
        self.pending = loop.pending_writes

    def scratchpad(
        self, task_id: str, namespace: str, config: RunnableConfig | None = None
    ) -> upstream.PregelScratchpad:
        """The task's counters, and the answers its interrupts already have."""
        conf = (self.config if config is None else config)[CONF]
        parent = conf.get(upstream.CONFIG_KEY_SCRATCHPAD)
        answer_for_all, answers = None, []
        pending = self.pending
        if pending:
            answer_for_all = _resume_write(pending, upstream.NULL_TASK_ID)
            own = _resume_write(pending, task_id)
            if own is not None:
                answers = own[2] if isinstance(own[2], list) else [own[2]]
            if resume_map := conf.get(upstream.CONFIG_KEY_RESUME_MAP):
                # Before 1.2 every interrupt of a task had the id of its first.
                for position in (len(answers), 0):
                    interrupt_id = upstream.interrupt_id(namespace, position)
                    if interrupt_id in resume_map:
                        answers.append(resume_map[interrupt_id])
                        break
        scratchpad: upstream.PregelScratchpad = _make_scratchpad(
            step=self.step,
            stop=self.stop,
            call_counter=upstream.LazyAtomicCounter(),
            interrupt_counter=upstream.LazyAtomicCounter(),
            resume=answers,
            get_null_resume=_answers(answer_for_all, pending, parent),
            subgraph_counter=upstream.LazyAtomicCounter(),
        )
        return scratchpad

    def read(
        self,
        scratchpad: Callable[[], upstream.PregelScratchpad],
        writes: Sequence[tuple[str, Any]],
        select: str | list[str],
        fresh: bool,
    ) -> Any:
        """Read channels and managed values for a task."""
        run, managed = self.loop.run, self.loop.graph.managed
        keys = select
        if managed and not isinstance(select, str):
            keys = [key for key in select if key not in managed]
        try:
            if fresh and self.loop.graph.deltas:
                with peeking():
                    values = run.read(keys, tuple(writes))
            else:
                values = run.read(keys, tuple(writes) if fresh else None)
        except CommitRejected as verdict:
            raise refusal(verdict, self.loop.graph.channels) from None
        if keys is select:
            return values
        for key in select:
            if key in managed:
                values[key] = managed[key].get(scratchpad())
        return values


def _answers(
    answer_for_all: tuple[str, str, Any] | None,
    pending: list[tuple[str, str, Any]],
    parent: upstream.PregelScratchpad | None,
) -> Callable[..., Any]:
    """How a task asks for the answer that is for whoever asks first."""
    if answer_for_all is None:
        return _no_answer if parent is None else parent.get_null_resume
    found = answer_for_all

    def answer(consume: bool = False) -> Any:
        if consume:
            try:
                pending.remove(found)
            except ValueError:
                return None
        return found[2]

    return answer


def _no_answer(consume: bool = False) -> Any:  # noqa: ARG001 - what it is called with
    return None


def _resume_write(pending: list[tuple[str, str, Any]], task_id: str) -> tuple[str, str, Any] | None:
    for write in pending:
        if write[0] == task_id and write[1] == upstream.RESUME:
            return write
    return None


def _local_read(
    scratchpad: upstream.PregelScratchpad,
    channels: ChannelMap,  # noqa: ARG001 - others take it from the partial's arguments
    managed: Mapping[str, Any],  # noqa: ARG001 - as above
    task: upstream.PregelTaskWrites,
    select: str | list[str],
    fresh: bool = False,
    *,
    basis: TaskBasis,
) -> Any:
    return basis.read(lambda: scratchpad, task.writes, select, fresh)


def task_reader(
    basis: TaskBasis, scratchpad: upstream.PregelScratchpad, task: upstream.PregelTaskWrites
) -> Callable[..., Any]:
    """What a task's config holds for reading the state, with or without the task's own writes."""
    loop = basis.loop
    return partial(_local_read, scratchpad, loop.channels, loop.graph.managed, task, basis=basis)


def note_input_error(error: Exception, name: str, path: tuple[Any, ...]) -> None:
    """Say which task an error while making its input belongs to."""
    if sys.version_info >= (3, 11):
        error.add_note(f"Before task with name '{name}' and path '{path[:3]}'")


def executable_task(
    basis: TaskBasis,
    task: Task,
    plan: NodePlan,
    value: Any,
    *,
    writes: Writes | None = None,
    scratchpad: upstream.PregelScratchpad | None = None,
) -> PregelExecutableTask:
    """Describe a planned task with LangGraph's own class, config and all."""
    node = plan.kept_node
    policy = node.cache_policy or basis.loop.cache_policy
    timeout = node.timeout
    if task.path[0] == PUSH:
        packet = task.input
        if packet.timeout is not None:
            timeout = packet.timeout
    return _describe(
        basis,
        task,
        basis.config,
        proc=node.node,
        value=value,
        writes=writes,
        scratchpad=scratchpad,
        metadata=node.metadata,
        tags=node.tags,
        retry=node.retry_policy or basis.loop.retry_policy,
        cache_key=_cache_key(policy, (upstream.identifier(node) or "__dynamic__", task.name), value)
        if policy
        else None,
        writers=node.flat_writers,
        subgraphs=node.subgraphs,
        timeout=timeout,
        state_of=node if task.path[0] == PUSH else None,
        runtime_changes={"previous": basis.previous, **_execution(basis, basis.config, task)},
    )


def call_task(
    basis: TaskBasis, parent: PregelExecutableTask, index: int, call: upstream.Call
) -> PregelExecutableTask:
    """Make the task for a functional API call ``parent`` made, its ``index``-th."""
    proc = upstream.get_runnable_for_task(call.func)
    name = proc.name
    if name is None:
        raise ValueError("`call` functions must have a `__name__` attribute")
    config = parent.config
    loop = basis.loop
    task = loop.run.push(
        name,
        (PUSH, parent.path, index, True),
        (path_text(parent.path), str(index)),
        basis.step,
        basis.checkpoint_id,
        config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_NS, ""),
    )
    args, kwargs = call.input
    policy = call.cache_policy or loop.cache_policy
    return _describe(
        basis,
        task,
        config,
        proc=proc,
        value=call.input,
        retry=call.retry_policy or loop.retry_policy,
        cache_key=_cache_key(
            policy, (upstream.identifier(call.func) or "__dynamic__",), *args, **kwargs
        )
        if policy
        else None,
        timeout=call.timeout,
        callbacks=call.callbacks,
        runtime_changes=_execution(basis, config, task),
    )


def error_handler_task(
    basis: TaskBasis, failed: PregelExecutableTask, plan: NodePlan, error: BaseException
) -> PregelExecutableTask | None:
    """Make the task of the error handler node ``plan`` for a task that failed."""
    node = plan.kept_node
    if node.node is None:
        return None
    loop, config = basis.loop, failed.config
    task = loop.run.push(
        plan.name,
        (*failed.path[:3], "node_error_handler", False),
        ("node_error_handler", failed.id),
        basis.step,
        basis.checkpoint_id,
        config[CONF].get(upstream.CONFIG_KEY_CHECKPOINT_NS, ""),
    )
    policy = node.cache_policy or loop.cache_policy
    return _describe(
        basis,
        task,
        config,
        proc=node.node,
        value=failed.input,
        metadata=node.metadata,
        tags=node.tags,
        retry=node.retry_policy or loop.retry_policy,
        cache_key=_cache_key(
            policy, (upstream.identifier(node) or "__dynamic__", plan.name), failed.input
        )
        if policy
        else None,
        writers=node.flat_writers,
        subgraphs=node.subgraphs,
        runtime_changes={"previous": basis.previous},
        configurable={
            upstream.CONFIG_KEY_NODE_ERROR: NodeError(
                node=failed.name,
                error=error,
            )
        },
    )


def path_text(path: Any) -> str:
    """The text form of a task path, as savers store it."""
    if isinstance(path, (tuple, list)):
        return "~" + ", ".join(path_text(part) for part in path)
    return f"{path:010d}" if isinstance(path, int) else str(path)


planned_path_text = lru_cache(maxsize=4096)(path_text)
"""``path_text`` for tasks an engine planned: a node has one such path, and the first packet always the same."""


def _cache_key(
    policy: CachePolicy[Any], where: tuple[str, ...], *args: Any, **kwargs: Any
) -> CacheKey:
    key = policy.key_func(*args, **kwargs)
    return CacheKey(
        (upstream.CACHE_NS_WRITES, *where),
        xxh3_128_hexdigest(key.encode() if isinstance(key, str) else key),
        policy.ttl,
    )


def _execution(basis: TaskBasis, config: RunnableConfig, task: Task) -> dict[str, Any]:
    run_id = config.get("run_id")
    return {
        "execution_info": ExecutionInfo(
            checkpoint_id=basis.checkpoint_id,
            checkpoint_ns=task.namespace,
            task_id=task.id,
            thread_id=config[CONF].get(upstream.CONFIG_KEY_THREAD_ID),
            run_id=str(run_id) if run_id else None,
        )
    }


def _describe(
    basis: TaskBasis,
    task: Task,
    config: RunnableConfig,
    *,
    proc: Any,
    value: Any,
    retry: Sequence[Any],
    cache_key: CacheKey | None,
    runtime_changes: dict[str, Any],
    writes: Writes | None = None,
    scratchpad: upstream.PregelScratchpad | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    writers: Sequence[Any] = (),
    subgraphs: Sequence[Any] = (),
    timeout: Any = None,
    callbacks: Any = None,
    state_of: upstream.PregelNode | None = None,
    configurable: Mapping[str, Any] | None = None,
) -> PregelExecutableTask:
    loop = basis.loop
    conf = config.get(CONF, {})
    if writes is None:
        writes = deque()
    if scratchpad is None:
        scratchpad = basis.scratchpad(task.id, task.namespace, config)
    runtime = conf.get(upstream.CONFIG_KEY_RUNTIME, upstream.DEFAULT_RUNTIME)
    if callbacks is None and loop.manager is not None:
        callbacks = loop.manager.get_child(f"graph:step:{basis.step}")
    own: Any = {
        "metadata": {
            "langgraph_step": basis.step,
            "langgraph_node": task.name,
            "langgraph_triggers": task.triggers,
            "langgraph_path": task.path,
            "langgraph_checkpoint_ns": task.namespace,
            **(metadata or {}),
        },
        "tags": tags,
    }
    merged = upstream.merge_configs(config, own)
    return PregelExecutableTask(
        task.name,
        value,
        proc,
        writes,  # type: ignore[arg-type]  # LangGraph extends it, and no more
        upstream.patch_config(
            merged,
            run_name=task.name,
            callbacks=callbacks,
            configurable={
                **task_configurable(
                    basis,
                    task,
                    conf,
                    writes,
                    scratchpad,
                    state_of,
                    runtime.override(store=loop.store, **runtime_changes),
                ),
                **(configurable or {}),
            },
        ),
        task.triggers,
        retry,
        cache_key,
        task.id,
        task.path,
        writers=writers,
        subgraphs=subgraphs,
        timeout=timeout,
    )


def task_configurable(
    basis: TaskBasis,
    task: Task,
    conf: Mapping[str, Any],
    writes: Writes,
    scratchpad: upstream.PregelScratchpad,
    state_of: upstream.PregelNode | None,
    runtime: Any,
) -> dict[str, Any]:
    """What the configurable part of a task's config has beside the run's, ``conf``."""
    loop = basis.loop
    return {
        upstream.CONFIG_KEY_TASK_ID: task.id,
        upstream.CONFIG_KEY_SEND: writes.extend,
        upstream.CONFIG_KEY_READ: task_reader(
            basis,
            scratchpad,
            upstream.PregelTaskWrites(task.path, task.name, writes, task.triggers),
        ),
        **_state_reader(loop, state_of, scratchpad),
        upstream.CONFIG_KEY_CHECKPOINTER: loop.checkpointer
        or conf.get(upstream.CONFIG_KEY_CHECKPOINTER),
        upstream.CONFIG_KEY_CHECKPOINT_MAP: {
            **conf.get(upstream.CONFIG_KEY_CHECKPOINT_MAP, {}),
            conf.get(upstream.CONFIG_KEY_CHECKPOINT_NS, ""): basis.checkpoint_id,
        },
        upstream.CONFIG_KEY_CHECKPOINT_ID: None,
        upstream.CONFIG_KEY_CHECKPOINT_NS: task.namespace,
        upstream.CONFIG_KEY_SCRATCHPAD: scratchpad,
        upstream.CONFIG_KEY_RUNTIME: runtime,
    }


def _state_reader(
    loop: Loop, node: upstream.PregelNode | None, scratchpad: upstream.PregelScratchpad
) -> dict[str, Any]:
    """How a task whose input was sent reads the state its node would else be given; others can't."""
    if upstream.CONFIG_KEY_READ_STATE is None:
        return {}
    reader = None
    if node is not None:
        reader = partial(
            upstream.node_input,
            node,
            loop.graph.managed,  # type: ignore[arg-type]  # a mapping, as the dict it stands for
            loop.channels,
            for_execution=True,
            scratchpad=scratchpad,
            input_cache=None,
        )
    return {upstream.CONFIG_KEY_READ_STATE: reader}


def first_attempt_config(live: LiveTask) -> Any:
    """The config a node sees on its first attempt, when no handler listens.

    LangGraph makes it in three stages (task, attempt, sequence step); run ids that nobody records are
    drawn here as they would be there.
    """
    loop = live.loop
    executable = live.executable()
    runtime = executable.config[CONF][upstream.CONFIG_KEY_RUNTIME]
    config = upstream.patch_configurable(
        executable.config,
        {
            upstream.CONFIG_KEY_CALL: loop.call_function(executable),
            upstream.CONFIG_KEY_RUNTIME: runtime.patch_execution_info(
                node_first_attempt_time=live.started, node_attempt=1
            ),
        },
    )
    config = _as_step(loop, config, "seq:step:1")
    if live.plan.nested_run:
        config = _as_step(loop, config, None)
    return config


def _as_step(loop: Loop, config: RunnableConfig, tag: str | None) -> RunnableConfig:
    run = silent_start(loop.callback_manager(config), config.get("run_id"))
    return upstream.patch_config(config, callbacks=run.get_child(tag))
