"""Runs one app once and writes down everything that can be seen of it: its trace."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import START

from parity.freeze import freeze, freeze_exception, type_name
from parity.steps import Env, Seen, Step
from parity.stillness import COUNTED_UUID4, stillness
from parity.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

# Run ids are random in langchain-core itself, and a chat model makes message ids of them.
_RUN_ID = re.compile(r"(?<=lc_run--)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ANY_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}(?![0-9a-f])")


def record(
    app: ModuleType, mode: str, watch: str, before_step: Callable[[int], None] = lambda at: None
) -> dict[str, Any]:
    """The trace of one run of an app.

    Args:
        app: A module of `tests/apps`.
        mode: `"sync"` or `"async"`.
        watch: `"watched"` for a run with a callback handler attached, `"quiet"` for one without:
            engines take a shorter way when nobody is watching, and both ways have to be right.
        before_step: Called with the number of each step before it is made.
    """
    with stillness():
        env = Env(is_async=mode == "async")
        seen = Seen(app.build(env))
        todo: list[Step] = app.steps(env)
        if mode == "async":
            steps = asyncio.run(_arun(app, seen, todo, watch, before_step))
        else:
            steps = _run(app, seen, todo, watch, before_step)
        trace = {"steps": steps, "journal": env.journal, "saved": saved(env.saver)}
    exact = isinstance(getattr(seen.graph, "checkpointer", None), BaseCheckpointSaver)
    if getattr(app, "ids", None) == "numbered":
        exact = False
    return with_ids_numbered(trace, _RUN_ID if exact else ANY_ID)


def _run(
    app: ModuleType, seen: Seen, todo: list[Step], watch: str, before_step: Callable[[int], None]
) -> list[dict[str, Any]]:
    outs = []
    for at, step in enumerate(todo):
        before_step(at)
        out, value = _opening(step), None
        config, watcher = _config(step, seen, watch)
        with _overheard(app, out, watcher):
            value = step.run(seen, config, out)
        seen.results.append(value)
        outs.append(out)
    return outs


async def _arun(
    app: ModuleType, seen: Seen, todo: list[Step], watch: str, before_step: Callable[[int], None]
) -> list[dict[str, Any]]:
    outs = []
    for at, step in enumerate(todo):
        before_step(at)
        out, value = _opening(step), None
        config, watcher = _config(step, seen, watch)
        with _overheard(app, out, watcher):
            value = await step.arun(seen, config, out)
        seen.results.append(value)
        outs.append(out)
    return outs


def _opening(step: Step) -> dict[str, Any]:
    shown = {
        field.name: freeze(getattr(step, field.name))
        for field in fields(step)
        if field.name not in ("input", "function", "on_chunk", "options", "at", "before")
    }
    return {"step": type(step).__name__, "with": shown}


def _config(step: Step, seen: Seen, watch: str) -> tuple[dict[str, Any], Watcher | None]:
    config = dict(step.config)
    if step.thread is not None:
        config["configurable"] = {"thread_id": step.thread, **config.get("configurable", {})}
    if step.at is not None:
        given = step.at.function(seen)["configurable"]
        config["configurable"] = {**config.get("configurable", {}), **given}
    if watch != "watched":
        return config, None
    watcher = Watcher()
    config["callbacks"] = [*config.get("callbacks", ()), watcher]
    return config, watcher


class _Heard(logging.Handler):
    """Keeps the records of LangGraph's loggers."""

    def __init__(self, file: str) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[dict[str, Any]] = []
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.records.append(
            {
                "logger": record.name,
                "level": record.levelname,
                "message": record.getMessage(),
                "error": None if error is None else freeze_exception(error, self._file),
            }
        )


@contextmanager
def _overheard(app: ModuleType, out: dict[str, Any], watcher: Watcher | None) -> Iterator[None]:
    """Adds to `out` how the block ended, what it warned of and logged, and what the handler saw."""
    file = str(app.__file__)
    logger = logging.getLogger("langgraph")
    heard, level = _Heard(file), logger.level
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except (Exception, asyncio.CancelledError) as error:
                out["error"] = freeze_exception(error, file)
    finally:
        logger.removeHandler(heard)
        logger.setLevel(level)
    # A coroutine nobody awaited is warned of when the garbage collector happens to find it.
    out["warnings"] = [
        [type_name(warning.category), str(warning.message)]
        for warning in caught
        if not str(warning.message).endswith("was never awaited")
    ]
    out["logs"] = heard.records
    if watcher is not None:
        out["events"] = watcher.events


def saved(saver: BaseCheckpointSaver[Any]) -> dict[str, Any]:
    """Everything a saver holds: checkpoints of all namespaces, their pending writes, stored values.

    Pending writes are keyed by task and index, as savers key them: the order in which the writes of
    different tasks reach a saver is nobody's promise.
    """
    if not isinstance(saver, InMemorySaver):
        raise TypeError(f"can't look into a {type(saver).__name__}; extend `saved`")
    checkpoints = [
        {
            "config": freeze(found.config),
            "parent_config": freeze(found.parent_config),
            "checkpoint": _checkpoint(freeze(found.checkpoint)),
            "metadata": freeze(found.metadata),
        }
        for thread in saver.storage
        for found in saver.list({"configurable": {"thread_id": thread}})
    ]
    writes = {
        " ".join((*place, task_id, f"{index:+03}")): {
            "channel": channel,
            "value": _as_written(freeze(saver.serde.loads_typed(value))),
            "path": path,
        }
        for place, kept in sorted(saver.writes.items())
        for (task_id, index), (_, channel, value, path) in sorted(kept.items())
    }
    blobs = {
        " ".join(map(str, key)): kind
        for key, (kind, _) in sorted(saver.blobs.items(), key=lambda item: tuple(map(str, item[0])))
    }
    return {"checkpoints": checkpoints, "writes": writes, "blobs": blobs}


def _checkpoint(frozen: Any) -> Any:
    values = frozen["channel_values"]
    if START in values:
        values[START] = _as_written(values[START])
    return frozen


def _as_written(value: Any) -> Any:
    """A written value without the ids that `add_messages` gave to its messages afterwards.

    It gives them in place, to the very objects a thread of stock's is just then handing to the saver, so
    on stock itself they are sometimes there and sometimes not. In the channel's own value they count.
    """
    if isinstance(value, list):
        return [_as_written(item) for item in value]
    if not isinstance(value, dict):
        return value
    if str(value.get("id")).startswith(COUNTED_UUID4):
        value = {**value, "id": None}
    return {key: _as_written(item) for key, item in value.items()}


def with_ids_numbered(trace: dict[str, Any], pattern: re.Pattern[str]) -> dict[str, Any]:
    """The trace with ids replaced by numbers, in the order they are first seen.

    Without a saver no checkpoint is stored, so neither checkpoint ids nor the task ids made of them
    outlive the run, and an engine is free to draw them differently: what has to hold is that the same id
    appears in the same places. With a saver only the random run ids of langchain-core are numbered.
    """
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match.group(), f"#{len(numbers)}")

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(number, value)
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {pattern.sub(number, key): walk(item) for key, item in value.items()}
        return value

    numbered: dict[str, Any] = walk(trace)
    return numbered
