"""Any value a program can see, as plain JSON data that keeps everything a program could tell apart.

Types, key order and the difference between a list and a tuple are kept. What is left out is only what two
runs of the same program never share: addresses of objects, and the insides of callables.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import types
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from langgraph.types import Send
from pydantic import BaseModel

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]


def type_name(cls: type) -> str:
    """Module and qualified name of a class. Modules of the corpus go by their last part."""
    module = cls.__module__.removeprefix("apps.")
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def freeze(value: Any, frames_of: str | None = None) -> Plain:
    """Plain data that is equal for two values exactly if a program could not tell them apart.

    Args:
        value: What a program saw; it is read, never kept or changed.
        frames_of: The file whose frames an exception is remembered by.
    """
    return _Freezer(frames_of).freeze(value)


class _Freezer:
    """Freezes one value and everything in it."""

    def __init__(self, frames_of: str | None) -> None:
        self._frames_of = frames_of
        self._above: list[int] = []

    def freeze(self, value: Any) -> Plain:
        """Plain data for a value, whichever it is."""
        if value is None or type(value) in _JSON:
            return value  # type: ignore[no-any-return]
        if id(value) in self._above:
            return {"$cycle": type_name(type(value))}
        self._above.append(id(value))
        try:
            for kind in (self._scalar, self._container, self._record, self._code):
                frozen = kind(value, type_name(type(value)))
                if frozen is not None:
                    return frozen
        finally:
            self._above.pop()
        return {"$object": type_name(type(value))}

    def _scalar(self, value: Any, name: str) -> Plain:
        if isinstance(value, enum.Enum):
            return {"$enum": f"{name}.{value.name}"}
        if isinstance(value, str | int | float):
            return {"$": name, "value": repr(value)}
        if isinstance(value, bytes | bytearray):
            return {"$": name, "hex": bytes(value).hex()}
        if isinstance(value, uuid.UUID | dt.datetime | dt.timedelta):
            return {"$": name, "value": str(value)}
        return None

    def _container(self, value: Any, name: str) -> Plain:
        if type(value) is list:
            return [self.freeze(item) for item in value]
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self._named(name, value._asdict())
        if isinstance(value, tuple):
            return {"$tuple": [self.freeze(item) for item in value]}
        if isinstance(value, AbstractSet):
            return {"$": name, "items": sorted((self.freeze(item) for item in value), key=repr)}
        if type(value) is dict and all(type(k) is str and not k.startswith("$") for k in value):
            return {key: self.freeze(item) for key, item in value.items()}
        if isinstance(value, Mapping):
            pairs = [[self.freeze(key), self.freeze(item)] for key, item in value.items()]
            return {"$": name, "pairs": pairs}
        if isinstance(value, Sequence | deque):
            return {"$": name, "items": [self.freeze(item) for item in value]}
        return None

    def _record(self, value: Any, name: str) -> Plain:
        if isinstance(value, BaseException):
            return freeze_exception(value, self._frames_of)
        if isinstance(value, BaseModel):
            return self._named(name, dict(value), set=sorted(value.model_fields_set))
        if isinstance(value, Send):
            return self._named(name, {"node": value.node, "arg": value.arg})
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            known = [field.name for field in dataclasses.fields(value)]
            return self._named(name, {key: getattr(value, key, None) for key in known})
        return None

    def _code(self, value: Any, name: str) -> Plain:
        if isinstance(value, type):
            return {"$type": type_name(value)}
        if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
            return {"$function": value.__qualname__}
        if isinstance(value, functools.partial):
            return {"$partial": getattr(value.func, "__qualname__", type_name(type(value.func)))}
        return None

    def _named(self, name: str, fields: dict[str, Any], **more: Plain) -> Plain:
        return {"$": name, **more, **{key: self.freeze(item) for key, item in fields.items()}}


_JSON = frozenset({bool, int, float, str})


def freeze_exception(error: BaseException, frames_of: str | None) -> dict[str, Any]:
    """Type, message, notes, cause and the user's own frames of an exception."""
    frames: list[str] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if frames_of is not None and code.co_filename == frames_of:
            frames.append(code.co_name)
        traceback = traceback.tb_next
    frozen: dict[str, Any] = {
        "$error": type_name(type(error)),
        "message": str(error),
        "args": [freeze(argument, frames_of) for argument in error.args],
        "notes": list(getattr(error, "__notes__", ())),
        "frames": frames,
    }
    if error.__cause__ is not None:
        frozen["cause"] = freeze_exception(error.__cause__, frames_of)
    return frozen
