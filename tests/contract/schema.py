"""The database's schema, from the catalog."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

_COLUMNS = """
    SELECT table_name AS place, column_name AS name, data_type AS type, is_nullable = 'YES' AS nullable,
           column_default AS default, identity_generation AS identity,
           CASE WHEN data_type = 'numeric' THEN numeric_precision END AS precision, character_maximum_length AS length
    FROM information_schema.columns WHERE table_schema = 'public'
"""
# That a column is not null is said with the column; not every Postgres lists it among the constraints as well.
_CONSTRAINTS = """
    SELECT conrelid::regclass::text AS place, conname AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
"""
_INDEXES = """
    SELECT tablename AS place, indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'
"""
_TRIGGERS = """
    SELECT tgrelid::regclass::text AS place, tgname AS name, pg_get_triggerdef(oid) AS definition
    FROM pg_trigger WHERE NOT tgisinternal
"""
_FUNCTIONS = """
    SELECT 'functions' AS place, proname AS name, pg_get_functiondef(oid) AS definition
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def collect(database_url: str) -> dict[str, Any]:
    """Describe every table of a migrated database with what guards it, and the functions that do."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        columns, constraints, indexes, triggers, functions = (
            _by_place(connection.execute(query).fetchall())
            for query in (_COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _FUNCTIONS)
        )
    tables = {
        table: {
            "columns": described,
            "constraints": constraints.get(table, {}),
            "indexes": indexes.get(table, {}),
            "triggers": triggers.get(table, {}),
        }
        for table, described in columns.items()
    }
    return {"tables": tables, **functions}


def _by_place(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Group rows by table and name; a definition alone stands for its row, and of a column what it has."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["place"], row["name"])):
        told = {key: value for key, value in row.items() if key not in ("place", "name") and value is not None}
        found.setdefault(row["place"], {})[row["name"]] = told.get("definition", told)
    return found
