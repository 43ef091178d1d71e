"""The config of a task that nobody listens to, made in one go.

LangGraph makes a task's config in stages: the run's config and the node's are merged, the result is patched for
the task, for its attempt and for its place in the node's sequence, and at each stage a callback manager starts
a run. When nobody listens only the last stage's result can be seen. It is built here directly, from what the
tasks of one config have in common and what is the task's own; ``task_config`` has the stages, for every
other task.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections import ChainMap
from collections.abc import Mapping, Sequence
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph.runtime import ExecutionInfo, Runtime

from langgraph_engine import upstream
from langgraph_engine.frozen import maker
from langgraph_engine.listeners import UnheardRun
from langgraph_engine.protocol import PUSH
from langgraph_engine.task_config import task_configurable

if TYPE_CHECKING:
    from langgraph_engine.live_task import LiveTask

__all__ = ["nested_config", "quiet_config", "root_config", "run_is_over"]

CONF = upstream.CONF
_make_execution_info = maker(ExecutionInfo)
_make_runtime = maker(Runtime)
_RUNTIME_FIELDS = tuple(
    field.name
    for field in dataclasses.fields(Runtime)
    if field.name not in ("store", "previous", "execution_info")
)
_OF_ONE_RUN = ("run_name", "run_id")
_FLAT = frozenset({str, int, float, bool, tuple, list, type(None)})
_MANAGERS = (upstream.CallbackManager, upstream.AsyncCallbackManager)


class Shared:
    """What the configs of all tasks of one run config have in common. Never changed once made.

    Attributes:
        config: The run config it is made of.
        outer: The keys of a task's config beside those that are its own, in their order.
        metadata: The run config's.
        run_metadata, run_tags: What the root run hands on.
        manager_type: Of the tasks' callback managers.
        runtime: What the run's runtime has beside what is a task's own; None if it is of a class of somebody's own.
    """

    __slots__ = (
        "config",
        "manager_type",
        "metadata",
        "outer",
        "run_metadata",
        "run_tags",
        "runtime",
    )

    def __init__(self, config: Any, run: UnheardRun) -> None:
        self.config = config
        self.run_tags, self.run_metadata = run.handed_on()
        self.manager_type = run.manager_type()
        outer: Any = upstream.merge_configs(config)
        for key in _OF_ONE_RUN:
            outer.pop(key, None)
        self.metadata = outer.setdefault("metadata", {})
        self.outer = outer
        runtime = outer[CONF].get(upstream.CONFIG_KEY_RUNTIME, upstream.DEFAULT_RUNTIME)
        self.runtime: dict[str, Any] | None = None
        if type(runtime) is Runtime:
            self.runtime = {name: getattr(runtime, name) for name in _RUNTIME_FIELDS}


def shared_part(loop: Any, config: Any) -> Shared | None:
    """What the tasks of a run config have in common; None if their configs have to be made in stages."""
    run = loop.manager
    if type(run) is not UnheardRun:
        return None
    shared: Shared | None = loop.shared_config
    if shared is None or shared.config is not config:
        if _nests(config.get("metadata")):
            return None
        shared = Shared(config, run)
        if _nests(shared.run_metadata):
            return None
        loop.shared_config = shared
    return shared


def _nests(metadata: Mapping[str, Any] | None) -> bool:
    """Whether a value is a mapping, which LangGraph copies or merges at every stage."""
    if not metadata:
        return False
    values = metadata.values()
    return any(type(value) not in _FLAT and isinstance(value, Mapping) for value in values)


def quiet_config(live: LiveTask) -> dict[str, Any] | None:
    """The config the node of a task sees on its first attempt; None if it has to be made in stages."""
    basis, task, plan = live.basis, live.task, live.plan
    node = plan.node
    shared = shared_part(live.loop, basis.config)
    if shared is None or _nests(node.metadata):
        return None
    metadata = {
        **shared.metadata,
        "langgraph_step": basis.step,
        "langgraph_node": task.name,
        "langgraph_triggers": task.triggers,
        "langgraph_path": task.path,
        "langgraph_checkpoint_ns": task.namespace,
        **(node.metadata or {}),
    }
    config: dict[str, Any] = shared.outer.copy()
    config["metadata"] = metadata
    tags = config.get("tags")
    if node.tags:
        tags = config["tags"] = [*tags, *node.tags] if tags else node.tags
    handed_on = {**shared.run_metadata, **metadata}
    inherited = _with_tags(shared.run_tags, f"graph:step:{basis.step}", tags or ())
    config["callbacks"] = shared.manager_type(
        [],
        parent_run_id=upstream.new_run_id(),
        # A node that is a run of its own inside its place in the sequence hands on what that has.
        tags=[*inherited] if plan.nested_run else [*inherited, "seq:step:1"],
        inheritable_tags=inherited,
        metadata=handed_on,
        inheritable_metadata=handed_on.copy(),
    )
    conf = config[CONF]
    run_id = basis.config.get("run_id")
    execution = _make_execution_info(
        checkpoint_id=basis.checkpoint_id,
        checkpoint_ns=task.namespace,
        task_id=task.id,
        thread_id=conf.get(upstream.CONFIG_KEY_THREAD_ID),
        run_id=str(run_id) if run_id else None,
        node_attempt=1,
        node_first_attempt_time=live.started,
    )
    config[CONF] = {
        **conf,
        **task_configurable(
            basis,
            task,
            conf,
            live.writes,
            live.scratchpad(),
            node if task.path[0] == PUSH else None,
            _runtime(shared, live.loop.store, basis.previous, execution),
        ),
        upstream.CONFIG_KEY_CALL: partial(_call, weakref.ref(live)),
    }
    return config


def root_config(config: Any) -> Any:
    """What LangGraph makes of the config of a call that isn't made inside a run.

    None if it is made inside one, or if the config says more than what is configurable and the recursion limit;
    LangGraph's own function is for every config.
    """
    if not _ROOTS_ARE_KNOWN or upstream.var_child_runnable_config.get():
        return None
    return _root_config(config)


def _root_config(config: Any) -> Any:
    metadata: ChainMap[str, Any] = ChainMap()
    made: dict[str, Any] = {
        "tags": [],
        "metadata": metadata,
        "callbacks": None,
        "recursion_limit": upstream.DEFAULT_RECURSION_LIMIT,
        CONF: {},
    }
    if config is None:
        return made
    if type(config) is not dict:
        return None
    for key, value in config.items():
        if key == CONF and type(value) is dict:
            made[CONF] = value.copy()
        elif key == "recursion_limit" and type(value) is int:
            made[key] = value
        else:
            return None
    conf = made[CONF]
    for key in upstream.PROPAGATED_TO_METADATA:
        if value := conf.get(key):
            metadata[key] = value
    return made


def _roots_are_known() -> bool:
    """Whether the installed release's own function makes the same of a config."""
    configs: Sequence[Any] = (None, {CONF: {"thread_id": "1", "other": 2}, "recursion_limit": 7})
    for config in configs:
        made, own = Context().run(upstream.ensure_config, config), _root_config(config)
        if repr([*made.items()]) != repr([*own.items()]):
            return False
    return True


_ROOTS_ARE_KNOWN = _roots_are_known()


def nested_config(config: Any) -> Any:
    """What LangGraph makes of a task's config for a graph that is called with it inside that task.

    The config is then met twice, as the ambient one and as the one given, and everything in it is copied and
    merged with itself. None if it isn't such a config; LangGraph's own function is for every config.
    """
    ambient: Any = upstream.var_child_runnable_config.get()
    if type(config) is not dict or config is not ambient:
        return None
    metadata = ambient.get("metadata")
    if not metadata or _nests(metadata) or not ambient.get(CONF):
        return None
    made: dict[str, Any] = {
        "tags": [],
        "metadata": None,
        "callbacks": None,
        "recursion_limit": upstream.DEFAULT_RECURSION_LIMIT,
        CONF: None,
    }
    for key, value in ambient.items():
        if key not in upstream.CONFIG_KEYS:
            return None
        if value is None or (isinstance(value, (list, tuple, dict)) and not value):
            continue
        if key == "callbacks":
            if type(value) not in _MANAGERS or value.handlers or value.inheritable_handlers:
                return None
            made[key] = value.merge(value)  # which takes copies
        else:
            made[key] = value.copy() if key in upstream.COPIABLE_KEYS else value
    conf, metadata = made[CONF], made["metadata"]
    for key in upstream.PROPAGATED_TO_METADATA:
        if key not in metadata and (value := conf.get(key)):
            metadata[key] = value
    return made


def _with_tags(handed_on: Sequence[str], own: str, tags: Sequence[str]) -> list[str]:
    """The tags a task hands on: a tag that comes again is moved to the end."""
    if not tags:
        return [*handed_on]
    inherited, all_tags = [*handed_on], [*handed_on, own]
    for tag in tags:
        if tag in all_tags:
            all_tags.remove(tag)
            if tag in inherited:
                inherited.remove(tag)
    inherited.extend(tags)
    return inherited


def _runtime(shared: Shared, store: Any, previous: Any, execution: ExecutionInfo) -> Any:
    if shared.runtime is None:
        runtime = shared.outer[CONF][upstream.CONFIG_KEY_RUNTIME]
        return runtime.override(store=store, previous=previous, execution_info=execution)
    return _make_runtime(**shared.runtime, store=store, previous=previous, execution_info=execution)


def _call(live: weakref.ref[LiveTask], *args: Any, **kwargs: Any) -> Any:
    """Start a task for one that runs, as the functional API asks."""
    task = live()
    if task is None:
        return run_is_over()
    return task.loop.call_function(task.executable())(*args, **kwargs)


def run_is_over(*_: Any, **__: Any) -> Any:
    """Stands for a run's way to start tasks, once there is no run any more."""
    raise RuntimeError(
        "Can't start a task: the run this config belongs to is over. "
        "Call tasks from inside the node, before it returns."
    )
