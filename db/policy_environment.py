"""The values of EXECUTION_MODE, SPLIT_PERCENTAGE and POLICY_VERSION that a start saw last, for each book."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

_RECORD = text("""
    INSERT INTO policy_environment (book, variable, value) VALUES (:book, :variable, :value)
    ON CONFLICT (book, variable) DO UPDATE SET value = excluded.value, seen_at = clock_timestamp()
""")


def load(session: Session, book: str) -> dict[str, str]:
    """Return the last value of each variable that was ever set when the book's instance started."""
    query = text("SELECT variable, value FROM policy_environment WHERE book = :book")
    return {row.variable: row.value for row in session.execute(query, {"book": book})}


def record(session: Session, book: str, values: Mapping[str, str]) -> None:
    """Record the values that this start sees; variables that are unset keep their last ones."""
    for variable, value in values.items():
        session.execute(_RECORD, {"book": book, "variable": variable, "value": value})
