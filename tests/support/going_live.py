"""Going live, as an operator does it, for tests whose live book trades at a venue."""

from __future__ import annotations

from db import accounts, live
from db.core.session import Database

ACCOUNT = "tests"
ACTOR, REASON = "tests", "a test"


def go_live(database: Database, *, venue: str) -> None:
    """Let the live book trade on an account whose keys the environment gives."""
    with database.transaction() as session:
        accounts.add(session, ACCOUNT, venue=venue, keys=None)
        live.switch_on(session, ACCOUNT, actor=ACTOR, reason=REASON)


def return_to_it(database: Database) -> None:
    """Let the live book trade on its account again."""
    with database.transaction() as session:
        live.switch_on(session, ACCOUNT, actor=ACTOR, reason=REASON)


def leave(database: Database, *, keep_open: bool = False) -> None:
    """Let no entry of the live book begin at its venue any more."""
    with database.transaction() as session:
        live.switch_off(session, actor=ACTOR, reason=REASON, keep_open=keep_open)
