"""Database errors, for callers that must not depend on SQLAlchemy, and their classification."""

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


_OUTAGES = ("08", "53", "57", "58")  # SQLSTATE classes: connection, resources (a full disk), shutdown, system errors
# A database that an administrator, or a full disk, or a failover has made read-only; psycopg has no outage of it.
_READ_ONLY = "25006"
_UNDEFINED = frozenset({"42P01", "42703"})  # SQLSTATE of an undefined table and column


def is_outage(error: BaseException) -> bool:
    """Return whether an error means that the database is unreachable or cannot work, not that a statement is wrong."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return (
        error.connection_invalidated
        or state == _READ_ONLY
        or (isinstance(error, OperationalError) and (state or "57")[:2] in _OUTAGES)
    )


def lacks_schema(error: BaseException) -> bool:
    """Return whether an error means that the database lacks a table or column that a statement names."""
    return isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) in _UNDEFINED
