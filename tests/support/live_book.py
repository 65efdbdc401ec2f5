"""A live book in this process that can go live at a simulated venue, as the command line makes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.cli import cli
from config.vault import AccountVault
from db import accounts
from db.accounts import SealedKeys
from db.core.session import Database
from tasks import order_reconciliation, order_submission
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal, with_engines
from tests.support.servers.processes import SECRET_KEY
from tests.support.servers.simulated_venue import KEY, SECRET, SimulatedVenue

BROKER = "ccxt:binance"
WAITING = "SELECT order_id FROM orders WHERE venue = 'binance' AND state IN ('intent', 'resubmit_ok')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A live book in this process, at a simulated venue, with the account `main` whose keys are stored."""

    parts: Parts
    venue: SimulatedVenue

    @property
    def database(self) -> Database:
        """The database."""
        return self.parts.database

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return rows as dictionaries."""
        return rows(self.database, query)

    def enter(self, strategy: str) -> UUID:
        """Store an entry of the live book and take it through its stages; its order waits for `send`."""
        signal_id = store_signal(self.database, book="live", strategy=strategy)
        run_all(self.parts, [signal_id])
        return signal_id

    def send(self) -> None:
        """Do what a worker does with each order that waits."""
        for one in self.rows(WAITING):
            order_reconciliation.settle_reported_trades(
                self.parts, order_submission.submit_single_order(self.parts, one["order_id"])
            )


@contextmanager
def a_floor(database_url: str, venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch, **more: str) -> Iterator[Floor]:
    """Give a prepared floor that the command line of this process finds; the book is not live yet."""
    environ = {"BROKER": BROKER, "VENUE_URL": venue.url, "SECRET_KEY": SECRET_KEY} | more
    for name, value in (environ | {"DATABASE_URL": database_url}).items():
        monkeypatch.setenv(name, value)
    parts = prepared(database_url, "redis://127.0.0.1:1", **environ)
    monkeypatch.setattr(order_submission, "enqueue_orders", lambda _: None)
    add_trend(parts.database, book="live")
    with parts.transaction() as session:
        session.execute(
            text(
                "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
                " VALUES ('real', 'live', 'y', '', 1000)"
            )
        )
        accounts.add(session, "main", venue=BROKER, keys=sealed(KEY, SECRET))
    yield Floor(parts=with_engines(parts, scripted_panel(answer_entering(), answer_entering())), venue=venue)
    parts.database.dispose()


def sealed(key: str, secret: str, *, under: str = SECRET_KEY) -> SealedKeys:
    """Return keys as they are stored, encrypted under the SECRET_KEY of the tests or another one."""
    vault = AccountVault(under)
    return SealedKeys(key=vault.seal(key), secret=vault.seal(secret))


def policy(*arguments: str, given: str | None = None) -> Result:
    """Run `orchestrator policy ARGUMENTS` with something typed."""
    return CliRunner().invoke(cli, ["policy", *arguments, "--reason", "a test"], input=given)


def go_live(*more: str, name: str = "main") -> Result:
    """Run `orchestrator policy live NAME`, confirmed."""
    return policy("live", name, "--confirm", name, *more)
