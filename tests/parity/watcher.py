"""The callback handler of a watched run: writes down every event in the order it sees them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from langgraph.callbacks import GraphCallbackHandler

from parity.freeze import freeze

if TYPE_CHECKING:
    from uuid import UUID


class Watcher(GraphCallbackHandler):
    """Records events with run name, tags, metadata and parent; runs are numbered as they start."""

    # In the caller's thread, so that what is seen is the order things happened in.
    run_inline = True

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._numbers: dict[UUID, int] = {}
        self._lock = threading.Lock()

    def _write(self, event: str, run_id: UUID | None, **seen: Any) -> None:
        frozen = {key: freeze(value) for key, value in seen.items()}
        with self._lock:
            number = (
                None if run_id is None else self._numbers.setdefault(run_id, len(self._numbers))
            )
            self.events.append({"event": event, "run": number, **frozen})

    def _start(self, event: str, serialized: Any, given: Any, known: dict[str, Any]) -> None:
        parent = known.get("parent_run_id")
        self._write(
            event,
            known["run_id"],
            parent=None if parent is None else self._numbers.get(parent, "unknown"),
            name=known.get("name") or (serialized or {}).get("name"),
            run_type=known.get("run_type"),
            tags=known.get("tags"),
            metadata=known.get("metadata"),
            input=given,
        )

    def on_chain_start(self, serialized: Any, inputs: Any, **known: Any) -> None:
        self._start("chain_start", serialized, inputs, known)

    def on_chain_end(self, outputs: Any, **known: Any) -> None:
        self._write("chain_end", known["run_id"], output=outputs, tags=known.get("tags"))

    def on_chain_error(self, error: BaseException, **known: Any) -> None:
        self._write("chain_error", known["run_id"], error=error, tags=known.get("tags"))

    def on_chat_model_start(self, serialized: Any, messages: Any, **known: Any) -> None:
        self._start("chat_model_start", serialized, messages, known)

    def on_llm_new_token(self, token: Any, **known: Any) -> None:
        self._write("llm_new_token", known["run_id"], token=token)

    def on_llm_end(self, response: Any, **known: Any) -> None:
        self._write("llm_end", known["run_id"], generations=response.generations)

    def on_llm_error(self, error: BaseException, **known: Any) -> None:
        self._write("llm_error", known["run_id"], error=error)

    def on_tool_start(self, serialized: Any, input_str: str, **known: Any) -> None:
        self._start("tool_start", serialized, input_str, known)

    def on_tool_end(self, output: Any, **known: Any) -> None:
        self._write("tool_end", known["run_id"], output=output)

    def on_tool_error(self, error: BaseException, **known: Any) -> None:
        self._write("tool_error", known["run_id"], error=error)

    def on_custom_event(self, name: str, data: Any, **known: Any) -> None:
        self._write("custom_event", known["run_id"], name=name, data=data)

    def on_interrupt(self, event: Any) -> None:
        self._lifecycle("graph_interrupt", event)

    def on_resume(self, event: Any) -> None:
        self._lifecycle("graph_resume", event)

    def _lifecycle(self, name: str, event: Any) -> None:
        # Where several tasks interrupt, stock gathers their interrupts from a set of futures.
        interrupts = sorted(getattr(event, "interrupts", ()), key=lambda interrupt: interrupt.id)
        self._write(
            name,
            event.run_id,
            status=event.status,
            checkpoint_id=event.checkpoint_id,
            checkpoint_ns=event.checkpoint_ns,
            interrupts=interrupts,
        )
