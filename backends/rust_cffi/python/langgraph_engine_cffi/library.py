"""Loads the native library, checks that it is the one this package was written for, and calls it."""

from __future__ import annotations

import importlib
import os
from ctypes import PYFUNCTYPE, c_char_p, c_int32, c_size_t, c_uint64, c_void_p, sizeof
from typing import TYPE_CHECKING, Any, Final

import ormsgpack

from langgraph_engine.core_errors import exception

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_engine_cffi.program import CffiProgram

__all__ = [
    "ABI_VERSION",
    "ASK",
    "ASKS",
    "DONE",
    "HANDLE",
    "KEYS_ARE_NUMBERS",
    "REFUSED",
    "TELL",
    "Slot",
    "abi_version",
    "address",
    "buffer",
    "call",
    "capabilities",
    "check",
    "contents",
    "error_kinds",
    "failure",
    "ffi",
    "free_message",
    "generation",
    "inject_panic",
    "lib",
    "pack",
    "quick",
    "slot",
    "spare",
    "unpack",
]

# maturin writes the module when it builds the wheel.
_native: Any = importlib.import_module("langgraph_engine_cffi._native")
ffi: Any = _native.ffi
lib: Any = _native.lib

ABI_VERSION: Final = 1
"""The ABI this package calls; the header's ``LGE_ABI_VERSION``."""
DONE: Final = 0
"""The status of a call whose reply is its result; the header's ``LGE_DONE``."""
ASKS: Final = 1
"""The status of a call whose reply is a question; the header's ``LGE_ASK``. A larger one is the length of what it wrote."""
REFUSED: Final = -2
"""The status of a call that took no handles; the header's ``LGE_REFUSED``."""


def abi_version() -> int:
    """The ABI version the native library was built with."""
    return int(lib.lge_abi_version())


def check(library: Any) -> None:
    """Refuse a library of another ABI, before anything else of it is called.

    Raises:
        ImportError: The library's version is not ``ABI_VERSION``.
    """
    found = int(library.lge_abi_version())
    if found != ABI_VERSION:
        raise ImportError(
            f"The native library of langgraph-engine-cffi has ABI version {found}, and the package "
            f"calls version {ABI_VERSION}; reinstall it with: "
            "pip install --force-reinstall langgraph-engine-cffi"
        )


check(lib)

_generation = 0


def _forked() -> None:
    global _generation
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def generation() -> int:
    """How often this process is a forked one. What was made before a fork can't be used after it."""
    return _generation


_new, buffer, unpack = ffi.new, ffi.buffer, ormsgpack.unpackb
_MESSAGE, _ANSWER, _ERROR, _RUN = (
    ffi.typeof(f"{name} *") for name in ("lge_message", "lge_answer", "lge_error", "lge_run")
)
_ROOM: Final = 1 << 12
"""So many bytes of a commit's reply need no message of the library's."""
KEYS_ARE_NUMBERS = ormsgpack.OPT_NON_STR_KEYS

pack = ormsgpack.packb
"""Writes a message to the library."""


def address(pointer: Any) -> int:
    """Where a pointer of cffi's points to."""
    return int(ffi.cast("uintptr_t", pointer))


def quick(name: str, *arguments: Any, gives: Any = c_int32) -> Callable[..., Any]:
    """A function of the library's, called without letting go of the GIL.

    cffi lets go of it in every call. Getting it back takes longer than these calls do where another thread
    computes, and each time one more thread of a pool is woken up. The library calls nobody, so nobody waits for
    the GIL inside it.

    Args:
        name: The function.
        arguments: The ctypes types of its arguments; pointers are addresses.
        gives: The ctypes type of what it returns.
    """
    return PYFUNCTYPE(gives, *arguments)(address(ffi.addressof(lib, name)))


HANDLE: Final[Any] = c_void_p if sizeof(c_void_p) == sizeof(c_uint64) else c_uint64
"""A number of 64 bits, as ctypes takes it fastest: it makes an address of a number in half the time."""
_LENGTH: Final[Any] = c_void_p if sizeof(c_void_p) == sizeof(c_size_t) else c_size_t

ASK: Final = (HANDLE, c_void_p, c_void_p)
"""The arguments of a run's calls that take no message: the run, a message and an error to fill."""
TELL: Final = (HANDLE, c_char_p, _LENGTH, c_void_p, c_void_p)
"""The arguments of those that take a message: the run, the message, its length, and as for ``ASK``."""
free_message = quick("lge_message_free", c_void_p, gives=None)
"""Frees a message of the library's."""


class Slot:
    """What one call fills: a message, an error, a run's number and room for a commit's reply, and their addresses.

    Attributes:
        reply_at: Where the message is, and the ``lge_answer`` that begins with it.
        written: The room.
    """

    __slots__ = (
        "_answer",
        "error",
        "error_at",
        "number",
        "number_at",
        "reply",
        "reply_at",
        "written",
    )

    def __init__(self) -> None:
        answer = self._answer = _new(_ANSWER)
        self.reply, self.error, self.number = answer.message, _new(_ERROR), _new(_RUN)
        self.reply_at, self.error_at = address(answer), address(self.error)
        self.number_at = address(self.number)
        self.written = memoryview(bytearray(_ROOM))
        answer.room, answer.size = ffi.from_buffer("uint8_t *", self.written), _ROOM


spare: list[Slot] = []
"""Slots no call uses; whoever is done with one appends it, its message and error freed."""


def slot() -> Slot:
    """A slot for one call."""
    try:
        return spare.pop()
    except IndexError:
        return Slot()


def call(function: Callable[..., int], *arguments: Any) -> tuple[int, Any, Any]:
    """Call a function that replies with a message: gives status, reply and error."""
    reply, error = _new(_MESSAGE), _new(_ERROR)
    return function(*arguments, reply, error), reply, error


def contents(reply: Any) -> Any:
    """What a message of the library's says. Its handles are good until it is freed."""
    return unpack(buffer(reply.data, reply.length)[:], option=KEYS_ARE_NUMBERS)


def failure(error: Any, value_of: Callable[[int], Any] | None = None) -> Exception:
    """The exception for a call that failed; frees the error."""
    channel = _text(error.channel, error.channel_length) if error.channel else None
    value = value_of(error.value) if value_of is not None and error.has_value else None
    made = exception(error.kind, _text(error.message, error.message_length), channel, value)
    lib.lge_error_free(error)
    return made


def _text(data: Any, length: int) -> str:
    return bytes(buffer(data, length)).decode()


def capabilities() -> dict[str, Any]:
    """What the library says it can do; see ``lge_capabilities`` in its header."""
    status, reply, error = call(lib.lge_capabilities)
    if status != DONE:
        raise failure(error)
    said: dict[str, Any] = contents(reply)
    lib.lge_message_free(reply)
    return said


def error_kinds() -> list[tuple[int, str]]:
    """Every kind of error the core knows, as ``(number, name)``."""
    return [(number, name) for number, name in capabilities()["errors"]]


_PANIC_POINTS: Final = {"restore": 1, "plan": 2, "commit": 3}


def inject_panic(program: CffiProgram, point: str) -> None:
    """Make a program's next restore, plan or commit panic. For tests."""
    if point not in _PANIC_POINTS:
        raise ValueError(f"no panic point '{point}'")
    lib.lge_test_panic(program.number, _PANIC_POINTS[point])
