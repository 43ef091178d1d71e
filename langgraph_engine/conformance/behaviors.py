"""The Behavior bullets of the protocol: what there is to prove.

They are read from the docstrings of ``langgraph_engine.protocol``, ``execute``, ``meeting`` and ``message_reducer``, so
a bullet added there without a test fails the suite. Scenarios and tests quote a bullet as ``"<method>: <bullet>"``, without backticks.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from langgraph_engine import execute, meeting, message_reducer, protocol

__all__ = ["behaviors", "behaviors_of", "unproven", "unquotable"]

_HEADING = "Behavior:"
_CONTRACTS = (
    protocol.Engine,
    protocol.Program,
    protocol.Run,
    protocol.PlanningRun,
    execute.Execution,
    meeting.Meeting,
    message_reducer.MessageEngine,
)


def behaviors() -> list[str]:
    """Every bullet of the protocol, in the order they stand there."""
    return [bullet for contract in _CONTRACTS for bullet in behaviors_of(contract)]


def behaviors_of(contract: type) -> list[str]:
    """The bullets of one class's methods.

    >>> class Door:
    ...     def open(self):
    ...         '''Open it.
    ...
    ...         Behavior:
    ...             - A ``locked`` door stays
    ...               shut.
    ...             - It creaks.
    ...
    ...         Returns:
    ...             - nothing
    ...         '''
    >>> behaviors_of(Door)
    ['open: A locked door stays shut.', 'open: It creaks.']
    """
    return [
        f"{name}: {bullet}"
        for name, method in vars(contract).items()
        if inspect.isfunction(method)
        for bullet in _bullets(inspect.getdoc(method) or "")
    ]


def _bullets(docstring: str) -> Iterator[str]:
    lines = docstring.splitlines()
    if _HEADING not in lines:
        return
    bullet = ""
    for line in lines[lines.index(_HEADING) + 1 :]:
        text = line.strip()
        if not text or not line.startswith(" "):
            break
        if text.startswith("- "):
            if bullet:
                yield bullet
            bullet = text[2:].replace("``", "")
        else:
            bullet = f"{bullet} {text}".replace("``", "")
    if bullet:
        yield bullet


def unproven(claims: Iterable[str]) -> list[str]:
    """The bullets no scenario and no test quotes."""
    claimed = set(claims)
    return [bullet for bullet in behaviors() if bullet not in claimed]


def unquotable(claims: Iterable[str]) -> list[str]:
    """The claims that quote no bullet, sorted: the contract was reworded, or the quote is wrong."""
    return sorted(set(claims).difference(behaviors()))
