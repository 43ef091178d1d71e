"""What a run of the suite found: per bullet, per level, and the gaps."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from langgraph_engine import upstream
from langgraph_engine.conformance.behaviors import behaviors
from langgraph_engine.protocol import PROTOCOL_VERSION, Engine

__all__ = ["Report", "claims_of"]


def claims_of(marks: Iterable[Any]) -> list[str]:
    """The bullets quoted by ``behavior`` marks."""
    return [claim for mark in marks for claim in mark.args]


@dataclass
class Report:
    """Collects the outcome of every test.

    Attributes:
        engine: The engine under test.
        profile: How long the property tests searched.
        levels: Level to outcome to number of tests.
        bullets: Behavior bullet to outcome to number of tests.
        gaps: Missing capability to the tests it kept from running.
        failures: The tests that failed.
    """

    engine: Engine
    profile: str
    levels: dict[str, Counter[str]] = field(default_factory=dict)
    bullets: dict[str, Counter[str]] = field(default_factory=dict)
    gaps: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(
        self,
        *,
        test: str,
        level: str,
        claims: Iterable[str],
        outcome: str,
        missing: Collection[str],
    ) -> None:
        """Count one test.

        Args:
            test: Its name.
            level: Its level.
            claims: The bullets it proves.
            outcome: ``passed``, ``failed``, ``skipped`` or ``gap``.
            missing: The capabilities it lacked, for a gap.
        """
        self.levels.setdefault(level, Counter())[outcome] += 1
        for claim in claims:
            self.bullets.setdefault(claim, Counter())[outcome] += 1
        for capability in missing:
            self.gaps.setdefault(capability, []).append(test)
        if outcome == "failed":
            self.failures.append(test)

    def verdict(self, bullet: str) -> str:
        """``failed``, ``passed``, ``gap`` or ``not run``."""
        counts = self.bullets.get(bullet, Counter())
        for outcome in ("failed", "passed", "gap"):
            if counts[outcome]:
                return outcome
        return "not run"

    def lines(self) -> Iterator[str]:
        """The summary people read."""
        yield f"engine {self.engine.name} {self.engine.version}, profile {self.profile}"
        for level, counts in sorted(self.levels.items()):
            yield f"  {level}: {', '.join(f'{n} {outcome}' for outcome, n in sorted(counts.items()))}"
        verdicts = Counter(self.verdict(bullet) for bullet in behaviors())
        counted = ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items()))
        yield f"  Behavior bullets: {counted}"
        for capability, tests in sorted(self.gaps.items()):
            yield f"  gap: {capability} is not declared; {len(tests)} tests need it"

    def json(self) -> str:
        """The same for machines, with the versions it holds for."""
        content = {
            "engine": {
                "name": self.engine.name,
                "version": self.engine.version,
                "protocol_version": self.engine.protocol_version,
                "capabilities": sorted(self.engine.capabilities),
            },
            "versions": {
                "protocol": PROTOCOL_VERSION,
                "langgraph": upstream.langgraph_version,
                "langgraph_engine": _own_version(),
                "python": platform.python_version(),
                "implementation": platform.python_implementation(),
            },
            "profile": self.profile,
            "levels": {level: dict(sorted(c.items())) for level, c in sorted(self.levels.items())},
            "behaviors": {
                bullet: {
                    "verdict": self.verdict(bullet),
                    **dict(sorted(self.bullets.get(bullet, Counter()).items())),
                }
                for bullet in behaviors()
            },
            "gaps": {capability: sorted(tests) for capability, tests in sorted(self.gaps.items())},
            "failures": sorted(self.failures),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _own_version() -> str:
    try:
        return metadata.version("langgraph-engine")
    except metadata.PackageNotFoundError:
        return "not installed"
