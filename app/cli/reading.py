"""How data commands read: one read-only moment of the database, or one line that says why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli import Problem, opened
from db.errors import ProgrammingError
from db.session import Session

_OLD_SCHEMA = frozenset({"42P01", "42703"})


@contextmanager
def snapshot(data_dir: Path | None) -> Iterator[Session]:
    """Open the effective database for reading.

    Raises:
        Problem: when it cannot be reached, or has no table or column that this version needs.
    """
    with opened(data_dir) as (_, database):
        try:
            with database.snapshot() as session:
                yield session
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) in _OLD_SCHEMA:
                raise Problem("the database has another schema than this version: run `orchestrator migrate`") from None
            raise
