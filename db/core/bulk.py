"""Inserts of many rows in one statement: the rows travel as one JSON document, which is faster than row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from db.tables.base import Base

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_JSON = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


def insert(session: Session, row_type: type[Base], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Insert rows with the same columns, in their order; a row that violates a unique constraint is left out.

    Values may be text, numbers, decimals, UUIDs, aware times, booleans, None, and JSON values for jsonb columns.

    Returns:
        The primary keys of the rows that were new (the first column of the key).
    """
    if not rows:
        return []
    table = row_type.__table__
    assert isinstance(table, Table)  # noqa: S101 - our rows are mapped to plain tables
    return list(session.execute(_build_insert(table, tuple(rows[0])), {"rows": _JSON.encode(rows).decode()}).scalars())


@lru_cache(maxsize=64)
def _build_insert(table: Table, names: tuple[str, ...]) -> TextClause:
    """Return the statement that inserts rows with these columns from a JSON document, `:rows`."""
    columns = ", ".join(f'"{name}"' for name in names)
    types = ", ".join(f'"{name}" {table.c[name].type.compile(_DIALECT)}' for name in names)
    key = next(iter(table.primary_key)).name
    return text(
        f"INSERT INTO {table.name} ({columns})"
        f" SELECT {columns} FROM json_to_recordset(cast(:rows AS json)) AS given({types})"
        f" ON CONFLICT DO NOTHING RETURNING {key}"
    )
