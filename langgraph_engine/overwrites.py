"""Which values may be an ``Overwrite``, so that whoever folds the others needn't ask LangGraph about each.

LangGraph also takes some dicts for one, by the keys they have. Which keys those are depends on its release: it is
asked about dicts that have none, and what it looks for in them is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

__all__ = ["keys_of_overwrites"]

_SIZES: Final = range(9)
"""So many entries a dict has that LangGraph is asked about: how many there are may count, too."""


class _LooksOtherwiseError(Exception):
    """A dict was looked at in another way than by a key."""


class _Asked(dict[Any, Any]):
    """Notes the keys it is asked for, and has none of them."""

    def __init__(self, size: int, asked: set[Any]) -> None:
        super().__init__((object(), None) for _ in range(size))
        self._asked = asked

    def __contains__(self, key: object) -> bool:
        self._asked.add(key)
        return False

    def get(self, key: Any, default: Any = None) -> Any:
        self._asked.add(key)
        return default

    def _refuse(self, *_: Any) -> NoReturn:
        raise _LooksOtherwiseError

    __getitem__ = __iter__ = __eq__ = keys = values = items = copy = _refuse
    __hash__ = None  # as any dict


def keys_of_overwrites(get_overwrite: Callable[[Any], tuple[bool, Any]]) -> frozenset[str] | None:
    """The keys without any of which a dict is no ``Overwrite``; None if that isn't known.

    Args:
        get_overwrite: LangGraph's function: whether a value is one, and what it says.
    """
    asked: set[Any] = set()
    try:
        are_any = any(get_overwrite(_Asked(size, asked))[0] for size in _SIZES)
    except _LooksOtherwiseError:
        return None
    if are_any or not all(type(key) is str for key in asked):
        return None
    return frozenset(asked)
