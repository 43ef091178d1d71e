"""Which exception each kind of error of the Rust core is. The one place that knows.

Both bindings of the core, ``rust`` and ``cffi``, make their exceptions here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph_engine.errors import EnginePanicError, ProtocolError
from langgraph_engine.protocol import CommitRejected

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "exception"]


def _protocol(message: str, channel: str | None, value: Any) -> Exception:
    del channel, value
    return ProtocolError(message)


def _rejected(reason: str) -> Callable[[str, str | None, Any], Exception]:
    def make(message: str, channel: str | None, value: Any) -> Exception:
        del message
        return CommitRejected(reason, channel or "", value)

    return make


def _key(message: str, channel: str | None, value: Any) -> Exception:
    del value
    return KeyError(message if channel is None else channel)


def _value(message: str, channel: str | None, value: Any) -> Exception:
    del channel, value
    return ValueError(message)


def _panic(message: str, channel: str | None, value: Any) -> Exception:
    del channel, value
    return EnginePanicError(message)


KINDS: Final[dict[int, Callable[[str, str | None, Any], Exception]]] = {
    1: _protocol,  # bad_graph
    2: _rejected("last_value_many"),
    3: _rejected("ephemeral_value_many"),
    4: _rejected("untracked_value_many"),
    5: _rejected("barrier_name"),
    6: _key,  # unknown_channel
    7: _value,  # bad_checkpoint_id
    8: _protocol,  # mixed_versions
    9: _protocol,  # version_needed
    10: _protocol,  # bad_checkpoint
    11: _protocol,  # commit_under_way
    12: _protocol,  # wrong_answer
    13: _panic,  # panic
    14: _protocol,  # run_busy
    15: _protocol,  # bad_version
    16: _protocol,  # bad_message
    17: _protocol,  # stale_handle
    18: _protocol,  # used_after_fork
}
"""The maker of the exception for each kind, by the kind's number."""


def exception(kind: int, message: str, channel: str | None, value: Any) -> Exception:
    """Make the exception for an error of the core. Called by the bindings."""
    return KINDS[kind](message, channel, value)
