"""Objects of frozen dataclasses, made a shorter way: they are what the class itself makes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest
from langgraph.runtime import ExecutionInfo, Runtime

from langgraph_engine import upstream
from langgraph_engine.frozen import maker

LANGGRAPHS: list[type[Any]] = [ExecutionInfo, Runtime, upstream.PregelScratchpad]


def _fields(frozen: type[Any]) -> dict[str, Any]:
    return {field.name: number for number, field in enumerate(dataclasses.fields(frozen))}


@pytest.mark.parametrize("frozen", LANGGRAPHS)
def test_it_is_what_the_class_makes(frozen: type[Any]) -> None:
    make, fields = maker(frozen), _fields(frozen)
    made, own = make(**fields), frozen(**fields)
    assert make is not frozen
    assert type(made) is frozen
    assert made == own
    assert repr(made) == repr(own)
    assert copy.copy(made) == own
    assert dataclasses.replace(made, **fields) == own
    if frozen is not upstream.PregelScratchpad:  # LangGraph doesn't hand that on
        assert pickle.dumps(made) == pickle.dumps(own)


@pytest.mark.parametrize("frozen", LANGGRAPHS)
def test_it_is_frozen(frozen: type[Any]) -> None:
    fields = _fields(frozen)
    errors = []
    for record in (maker(frozen)(**fields), frozen(**fields)):
        with pytest.raises((AttributeError, TypeError)) as caught:
            setattr(record, next(iter(fields)), None)
        errors.append((caught.type, str(caught.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("frozen", LANGGRAPHS)
def test_every_field_is_asked_for(frozen: type[Any]) -> None:
    fields = _fields(frozen)
    fields.popitem()
    with pytest.raises(TypeError, match="missing 1 required"):
        maker(frozen)(**fields)


@dataclasses.dataclass(frozen=True)
class WithDict:
    a: int


@dataclasses.dataclass(frozen=True, slots=True)
class DoingMore:
    a: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", self.a + 1)


@dataclasses.dataclass(slots=True)
class NotFrozen:
    a: int


@dataclasses.dataclass(frozen=True, slots=True)
class Computed:
    a: int
    b: int = dataclasses.field(init=False, default=3)


class Plain:
    pass


@dataclasses.dataclass(frozen=True, slots=True)
class Derived(Computed):
    c: int = 4


@pytest.mark.parametrize("other", [WithDict, DoingMore, NotFrozen, Computed, Derived, Plain])
def test_any_other_class_makes_its_own(other: type[Any]) -> None:
    assert maker(other) is other
