"""What a transaction of ours may not do to others."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db.core import migrate
from db.core.errors import SQLAlchemyError, is_outage
from db.core.session import Database
from tests.support.waiting import until

CHANGE = text("UPDATE canaries SET seen_at = clock_timestamp() WHERE queue = 'pipeline'")
ADD = text("INSERT INTO canaries (queue, sent_at, seen_at) VALUES ('pipeline', now(), now())")


def changed(database: Database) -> bool:
    """Try to change the row, and say whether that was possible."""
    try:
        with database.transaction() as session:
            session.execute(CHANGE)
    except SQLAlchemyError:
        return False
    return True


def test_a_process_that_stands_still_in_a_transaction_loses_its_locks(database_url: str) -> None:
    url = migrate.driver_url(database_url)
    still, other = Database(url, idle_timeout_s=0.5), Database(url, lock_timeout_s=0.05)
    with still.transaction() as session:
        session.execute(ADD)

    with pytest.raises(SQLAlchemyError) as lost:
        stand_still(still, until_changed_by=other)

    still.dispose()
    other.dispose()
    assert is_outage(lost.value)


def stand_still(still: Database, *, until_changed_by: Database) -> None:
    """Change the row and keep the transaction open until another one could change it too."""
    with still.transaction() as session:
        session.execute(CHANGE)
        assert not changed(until_changed_by)
        until(lambda: changed(until_changed_by), what="the lock")
        session.execute(CHANGE)
