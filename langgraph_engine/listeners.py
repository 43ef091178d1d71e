"""Who listens to a run: callback handlers and tracers, most often nobody.

Asking LangChain costs more than a superstep, so the answer "nobody" is found a shorter way: by looking
at every place LangChain looks at. ``_KNOWN_SOURCES`` are the names LangChain's own function uses; a
release in which it uses others is asked the long way.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import environ
from types import CodeType
from typing import Any

from langgraph_engine import upstream

__all__ = ["announce", "callback_manager", "silent_start"]

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
_OLD_TRACING_VARIABLES = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")


def _names(code: CodeType) -> set[str]:
    nested = (c for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*(_names(c) for c in nested))


_KNOWN_SWITCHES = frozenset(
    [
        "_GLOBAL_TRACING_ENABLED",
        "_context",
        "_internal",
        "get_current_run_tree",
        "get_env_var",
        "get_tracing_context",
        "langsmith._internal._context",
        "langsmith.run_helpers",
    ]
)
_SOURCES_ARE_KNOWN = _names(upstream.configure_callbacks.__code__) <= _KNOWN_SOURCES
_SWITCHES_ARE_KNOWN = _names(upstream.tracing_is_enabled.__code__) <= _KNOWN_SWITCHES
_CONFIGURE = {
    manager: manager.__dict__["configure"]
    for manager in (upstream.CallbackManager, upstream.AsyncCallbackManager)
}


def _tracing_is_on(tracing: dict[str, Any]) -> bool:
    """Whether LangSmith traces, outside of any run; by the switches LangSmith looks at."""
    if not _SWITCHES_ARE_KNOWN:
        return bool(upstream.tracing_is_enabled(tracing))
    switch = tracing["enabled"]
    if switch is None:
        switch = upstream.tracing_state._GLOBAL_TRACING_ENABLED  # noqa: SLF001
    if switch is None:
        variable = upstream.langsmith_variable
        return bool(variable("TRACING_V2", default=variable("TRACING", default="")) == "true")
    return bool(switch)


def _nobody_listens() -> bool:
    """Whether nothing outside the config would add a handler, a tag or a parent to a run."""
    tracing = upstream.get_tracing_context()
    if tracing["parent"] is not None or tracing["tags"] or tracing["metadata"]:
        return False
    if upstream.tracing_v2_callback_var.get() is not None or _tracing_is_on(tracing):
        return False
    if upstream.get_debug():
        return False
    for name in _OLD_TRACING_VARIABLES:
        if name in environ and upstream.env_var_is_set(name):
            return False
    for variable, _, handler_class, env_variable in upstream.configure_hooks:
        if variable.get() is not None:
            return False
        if handler_class is not None and env_variable and upstream.env_var_is_set(env_variable):
            return False
    return True


def callback_manager(config: Any, *, is_async: bool) -> Any:
    """The callback manager a run with this config is announced to."""
    kind = upstream.AsyncCallbackManager if is_async else upstream.CallbackManager
    if (
        _SOURCES_ARE_KNOWN
        and not config.get("callbacks")
        and kind.__dict__["configure"] is _CONFIGURE[kind]
        and _nobody_listens()
    ):
        manager = kind(handlers=[])
        if tags := config.get("tags"):
            manager.add_tags(tags)
        if metadata := config.get("metadata"):
            if any(isinstance(value, Mapping) for value in metadata.values()):
                manager.add_metadata(metadata)  # merges mappings, and copies them
            else:
                manager.metadata = dict(metadata)
                manager.inheritable_metadata = dict(metadata)
        return manager
    make = (
        upstream.get_async_callback_manager_for_config
        if is_async
        else upstream.get_callback_manager_for_config
    )
    return make(config)


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


def announce(manager: Any, input: Any, *, name: str, run_id: Any) -> Any:
    """Start a run: its run manager, or for an async manager with handlers something to await."""
    if manager.handlers:
        return manager.on_chain_start(None, input, name=name, run_id=run_id)
    return silent_start(manager, run_id)
