"""Objects of LangGraph's frozen dataclasses, made in a quarter of the time.

The ``__init__`` of a frozen dataclass sets each field through ``object.__setattr__``, and a task's config has three such
objects. Here a field is set as any attribute is, on an object of a class with the same slots that isn't frozen;
then the object is made one of the frozen class.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from typing import Any

__all__ = ["maker"]


def maker(frozen: type[Any]) -> Callable[..., Any]:
    """Something that makes objects of a class, given all of its fields as keywords.

    Args:
        frozen: The class. If it isn't a frozen dataclass of slots alone, with an ``__init__`` that does no more than
            set its fields, it makes its objects itself.
    """
    if not _only_sets_slots(frozen):
        return frozen
    names = [field.name for field in dataclasses.fields(frozen)]
    sets = "".join(f"\n    draft.{name} = {name}" for name in names)
    scope: dict[str, Any] = {"frozen": frozen}
    source = f"def make(*, {', '.join(names)}):\n    draft = Draft(){sets}\n    draft.__class__ = frozen\n    return draft"
    exec(source, scope)  # noqa: S102 - as `dataclasses` does; the names are those of fields
    scope["Draft"] = types.new_class(
        frozen.__name__,
        getattr(frozen, "__orig_bases__", frozen.__bases__),
        exec_body=lambda namespace: namespace.update(__slots__=frozen.__slots__),
    )
    make: Callable[..., Any] = scope["make"]
    try:
        make(**dict.fromkeys(names))
    except TypeError:  # the objects of the two classes are laid out differently
        return frozen
    return make


def _only_sets_slots(frozen: type[Any]) -> bool:
    parameters: Any = getattr(frozen, "__dataclass_params__", None)
    fields = getattr(frozen, "__dataclass_fields__", {})
    return (
        parameters is not None
        and parameters.init
        and parameters.frozen
        and not hasattr(frozen, "__post_init__")
        and frozen.__dictoffset__ == 0
        and all(field.init for field in dataclasses.fields(frozen))
        and len(fields) == len(dataclasses.fields(frozen))
        and set(vars(frozen).get("__slots__", ())) == set(fields)
    )
