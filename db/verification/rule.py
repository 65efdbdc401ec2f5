"""What a rule is: a name, a promise in words, and a way to find what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationFinding:
    """What one rule found: how many rows break it, and up to five of their ids."""

    rule: str
    promise: str
    count: int
    examples: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing breaks the rule."""
        return self.count == 0


class VerificationRule(Protocol):
    """One invariant."""

    name: str

    def find(self, session: Session) -> VerificationFinding:
        """Look for what breaks the rule."""
        ...


class QueryRule:
    """A rule whose SQL selects the ids of what breaks it, in one column named `id`."""

    def __init__(self, name: str, promise: str, sql: str) -> None:
        self.name = name
        self._promise = promise
        self._sql = text(f"""
            WITH broken AS (SELECT DISTINCT id::text AS id FROM ({sql}) AS found)
            SELECT (SELECT count(*) FROM broken) AS broken_count,
                   ARRAY(SELECT id FROM broken ORDER BY id LIMIT {EXAMPLES}) AS examples
        """)

    def find(self, session: Session) -> VerificationFinding:
        """Run the query."""
        row = session.execute(self._sql).one()
        return VerificationFinding(
            rule=self.name, promise=self._promise, count=row.broken_count, examples=tuple(row.examples)
        )


class RecomputationRule:
    """A rule that recomputes stored values in Python; its function yields the ids of what breaks it."""

    def __init__(self, name: str, promise: str, broken: Callable[[Session], Iterable[str]]) -> None:
        self.name = name
        self._promise = promise
        self._broken = broken

    def find(self, session: Session) -> VerificationFinding:
        """Recompute everything."""
        ids = sorted(self._broken(session))
        return VerificationFinding(
            rule=self.name, promise=self._promise, count=len(ids), examples=tuple(ids[:EXAMPLES])
        )
