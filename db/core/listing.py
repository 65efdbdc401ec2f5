"""Lists in pages: each query has a total order, and the next page begins behind the last row of the one before.

Rows that are inserted while pages are read do not move the others: each of those is on exactly one page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

Columns = dict[str, Any]
Filters = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """Part of the sort order: the column of the result, its type, and the SQL expression."""

    column: str
    kind: type
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """Query of a list: its SELECT, a condition for each filter, and its order, descending unless `is_ascending`."""

    select: str
    conditions: Mapping[str, str]
    order: tuple[SortKey, ...]
    is_ascending: bool = False

    def sort_values_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the sort values of a row, behind which the next page begins."""
        return tuple(row[key.column] for key in self.order)


def load_page(
    session: Session, query: PageQuery, *, filters: Filters, limit: int, after: Sequence[Any] | None = None
) -> list[Columns]:
    """Return up to `limit` rows that meet all filters, from the beginning or behind the sort values `after`."""
    parameters = dict(filters) | {f"after_{number}": value for number, value in enumerate(after or ())}
    conditions = [query.conditions[name] for name in filters]
    if after is not None:
        conditions.append(_build_condition_after(query))
    direction = "ASC" if query.is_ascending else "DESC"
    statement = text(
        f"{query.select} WHERE {' AND '.join(conditions) or 'true'}"
        f" ORDER BY {', '.join(f'{key.sql} {direction}' for key in query.order)} LIMIT :page_limit"
    )
    return [dict(row) for row in session.execute(statement, parameters | {"page_limit": limit}).mappings()]


def _build_condition_after(query: PageQuery) -> str:
    """Return the SQL condition for rows behind the sort values `:after_0`, `:after_1` ..."""
    columns = ", ".join(key.sql for key in query.order)
    places = ", ".join(f":after_{number}" for number in range(len(query.order)))
    return f"({columns}) {'>' if query.is_ascending else '<'} ({places})"
