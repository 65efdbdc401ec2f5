"""Lists in pages: a total order, and a place in it from which the next page goes on.

Rows that arrive while somebody turns pages change nothing of those that were there: each of them comes once.
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
    """A part of the order: the column of the result, its type, and the SQL that stands for it."""

    column: str
    kind: type
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """A list: what it selects, a condition for each filter, and its order, newest first unless told otherwise."""

    select: str
    conditions: Mapping[str, str]
    order: tuple[SortKey, ...]
    is_ascending: bool = False

    def place_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return where a row stands in the order."""
        return tuple(row[key.column] for key in self.order)


def load_page(
    session: Session, listing: PageQuery, *, filters: Filters, limit: int, after: Sequence[Any] | None = None
) -> list[Columns]:
    """Return up to `limit` rows that meet all filters, from the beginning or behind a place."""
    given = dict(filters) | {f"after_{number}": value for number, value in enumerate(after or ())}
    conditions = [listing.conditions[name] for name in filters]
    if after is not None:
        conditions.append(_behind(listing))
    direction = "ASC" if listing.is_ascending else "DESC"
    query = text(
        f"{listing.select} WHERE {' AND '.join(conditions) or 'true'}"
        f" ORDER BY {', '.join(f'{key.sql} {direction}' for key in listing.order)} LIMIT :page_limit"
    )
    return [dict(row) for row in session.execute(query, given | {"page_limit": limit}).mappings()]


def _behind(listing: PageQuery) -> str:
    columns = ", ".join(key.sql for key in listing.order)
    places = ", ".join(f":after_{number}" for number in range(len(listing.order)))
    return f"({columns}) {'>' if listing.is_ascending else '<'} ({places})"
