"""The database's errors, for those who catch them without knowing what talks to it."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

__all__ = [
    "DBAPIError",
    "InterfaceError",
    "OperationalError",
    "PoolTimeout",
    "ProgrammingError",
    "SQLAlchemyError",
    "is_outage",
    "lacks_schema",
]


_OUTAGES = ("08", "53", "57", "58")  # no connection, no resources (a full disk), shutting down, the system's own errors
_LACKS = frozenset({"42P01", "42703"})  # a table, a column


def is_outage(error: BaseException) -> bool:
    """Say whether an error means that the database is away or cannot work, rather than that a statement is bad."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or (isinstance(error, OperationalError) and (state or "57")[:2] in _OUTAGES)


def lacks_schema(error: BaseException) -> bool:
    """Say whether an error means that the database lacks a table or column that a statement names."""
    return isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) in _LACKS
