"""Who listens to a run: callback handlers and tracers, most often nobody.

Asking LangChain costs more than a superstep, so the answer "nobody" is found a shorter way: by looking
at every place LangChain looks at. ``_KNOWN_SOURCES`` are the names LangChain's own function uses; a
release in which it uses others is asked the long way.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from os import environ
from types import CodeType
from typing import Any

from langgraph_engine import upstream
from langgraph_engine.forks import free_in_forks

__all__ = [
    "UnheardRun",
    "announce",
    "callback_manager",
    "mark",
    "nobody_listens",
    "silent_start",
]

_KNOWN_SOURCES = frozenset(
    [
        "ConsoleCallbackHandler",
        "Exception",
        "LangChainTracer",
        "RuntimeError",
        "StdOutCallbackHandler",
        "_configure_hooks",
        "_external_run_ids",
        "_get_debug",
        "_get_tracer_kwargs",
        "_tracing_v2_is_enabled",
        "add_handler",
        "add_metadata",
        "add_tags",
        "any",
        "cast",
        "copy",
        "copy_with_metadata_defaults",
        "dotted_order",
        "env_var_is_set",
        "get",
        "get_tracing_context",
        "handlers",
        "id",
        "inheritable_handlers",
        "inheritable_metadata",
        "inheritable_tags",
        "isinstance",
        "langchain_core.tracers.context",
        "langchain_core.tracers.langchain",
        "langchain_core.tracers.stdout",
        "langsmith.run_helpers",
        "list",
        "logger",
        "metadata",
        "order_map",
        "parent_run_id",
        "repr",
        "run_map",
        "setdefault",
        "str",
        "tags",
        "trace_id",
        "tracing_v2_callback_var",
        "warning",
    ]
)
# Asking `environ` itself raises and catches an exception for every variable that isn't set.
_environment: Any = getattr(environ, "_data", environ)
_OLD_TRACING_VARIABLES = [
    (name, name if _environment is environ else environ.encodekey(name))
    for name in ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")
]


def _names(code: CodeType) -> set[str]:
    nested = (c for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*(_names(c) for c in nested))


_KNOWN_SWITCHES = frozenset(
    [
        "_ADDRESS",
        "_CLIENT",
        "_CONTEXT_KEYS",
        "_DISTRIBUTED_PARENT_ID",
        "_GLOBAL_TRACING_ENABLED",
        "_METADATA",
        "_PROJECT_NAME",
        "_REPLICAS",
        "_TAGS",
        "_TRACING_ENABLED",
        "_context",
        "_internal",
        "get",
        "get_current_run_tree",
        "get_env_var",
        "get_tracing_context",
        "items",
        "langsmith._internal._context",
        "langsmith.run_helpers",
        "pop",
        "run_trees",
    ]
)
_state: Any = upstream.tracing_state
_SOURCES_ARE_KNOWN = _names(upstream.configure_callbacks.__code__) <= _KNOWN_SOURCES
_SWITCHES_ARE_KNOWN = (
    _names(upstream.tracing_is_enabled.__code__) | _names(upstream.get_tracing_context.__code__)
) <= _KNOWN_SWITCHES
_MANAGERS = (upstream.CallbackManager, upstream.AsyncCallbackManager)
_CONFIGURE = tuple((vars(manager), vars(manager)["configure"]) for manager in _MANAGERS)


def _tracing_is_on() -> bool:
    """Whether LangSmith traces, outside of any run; by the switches LangSmith looks at."""
    switch = _state._TRACING_ENABLED.get()
    if switch is None:
        switch = _state._GLOBAL_TRACING_ENABLED
    if switch is None:
        variable = upstream.langsmith_variable
        return bool(variable("TRACING_V2", default=variable("TRACING", default="")) == "true")
    return bool(switch)


def _no_source_has_any() -> bool:
    """Whether nothing outside the config would add a handler, a tag or a parent to a run."""
    if _state.get_current_run_tree() is not None or _state._TAGS.get() or _state._METADATA.get():
        return False
    if upstream.tracing_v2_callback_var.get() is not None or _tracing_is_on():
        return False
    if upstream.get_debug():
        return False
    for name, key in _OLD_TRACING_VARIABLES:
        if key in _environment and upstream.env_var_is_set(name):
            return False
    for variable, _, handler_class, env_variable in upstream.configure_hooks:
        if variable.get() is not None:
            return False
        if handler_class is not None and env_variable and upstream.env_var_is_set(env_variable):
            return False
    return True


def nobody_listens(config: Any, *, is_async: bool) -> bool:
    """Whether a run with this config would be announced to nobody."""
    methods, configure = _CONFIGURE[is_async]
    return (
        _SOURCES_ARE_KNOWN
        and _SWITCHES_ARE_KNOWN
        and (not (callbacks := config.get("callbacks")) or _tells_nobody(callbacks))
        and methods["configure"] is configure
        and _no_source_has_any()
    )


def _tells_nobody(callbacks: Any) -> bool:
    """Whether these callbacks are the manager of a task that nobody listens to."""
    return (
        type(callbacks) in _MANAGERS
        and not callbacks.handlers
        and not callbacks.inheritable_handlers
    )


def callback_manager(config: Any, *, is_async: bool) -> Any:
    """The callback manager a run with this config is announced to."""
    if not config.get("callbacks") and nobody_listens(config, is_async=is_async):
        return _silent_manager(config, is_async=is_async)
    make = (
        upstream.get_async_callback_manager_for_config
        if is_async
        else upstream.get_callback_manager_for_config
    )
    return make(config)


def _silent_manager(config: Any, *, is_async: bool) -> Any:
    manager: Any = (upstream.AsyncCallbackManager if is_async else upstream.CallbackManager)(
        handlers=[]
    )
    if tags := config.get("tags"):
        manager.add_tags(tags)
    if metadata := config.get("metadata"):
        if any(isinstance(value, Mapping) for value in metadata.values()):
            manager.add_metadata(metadata)  # merges mappings, and copies them
        else:
            manager.metadata = dict(metadata)
            manager.inheritable_metadata = dict(metadata)
    return manager


def silent_start(manager: Any, run_id: Any) -> Any:
    """The run manager of a run that starts without anybody listening."""
    kind = (
        upstream.AsyncCallbackManagerForChainRun
        if manager.is_async
        else upstream.CallbackManagerForChainRun
    )
    return kind(
        run_id=run_id or upstream.new_run_id(),
        handlers=manager.handlers,
        inheritable_handlers=manager.inheritable_handlers,
        parent_run_id=manager.parent_run_id,
        tags=manager.tags,
        inheritable_tags=manager.inheritable_tags,
        metadata=manager.metadata,
        inheritable_metadata=manager.inheritable_metadata,
    )


_making = free_in_forks(threading.Lock())


class UnheardRun:
    """The root run when nobody listens: a run manager that is made when a task's config needs it."""

    __slots__ = ("_config", "_is_async", "_manager")

    handlers: Sequence[Any] = ()
    inheritable_handlers: Sequence[Any] = ()

    def __init__(self, config: Any, *, is_async: bool) -> None:
        self._config, self._is_async = config, is_async
        self._manager: Any = None

    def get_child(self, tag: str) -> Any:
        """The callback manager of a task of this run."""
        return self._made().get_child(tag)

    def _made(self) -> Any:
        if self._manager is None:
            with _making:
                if self._manager is None:
                    manager = callback_manager(self._config, is_async=self._is_async)
                    mark(manager, self._config)
                    self._manager = silent_start(manager, self._config.get("run_id"))
        return self._manager

    def handed_on(self) -> tuple[list[str], dict[str, Any]]:
        """Tags and metadata that tasks of this run inherit."""
        config = self._config
        if self._manager is None and not config.get("callbacks"):
            metadata = {"ls_integration": "langgraph"}
            own = config.get("metadata") or {}
            return list(config.get("tags") or ()), {**own, **metadata, **own}
        made = self._made()
        return made.inheritable_tags, made.inheritable_metadata

    def manager_type(self) -> Any:
        """The class of the callback managers of its tasks."""
        return upstream.AsyncCallbackManager if self._is_async else upstream.CallbackManager


def mark(manager: Any, config: Any) -> None:
    """Say in a run's metadata that LangGraph made it, as LangGraph does."""
    if "ls_integration" in manager.metadata:
        return
    if config.get("callbacks"):
        manager.add_metadata({"ls_integration": "langgraph"})
    else:  # the manager and its dicts are new
        manager.metadata["ls_integration"] = "langgraph"
        manager.inheritable_metadata["ls_integration"] = "langgraph"


def announce(manager: Any, input: Any, *, name: str, run_id: Any) -> Any:
    """Start a run: its run manager, or for an async manager with handlers something to await."""
    if manager.handlers:
        return manager.on_chain_start(None, input, name=name, run_id=run_id)
    return silent_start(manager, run_id)
