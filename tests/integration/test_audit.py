"""The audit log: entries follow each other, and whoever touches one is found out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import audit
from db.core import migrate
from db.core.session import Database

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
scalars = words | st.booleans() | st.none() | st.integers(-(10**20), 10**20)
details = st.dictionaries(words, scalars | st.lists(scalars, max_size=2), max_size=3)
entries = st.fixed_dictionaries(
    {"actor": words, "action": words, "subject": words, "reason": words, "detail": details}
    | {"at": st.integers(0, 2**50).map(lambda micros: AT + timedelta(microseconds=micros))}
)
COLUMNS = ("at", "actor", "action", "subject", "reason", "detail", "previous_hash", "entry_hash")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give the test's database."""
    database = Database(migrate.driver_url(database_url))
    yield database
    database.dispose()


def append(session: Session, **changes: Any) -> None:
    entry: dict[str, Any] = {
        "actor": "me",
        "action": "policy.paused",
        "subject": "paper",
        "reason": "a test",
        "detail": {},
        "at": AT,
    }
    audit.append(session, **(entry | changes))


def unguarded(session: Session, statement: str, **given_: Any) -> None:
    """Run a statement as somebody would who may alter the table."""
    session.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))
    session.execute(text(statement), given_)


def another(value: Any) -> Any:
    """Return a value of the same kind that differs."""
    match value:
        case datetime():
            return value + timedelta(microseconds=1)
        case dict():
            return value | {"added": 1.5}
        case _:
            return value[:-1] if value else "x"


@pytest.mark.property_id(43)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(written=st.lists(entries, min_size=2, max_size=5), data=st.data())
def test_whoever_changes_removes_or_inserts_an_entry_is_found(
    database: Database, written: list[dict[str, Any]], data: st.DataObject
) -> None:
    with database.transaction() as session:
        for one in written:
            audit.append(session, **one)
        assert list(audit.find_broken_entries(session)) == []
        target = data.draw(st.integers(1, len(written)), label="entry")
        tampering = data.draw(st.sampled_from(["change", "remove", "insert", "swap"]), label="tampering")

        tamper(session, tampering, target, last=len(written), data=data)

        assert list(audit.find_broken_entries(session))
        session.rollback()


def tamper(session: Session, how: str, target: int, *, last: int, data: st.DataObject) -> None:
    if how == "change":
        change(session, target, column=data.draw(st.sampled_from(COLUMNS), label="column"))
    elif how == "remove":
        unguarded(session, "DELETE FROM audit_log WHERE entry_id = :id", id=min(target, last - 1))
    elif how == "insert":
        place = data.draw(st.sampled_from([0, last + 1]), label="place")
        unguarded(
            session,
            "INSERT INTO audit_log SELECT :place, at, actor, action, subject, reason, detail,"
            " previous_hash, 'made up' FROM audit_log WHERE entry_id = :id",
            place=place,
            id=target,
        )
    else:
        unguarded(
            session, "UPDATE audit_log SET entry_id = CASE entry_id WHEN 1 THEN -:last ELSE entry_id END", last=last
        )


def change(session: Session, target: int, *, column: str) -> None:
    value = session.execute(text(f"SELECT {column} FROM audit_log WHERE entry_id = :id"), {"id": target}).scalar_one()
    if column == "detail":
        unguarded(
            session, """UPDATE audit_log SET detail = detail || '{"added": 1.5}' WHERE entry_id = :id""", id=target
        )
    else:
        unguarded(
            session, f"UPDATE audit_log SET {column} = :value WHERE entry_id = :id", value=another(value), id=target
        )


def test_a_number_that_becomes_a_text_is_found(database: Database) -> None:
    with database.transaction() as session:
        append(session, detail={"n": 1})
        unguarded(session, """UPDATE audit_log SET detail = '{"n": "1"}'""")

        assert list(audit.find_broken_entries(session)) == ["1"]


def test_a_detail_that_could_come_back_otherwise_is_refused(database: Database) -> None:
    with database.transaction() as session, pytest.raises(TypeError, match="float"):
        append(session, detail={"share": 1e22})


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET reason = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
def test_the_database_refuses_to_change_the_log(database: Database, statement: str) -> None:
    with database.transaction() as session:
        append(session)

    with pytest.raises(IntegrityError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))


def test_entries_that_are_written_at_once_stand_one_behind_the_other(database: Database) -> None:
    def write(number: int) -> None:
        with database.transaction() as session:
            append(session, subject=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))

    with database.transaction() as session:
        assert list(audit.find_broken_entries(session)) == []
        assert session.execute(text("SELECT count(*), max(entry_id) FROM audit_log")).one() == (24, 24)
