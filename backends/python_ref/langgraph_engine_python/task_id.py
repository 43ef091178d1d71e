"""Task ids and the order of task paths.

Both are LangGraph's: ids since checkpoint format 2 are XXH3-128, before that SHA-1 cut to 128 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha1
from typing import Any

from xxhash import xxh3_128_hexdigest

__all__ = ["path_text", "task_id"]


def task_id(checkpoint_id: str, parts: Iterable[str], *, format_version: int) -> str:
    """Hash a checkpoint id and what makes the task unique in it into UUID-shaped text.

    Args:
        checkpoint_id: UUID text of the checkpoint the superstep starts from.
        parts: Namespace, step, name and trigger parts, joined without separators.
        format_version: The checkpoint's ``v``.
    """
    data = bytes.fromhex(checkpoint_id.replace("-", "")) + "".join(parts).encode()
    if format_version > 1:
        digest = xxh3_128_hexdigest(data)
    else:
        digest = sha1(data, usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def path_text(path: Any) -> str:
    """The text form of a task path; tasks are committed in its order.

    >>> path_text(("__pregel_push", 3, False))
    '~__pregel_push, 0000000003, 0000000000'
    """
    if isinstance(path, (tuple, list)):
        return "~" + ", ".join(path_text(part) for part in path)
    if isinstance(path, int):
        return f"{path:010d}"
    return str(path)
