"""Migrations of the schema: one process at a time, with lock and statement timeouts."""

from __future__ import annotations

import re
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

DATABASE_ERRORS = (SQLAlchemyError,)
HOW_TO_MIGRATE = "run `orchestrator migrate`; `orchestrator up` migrates a server of its own when it starts"
_ADVISORY_LOCK = 7_263_401_955
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


class SchemaOutdated(RuntimeError):
    """The database's schema is not the one this code was written for."""


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest schema; concurrent calls wait for each other."""
    engine = create_engine(driver_url(url), connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.commit()
        try:
            config = build_alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
            connection.commit()
    engine.dispose()


def check_current(url: str) -> None:
    """Check that the database has the newest schema.

    Raises:
        SchemaOutdated: when it has not; the message names both versions and the command to run.
    """
    head = ScriptDirectory.from_config(build_alembic_config()).get_current_head()
    engine = create_engine(driver_url(url), connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    if present != head:
        raise SchemaOutdated(f"the database is at schema {present or 'none'}, needed is {head}: {HOW_TO_MIGRATE}")


def build_alembic_config() -> Config:
    """Return the Alembic configuration of the migration scripts."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def driver_url(url: str) -> str:
    """Return a libpq URL with the name of SQLAlchemy's psycopg driver."""
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)


def describe_error(error: Exception) -> str:
    """Return the first line of a database error's message; the rest repeats the statement."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]
