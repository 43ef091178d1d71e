"""Everything taken from LangGraph, in one place.

LangGraph's private modules are imported here and nowhere else, so that a new release is checked by
reading one file. Names are looked up through this module at call time (``upstream.uuid6()``), which is
also what makes them replaceable in tests that freeze ids and clocks.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import cached_property
from types import FunctionType
from typing import Any, TypeAlias

from langchain_core.callbacks.manager import (
    AsyncCallbackManager,
    AsyncCallbackManagerForChainRun,
    CallbackManager,
    CallbackManagerForChainRun,
    _configure,
)
from langchain_core.globals import get_debug
from langchain_core.runnables import Runnable
from langchain_core.runnables.config import CONFIG_KEYS as _CONFIG_KEYS
from langchain_core.runnables.config import COPIABLE_KEYS as _COPIABLE_KEYS
from langchain_core.runnables.config import run_in_executor, var_child_runnable_config
from langchain_core.tracers.context import _configure_hooks, tracing_v2_callback_var
from langchain_core.utils.env import env_var_is_set
from langchain_core.utils.uuid import uuid7
from langgraph import errors, types
from langgraph._internal import _constants, _queue
from langgraph._internal._config import (
    _PROPAGATE_TO_METADATA,
    DEFAULT_RECURSION_LIMIT,
    ensure_config,
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    merge_configs,
    patch_checkpoint_map,
    patch_config,
    patch_configurable,
    recast_checkpoint_ns,
)
from langgraph._internal._constants import (
    CACHE_NS_WRITES,
    CONF,
    CONFIG_KEY_CALL,
    CONFIG_KEY_CHECKPOINT_ID,
    CONFIG_KEY_CHECKPOINT_MAP,
    CONFIG_KEY_CHECKPOINT_NS,
    CONFIG_KEY_CHECKPOINTER,
    CONFIG_KEY_DURABILITY,
    CONFIG_KEY_NODE_ERROR,
    CONFIG_KEY_NODE_FINISHED,
    CONFIG_KEY_READ,
    CONFIG_KEY_REPLAY_STATE,
    CONFIG_KEY_RESUME_MAP,
    CONFIG_KEY_RESUMING,
    CONFIG_KEY_RUNNER_SUBMIT,
    CONFIG_KEY_RUNTIME,
    CONFIG_KEY_SCRATCHPAD,
    CONFIG_KEY_SEND,
    CONFIG_KEY_STREAM,
    CONFIG_KEY_STREAM_MESSAGES_V2,
    CONFIG_KEY_TASK_ID,
    CONFIG_KEY_THREAD_ID,
    ERROR,
    ERROR_SOURCE_NODE,
    INPUT,
    INTERRUPT,
    NO_WRITES,
    NS_END,
    NS_SEP,
    NULL_TASK_ID,
    PREVIOUS,
    PUSH,
    RESUME,
    RETURN,
    SNAPSHOT_BUMPS,
    TASKS,
)
from langgraph._internal._replay import ReplayState
from langgraph._internal._runnable import (
    RunnableCallable,
    _is_stream_handler,
)
from langgraph._internal._scratchpad import PregelScratchpad
from langgraph._internal._typing import MISSING
from langgraph.callbacks import (
    GraphInterruptEvent,
    GraphResumeEvent,
    get_async_graph_callback_manager_for_config,
    get_sync_graph_callback_manager_for_config,
)
from langgraph.channels.binop import _get_overwrite
from langgraph.checkpoint.base import id as _uuids
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.pregel import _checkpoint
from langgraph.pregel import main as pregel_main
from langgraph.pregel._algo import (
    Call,
    LazyAtomicCounter,
    PregelTaskWrites,
    _proc_input,
    apply_writes,
    local_read,
    prepare_next_tasks,
    prepare_node_error_handler_task,
    prepare_single_task,
    sanitize_untracked_values_in_send,
    should_interrupt,
)
from langgraph.pregel._call import get_runnable_for_task, identifier
from langgraph.pregel._checkpoint import (
    _mark_bumps_seen,
    achannels_from_checkpoint,
    acheckpoint_superseded,
    channels_from_checkpoint,
    checkpoint_superseded,
    copy_checkpoint,
    create_checkpoint,
    empty_checkpoint,
    exit_delta_late_task_id,
    exit_delta_task_id,
    put_writes_accepts_task_path,
)
from langgraph.pregel._executor import AsyncBackgroundExecutor, BackgroundExecutor
from langgraph.pregel._io import map_command, map_input, map_output_updates
from langgraph.pregel._loop import PregelLoop
from langgraph.pregel._messages import (
    StreamMessagesHandler,
    StreamMessagesHandlerV2,
    ensure_message_ids,
)
from langgraph.pregel._read import DEFAULT_BOUND, ChannelRead, PregelNode
from langgraph.pregel._retry import (
    _checkpoint_ns_for_parent_command,
    _is_user_raised_cancelled,
)
from langgraph.pregel._runner import (
    FuturesDict as _FuturesDict,
)
from langgraph.pregel._runner import (
    PregelRunner,
    _acall,
    _call,
    _panic_or_proceed,
    _should_stop_others,
)
from langgraph.pregel._task_status import CONTROL_WRITES, read_task_statuses
from langgraph.pregel._tools import StreamToolCallHandler
from langgraph.pregel._utils import get_new_channel_versions, is_xxh3_128_hexdigest
from langgraph.pregel._write import (
    PASSTHROUGH,
    SKIP_WRITE,
    ChannelWrite,
    ChannelWriteEntry,
    ChannelWriteTupleEntry,
)
from langgraph.pregel.debug import (
    map_debug_checkpoint,
    map_debug_task_results,
    map_debug_tasks,
    tasks_w_writes,
)
from langgraph.pregel.main import (
    Pregel,
    _build_server_info,
    _coerce_context,
    _coerce_parent_runtime,
    _output,
)
from langgraph.pregel.protocol import StreamProtocol
from langgraph.runtime import DEFAULT_RUNTIME
from langgraph.types import Interrupt
from langgraph.version import __version__ as langgraph_version
from langsmith._internal import _context as tracing_state
from langsmith.run_helpers import get_tracing_context
from langsmith.utils import get_env_var as langsmith_variable
from langsmith.utils import tracing_is_enabled

# What the supported releases differ in. Each is taken as the installed one has it.

KEYS_OF_RUNS = frozenset(
    key for name, key in vars(_constants).items() if name.startswith("CONFIG_KEY_")
) - {CONFIG_KEY_THREAD_ID}
"""What a config's ``configurable`` says of the run it is for, or of the checkpoint it starts from."""
CONFIG_KEY_READ_STATE: str | None = getattr(_constants, "CONFIG_KEY_READ_STATE", None)
"""Set in tasks' configs from LangGraph 1.2.23 on."""
_STRICT_RESUME: str | None = getattr(_constants, "CONFIG_KEY_STRICT_RESUME", None)
UnknownInterruptError: Any = getattr(errors, "UnknownInterruptError", None)
"""What a strict resume raises, so from LangGraph 1.2.20 on."""
INTERRUPTS_PAGE = (
    "add-human-in-the-loop#resume-multiple-interrupts-with-one-invocation"
    if _STRICT_RESUME is None
    else "interrupts#handling-multiple-interrupts"
)
"""Where LangGraph's documentation says how to answer several interrupts."""
streams_only_its_graph = (
    getattr(pregel_main, "_streams_only_its_graph", None)
    or vars(pregel_main)["_is_stream_mode_handler"]
)
"""Whether a handler isn't for graphs that no task runs: a stream's, and from LangGraph 1.2.22 on only if its caller
didn't ask for subgraphs."""
_SUBGRAPH_KNOWS_UPDATES = (
    "for_update" in inspect.signature(vars(Pregel)["_subgraph_for_namespace"]).parameters
)


def asks_for_strict_resume(configurable: Mapping[str, Any]) -> bool:
    """Whether an answer that fits no pending interrupt is an error: asked for from LangGraph 1.2.20 on."""
    return _STRICT_RESUME is not None and bool(configurable.get(_STRICT_RESUME, False))


def interrupt_id(namespace: str, answered: int) -> str:
    """The id of the interrupt a task raises after that many answers.

    Before LangGraph 1.2.20 every interrupt of a task had the id of its first.
    """
    numbered = getattr(types, "_interrupt_id", None)
    return str(numbered(namespace, answered) if numbered else Interrupt.from_ns(None, namespace).id)


class FuturesDict(_FuturesDict[Any, Any]):
    """Futures of a superstep. ``failed`` are those that LangGraph looks at to see if one failed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if "failed" not in vars(self):
            self.failed = self.done  # Before LangGraph 1.2.22 it looks at all that are done.


def subgraph_to_update(graph: AnyPregel, config: Any, saver: Any) -> Any:
    """The subgraph whose state a config says to update, if it isn't the graph's own.

    A namespace of no subgraph is an error. Before LangGraph 1.2.21 it is for readers, too, so there
    is nothing to tell it.
    """
    asked = {"for_update": True} if _SUBGRAPH_KNOWS_UPDATES else {}
    return graph._subgraph_for_namespace(config, saver, **asked)  # noqa: SLF001


configure_callbacks = _configure
configure_hooks = _configure_hooks
new_run_id = uuid7
is_user_raised_cancelled = _is_user_raised_cancelled
CONFIG_KEYS = frozenset(_CONFIG_KEYS)
COPIABLE_KEYS = frozenset(_COPIABLE_KEYS)
PROPAGATED_TO_METADATA = _PROPAGATE_TO_METADATA
"""Names in a configurable that are said in the metadata, too, in the order LangGraph goes through them."""
AnyPregel: TypeAlias = Pregel[Any, Any, Any, Any]
"""Any graph at all."""

# LangGraph leaves this module out of type checking.
AsyncQueue: Any = _queue.AsyncQueue  # type: ignore[attr-defined]
SyncQueue: Any = _queue.SyncQueue  # type: ignore[attr-defined]
is_stream_handler = _is_stream_handler
get_overwrite = _get_overwrite
DeltaSnapshot = _DeltaSnapshot
namespace_for_parent_command = _checkpoint_ns_for_parent_command
call_task = _call
mark_bumps_seen = _mark_bumps_seen
node_input = _proc_input
acall_task = _acall
raise_first_failure = _panic_or_proceed
should_stop_others = _should_stop_others
build_server_info = _build_server_info
coerce_context = _coerce_context
coerce_parent_runtime = _coerce_parent_runtime
format_output = _output


def is_branch(thing: Any) -> bool:
    """Whether it is a conditional edge of a ``StateGraph``."""
    # Importing ``langgraph.graph`` for this would import it under whoever is importing
    # ``langgraph.pregel``; and where nobody imported it, there are no branches.
    module = sys.modules.get("langgraph.graph._branch")
    return module is not None and isinstance(thing, module.BranchSpec)


def is_add_messages(reducer: Any) -> bool:
    """Whether it is LangGraph's own ``add_messages``, and nothing that was put in its place or around it."""
    module = sys.modules.get("langgraph.graph.message")  # as above
    if module is None or reducer is not module.add_messages or type(reducer) is not FunctionType:
        return False
    # It is a function around another one; whoever replaced either replaced what they do.
    return _is_of(module, reducer, "_add_messages") and any(
        _is_of(module, cell.cell_contents, "add_messages") for cell in reducer.__closure__ or ()
    )


def _is_of(module: Any, function: Any, name: str) -> bool:
    """Whether it is the function of that name that is written in a module."""
    code = getattr(function, "__code__", None)
    return code is not None and (code.co_filename, code.co_name) == (module.__file__, name)


def writes_control(mapper: Any) -> bool:
    """Whether it is the writer of a ``StateGraph`` node that looks for commands and packets only."""
    module = sys.modules.get("langgraph.graph.state")
    return module is not None and mapper is module._control_branch  # noqa: SLF001


def update_keys(mapper: Any) -> frozenset[str] | None:
    """If it is the writer of a ``StateGraph`` node for its state: the keys it takes from a plain dict."""
    code: Any = getattr(mapper, "__code__", None)
    if (
        getattr(mapper, "__module__", None) != "langgraph.graph.state"
        or getattr(mapper, "__qualname__", None) != _UPDATES_WRITER
        or "output_key_set" not in code.co_freevars
    ):
        return None
    keys = mapper.__closure__[code.co_freevars.index("output_key_set")].cell_contents
    return frozenset(keys)


def writers_of(node: PregelNode) -> list[Any]:
    """A node's ``flat_writers``. They aren't kept in the node, where they would take as much room as the rest of it."""
    return _uncached(node, "flat_writers")  # type: ignore[no-any-return]


def input_key_of(node: PregelNode) -> Any:
    """A node's ``input_cache_key``; not kept either."""
    return _uncached(node, "input_cache_key")


def runs_something(node: PregelNode) -> bool:
    """Whether a node's ``node`` is a runnable, and not None; it isn't made."""
    if type(node) is not PregelNode or "node" in node.__dict__:
        return node.node is not None
    return node.bound is not DEFAULT_BOUND or bool(node.writers)


def _uncached(node: Any, name: str) -> Any:
    kept = vars(PregelNode).get(name)
    if (
        type(node) is not PregelNode
        or name in node.__dict__
        or not isinstance(kept, cached_property)
    ):
        return getattr(node, name)
    return kept.func(node)


def keep_runnables(node: PregelNode, bound: Any, writers: Sequence[Any]) -> None:
    """Have a node keep its ``node`` and ``flat_writers``, as LangGraph has it do when it first runs.

    Args:
        node: The node.
        bound: What it had when it first ran.
        writers: Likewise.
    """
    own = node.__dict__
    if "node" in own:
        return
    if node.bound is bound and [*map(id, node.writers)] == [*map(id, writers)]:
        _ = node.node  # which keeps both
        return
    then = object.__new__(type(node))
    then.__dict__.update(own, bound=bound, writers=[*writers])
    own.setdefault("flat_writers", then.flat_writers)
    own["node"] = then.node


_UPDATES_WRITER = "CompiledStateGraph.attach_node.<locals>._get_updates"


def max_supersteps_since_snapshot() -> int:
    """After how many supersteps LangGraph wants a delta channel's snapshot, written to or not."""
    return int(vars(_checkpoint)["DELTA_MAX_SUPERSTEPS_SINCE_SNAPSHOT"])


_LOOP = vars(PregelLoop)
_OWN_METHODS = tuple(
    (name, _LOOP[name])
    for name in ("accept_push", "after_tick", "output_writes", "put_writes", "tick")
)


def replaced_method() -> str | None:
    """A method of LangGraph's own loop that somebody replaced since it was imported, if any.

    Whoever does expects it to be called, and engines don't.
    """
    for name, own in _OWN_METHODS:
        if _LOOP[name] is not own:
            return f"PregelLoop.{name}"
    return None


UUIDS = _uuids.__name__
"""The module of LangGraph's that UUIDs of version 6 are made in."""


uuid_names = vars(_uuids)
"""The names of that module."""
LAST_UUID_TICK = "_last_v6_timestamp"
"""The one that has the time of its last UUID, which ``next_uuid_tick`` keeps up."""


def next_uuid_tick(now: int) -> int:
    """The time of the next UUID of version 6 of this process: later than that of any before, LangGraph's among them.

    Args:
        now: The present moment, in 100 ns since 1582-10-15.
    """
    last = uuid_names[LAST_UUID_TICK]
    tick: int = now if last is None or now > last else last + 1
    uuid_names[LAST_UUID_TICK] = tick
    return tick


def utc_now_iso() -> str:
    """The present moment as a checkpoint's ``ts``: ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat()


__all__ = [
    "CACHE_NS_WRITES",
    "CONF",
    "CONFIG_KEYS",
    "CONFIG_KEY_CALL",
    "CONFIG_KEY_CHECKPOINTER",
    "CONFIG_KEY_CHECKPOINT_ID",
    "CONFIG_KEY_CHECKPOINT_MAP",
    "CONFIG_KEY_CHECKPOINT_NS",
    "CONFIG_KEY_DURABILITY",
    "CONFIG_KEY_NODE_ERROR",
    "CONFIG_KEY_NODE_FINISHED",
    "CONFIG_KEY_READ",
    "CONFIG_KEY_READ_STATE",
    "CONFIG_KEY_REPLAY_STATE",
    "CONFIG_KEY_RESUME_MAP",
    "CONFIG_KEY_RESUMING",
    "CONFIG_KEY_RUNNER_SUBMIT",
    "CONFIG_KEY_RUNTIME",
    "CONFIG_KEY_SCRATCHPAD",
    "CONFIG_KEY_SEND",
    "CONFIG_KEY_STREAM",
    "CONFIG_KEY_STREAM_MESSAGES_V2",
    "CONFIG_KEY_TASK_ID",
    "CONFIG_KEY_THREAD_ID",
    "CONTROL_WRITES",
    "COPIABLE_KEYS",
    "DEFAULT_BOUND",
    "DEFAULT_RECURSION_LIMIT",
    "DEFAULT_RUNTIME",
    "ERROR",
    "ERROR_SOURCE_NODE",
    "INPUT",
    "INTERRUPT",
    "INTERRUPTS_PAGE",
    "KEYS_OF_RUNS",
    "LAST_UUID_TICK",
    "MISSING",
    "NO_WRITES",
    "NS_END",
    "NS_SEP",
    "NULL_TASK_ID",
    "PASSTHROUGH",
    "PREVIOUS",
    "PROPAGATED_TO_METADATA",
    "PUSH",
    "RESUME",
    "RETURN",
    "SKIP_WRITE",
    "SNAPSHOT_BUMPS",
    "TASKS",
    "UUIDS",
    "AnyPregel",
    "AsyncBackgroundExecutor",
    "AsyncCallbackManager",
    "AsyncCallbackManagerForChainRun",
    "AsyncQueue",
    "BackgroundExecutor",
    "Call",
    "CallbackManager",
    "CallbackManagerForChainRun",
    "ChannelRead",
    "ChannelWrite",
    "ChannelWriteEntry",
    "ChannelWriteTupleEntry",
    "DeltaSnapshot",
    "FuturesDict",
    "GraphInterruptEvent",
    "GraphResumeEvent",
    "LazyAtomicCounter",
    "Pregel",
    "PregelNode",
    "PregelRunner",
    "PregelScratchpad",
    "PregelTaskWrites",
    "ReplayState",
    "Runnable",
    "RunnableCallable",
    "StreamMessagesHandler",
    "StreamMessagesHandlerV2",
    "StreamProtocol",
    "StreamToolCallHandler",
    "SyncQueue",
    "UnknownInterruptError",
    "acall_task",
    "achannels_from_checkpoint",
    "acheckpoint_superseded",
    "apply_writes",
    "asks_for_strict_resume",
    "build_server_info",
    "call_task",
    "channels_from_checkpoint",
    "checkpoint_superseded",
    "coerce_context",
    "coerce_parent_runtime",
    "configure_callbacks",
    "configure_hooks",
    "copy_checkpoint",
    "create_checkpoint",
    "empty_checkpoint",
    "ensure_config",
    "ensure_message_ids",
    "env_var_is_set",
    "exit_delta_late_task_id",
    "exit_delta_task_id",
    "format_output",
    "get_async_callback_manager_for_config",
    "get_async_graph_callback_manager_for_config",
    "get_callback_manager_for_config",
    "get_debug",
    "get_new_channel_versions",
    "get_overwrite",
    "get_runnable_for_task",
    "get_sync_graph_callback_manager_for_config",
    "get_tracing_context",
    "identifier",
    "interrupt_id",
    "is_add_messages",
    "is_branch",
    "is_stream_handler",
    "is_user_raised_cancelled",
    "is_xxh3_128_hexdigest",
    "langgraph_version",
    "langsmith_variable",
    "local_read",
    "map_command",
    "map_debug_checkpoint",
    "map_debug_task_results",
    "map_debug_tasks",
    "map_input",
    "map_output_updates",
    "mark_bumps_seen",
    "max_supersteps_since_snapshot",
    "merge_configs",
    "namespace_for_parent_command",
    "new_run_id",
    "next_uuid_tick",
    "node_input",
    "patch_checkpoint_map",
    "patch_config",
    "patch_configurable",
    "pregel_main",
    "prepare_next_tasks",
    "prepare_node_error_handler_task",
    "prepare_single_task",
    "put_writes_accepts_task_path",
    "raise_first_failure",
    "read_task_statuses",
    "recast_checkpoint_ns",
    "replaced_method",
    "run_in_executor",
    "sanitize_untracked_values_in_send",
    "should_interrupt",
    "should_stop_others",
    "streams_only_its_graph",
    "subgraph_to_update",
    "tasks_w_writes",
    "tracing_is_enabled",
    "tracing_state",
    "tracing_v2_callback_var",
    "update_keys",
    "utc_now_iso",
    "uuid6",
    "uuid_names",
    "var_child_runnable_config",
    "writes_control",
]
