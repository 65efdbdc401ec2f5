"""How data commands open the database: one read-only moment of it, or all of it, or one line that says why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli import Problem, opened
from config.settings import Settings
from db.core.session import Database, Session


@contextmanager
def snapshot(data_dir: Path | None) -> Iterator[Session]:
    """Open the effective database for reading.

    Raises:
        Problem: when it cannot be reached, or has no table or column that this version needs.
    """
    with opened(data_dir) as (_, database), database.snapshot() as session:
        yield session


@contextmanager
def up_to_date(data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    """Open the effective database for a command that changes something.

    Raises:
        Problem: when it cannot be reached, or has another schema than this version.
    """
    from db.core import migrate  # noqa: PLC0415 - alembic takes a while to load, and those who only read do without

    with opened(data_dir) as (settings, database):
        try:
            migrate.check_current(settings.sqlalchemy_url)
        except migrate.SchemaOutdated as error:
            raise Problem(str(error)) from None
        yield settings, database
