"""The migrations make exactly the tables that the models describe, from nothing, and one at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from db.core import migrate
from db.core.migrate import SchemaOutdated
from db.tables.base import Base

EmptyDatabase = Callable[[], str]

CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    ORDER BY 1, 2
"""
INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2
"""
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, identity_generation,
           numeric_precision, numeric_scale, character_maximum_length, datetime_precision
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""


def by_the_models(url: str) -> str:
    """Create the tables as the models describe them."""
    engine = create_engine(migrate.driver_url(url))
    Base.metadata.create_all(engine)
    engine.dispose()
    return url


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_an_empty_database_migrates_and_alembic_finds_no_difference_to_the_models(
    empty_database: EmptyDatabase,
) -> None:
    url = empty_database()

    migrate.upgrade(url)

    engine = create_engine(migrate.driver_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": Base.metadata}
        )
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


def test_the_migrated_schema_is_that_of_the_models(database_url: str, empty_database: EmptyDatabase) -> None:
    created = by_the_models(empty_database())

    for query in (CONSTRAINTS, INDEXES, COLUMNS):
        migrated = rows(database_url, query)
        assert len(migrated) > 20
        assert migrated == rows(created, query)


def test_a_model_that_the_migrations_forgot_would_be_noticed(empty_database: EmptyDatabase) -> None:
    url = empty_database()
    migrate.upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE orders DROP CONSTRAINT ck_orders_quantity_positive")
        connection.execute("ALTER TABLE signals ALTER COLUMN symbol TYPE varchar(20)")

    created = by_the_models(empty_database())

    assert set(rows(created, CONSTRAINTS)) - set(rows(url, CONSTRAINTS)) == {
        ("orders", "ck_orders_quantity_positive", "CHECK ((quantity > (0)::numeric))")
    }
    assert {row[:2] for row in set(rows(created, COLUMNS)) - set(rows(url, COLUMNS))} == {("signals", "symbol")}


def test_no_column_cuts_a_text_or_a_number_and_every_time_has_a_zone(database_url: str) -> None:
    narrow = [
        row[:3]
        for row in rows(database_url, COLUMNS)
        if row[2] in ("character varying", "character", "timestamp without time zone", "real", "double precision")
        or (row[2] == "numeric" and (row[7], row[8]) != (None, None))
    ]

    assert narrow == []


def test_every_constraint_has_a_name_of_ours(database_url: str) -> None:
    kinds = {"pk", "uq", "ck", "fk"}

    unnamed = [
        name
        for table, name, definition in rows(database_url, CONSTRAINTS)
        if not definition.startswith("NOT NULL") and not name.startswith(tuple(f"{kind}_{table}" for kind in kinds))
    ]

    assert unnamed == []


def test_two_migrations_at_once_both_succeed(empty_database: EmptyDatabase) -> None:
    url = empty_database()

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(migrate.upgrade, url) for _ in range(2)]:
            one.result(timeout=60)

    migrate.check_current(url)
    assert len(rows(url, "SELECT version_num FROM alembic_version")) == 1


def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = rows(database_url, COLUMNS)

    migrate.upgrade(database_url)

    assert rows(database_url, COLUMNS) == before


def test_the_lock_of_a_migration_is_given_back(empty_database: EmptyDatabase) -> None:
    url = empty_database()

    migrate.upgrade(url)

    assert (
        rows(
            url,
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        == []
    )


def test_a_database_without_a_schema_says_what_to_run(empty_database: EmptyDatabase) -> None:
    with pytest.raises(SchemaOutdated, match=r"at schema none, needed is \w+: run `orchestrator migrate`"):
        migrate.check_current(empty_database())


def test_a_database_with_another_schema_says_which_and_what_to_run(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'before'")

    with pytest.raises(SchemaOutdated, match=r"at schema before, needed is .* `orchestrator migrate`"):
        migrate.check_current(database_url)


def test_tables_whose_rows_change_all_the_time_have_vacuum_settings_of_their_own(database_url: str) -> None:
    options = "SELECT relname FROM pg_class WHERE reloptions::text LIKE '%fillfactor%autovacuum_vacuum_scale_factor%'"

    assert {name for (name,) in rows(database_url, options)} == {
        "signals",
        "orders",
        "trades",
        "canaries",
        "periodic_runs",
    }
