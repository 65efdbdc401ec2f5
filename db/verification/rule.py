"""Verification rules: an invariant with its name, its promise in words, and a way to find the rows that violate it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationFinding:
    """Result of checking one rule: the number of rows that violate it, and up to five of their ids."""

    rule: str
    promise: str
    count: int
    examples: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether no row violates the rule."""
        return self.count == 0


class VerificationRule(Protocol):
    """One invariant of the database."""

    name: str

    def find(self, session: Session) -> VerificationFinding:
        """Find the rows that violate the rule."""
        ...


class QueryRule:
    """Rule whose SQL selects the ids of the rows that violate it, in one column named `id`."""

    def __init__(self, name: str, promise: str, sql: str) -> None:
        self.name = name
        self._promise = promise
        self._sql = text(f"""
            WITH violations AS (SELECT DISTINCT id::text AS id FROM ({sql}) AS selected)
            SELECT (SELECT count(*) FROM violations) AS violation_count,
                   ARRAY(SELECT id FROM violations ORDER BY id LIMIT {EXAMPLES}) AS examples
        """)

    def find(self, session: Session) -> VerificationFinding:
        """Run the query and count the ids."""
        row = session.execute(self._sql).one()
        return VerificationFinding(
            rule=self.name, promise=self._promise, count=row.violation_count, examples=tuple(row.examples)
        )


class RecomputationRule:
    """Rule that recomputes stored values in Python; its function yields the ids of the rows that violate it."""

    def __init__(self, name: str, promise: str, find_violations: Callable[[Session], Iterable[str]]) -> None:
        self.name = name
        self._promise = promise
        self._find_violations = find_violations

    def find(self, session: Session) -> VerificationFinding:
        """Recompute all values and count the ids."""
        ids = sorted(self._find_violations(session))
        return VerificationFinding(
            rule=self.name, promise=self._promise, count=len(ids), examples=tuple(ids[:EXAMPLES])
        )
