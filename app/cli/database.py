"""Access of commands to the database; a database that cannot be used ends the command with one line that says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.cli import CommandError
from config import settings as configuration
from config.settings import Settings
from db.core.errors import is_outage, lacks_schema
from db.core.session import Database, Session
from stack.servers import open_database as effective_settings


@contextmanager
def open_database(data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    """Open the effective database: that of DATABASE_URL, else the running stack's, else a server for the duration.

    Raises:
        CommandError: when it cannot be reached, or lacks a table or column that this version needs.
    """
    with effective_settings(configuration.load(), data_dir=data_dir) as settings:
        database = Database(settings.sqlalchemy_url, pool_size=1)
        try:
            yield settings, database
        except Exception as error:
            if is_outage(error) or lacks_schema(error):
                raise _to_command_error(error) from None
            raise
        finally:
            database.dispose()


@contextmanager
def open_snapshot(data_dir: Path | None) -> Iterator[Session]:
    """Open the effective database for reading, in one read-only transaction; raises as `open_database` does."""
    with open_database(data_dir) as (_, database), database.snapshot() as session:
        yield session


@contextmanager
def open_current_database(data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    """Open the effective database for a command that changes something.

    Raises:
        CommandError: when it cannot be reached, or has another schema than this version.
    """
    from db.core import migrate  # noqa: PLC0415 - alembic takes a while to load, and commands that only read need none

    with open_database(data_dir) as (settings, database):
        try:
            migrate.check_current(settings.sqlalchemy_url)
        except migrate.SchemaOutdated as error:
            raise CommandError(str(error)) from None
        yield settings, database


def _to_command_error(error: Exception) -> CommandError:
    """Describe an error of a database that cannot be reached or has another schema."""
    from db.core.migrate import HOW_TO_MIGRATE, describe_error  # noqa: PLC0415 - only needed on failure, and it loads alembic

    if is_outage(error):
        return CommandError(f"DATABASE_URL: the database cannot be used: {describe_error(error)}")
    return CommandError(f"the database has another schema than this version: {HOW_TO_MIGRATE}")
