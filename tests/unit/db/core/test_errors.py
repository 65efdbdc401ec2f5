"""Which errors of the database are nobody's fault."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from db.core.errors import is_outage


@pytest.mark.parametrize(
    "cause",
    [
        errors.DiskFull,
        errors.OutOfMemory,
        errors.TooManyConnections,
        errors.AdminShutdown,
        errors.CannotConnectNow,
        errors.ConnectionFailure,
        errors.IoError,
        psycopg.OperationalError,
    ],
)
def test_a_database_that_is_away_or_cannot_work_is_an_outage(cause: type[psycopg.Error]) -> None:
    assert is_outage(OperationalError("SELECT 1", {}, cause("as it says")))


def test_a_database_that_was_made_read_only_is_an_outage() -> None:
    assert is_outage(InternalError("INSERT", {}, errors.ReadOnlySqlTransaction("as it says")))


@pytest.mark.parametrize("cause", [errors.DeadlockDetected, errors.LockNotAvailable])
def test_a_statement_that_lost_against_another_is_no_outage(cause: type[psycopg.Error]) -> None:
    assert not is_outage(OperationalError("SELECT 1", {}, cause("as it says")))


def test_a_row_that_is_refused_is_no_outage() -> None:
    assert not is_outage(IntegrityError("INSERT", {}, errors.UniqueViolation("twice")))
    assert not is_outage(ValueError("not the database's"))
