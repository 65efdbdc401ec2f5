"""A backup that is restored after the venue went on: nothing is sold twice, and what differs is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url, text

from db import exit_incidents, incidents, verification
from domain.policy import Switch
from tasks import exit_settlement, flattening, order_reconciliation, pipeline, restored_database
from tests.support.live_book import Floor, a_floor, go_live
from tests.support.pipeline import run_all, store_signal, throw
from tests.support.servers.simulated_venue import SimulatedVenue, simulated_venue

SWITCH = "SELECT paused, flatten FROM policy_versions WHERE book = 'live' ORDER BY policy_version_id DESC LIMIT 1"
TRADE = "SELECT trade_id, experiment_id, status FROM trades WHERE NOT is_shadow"
EXITS = "SELECT attempt, state FROM orders WHERE venue = 'binance' AND intent = 'exit' ORDER BY leg, attempt"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[SimulatedVenue]:
    directory = tmp_path / "venue"
    directory.mkdir()
    with simulated_venue(directory) as made:
        yield made


@pytest.fixture
def floor(database_url: str, venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Floor]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with a_floor(database_url, venue, monkeypatch, DATA_DIR=str(tmp_path)) as made:
        go_live()
        yield made


class Backup:
    """A copy of the database, as a dump is, and its restoring in the place of the database."""

    def __init__(self, floor: Floor) -> None:
        self._floor, self._url = floor, make_url(floor.parts.settings.sqlalchemy_url)
        self._name, self._copy = str(self._url.database), f"{self._url.database}_copy"
        self._move(source=self._name, target=self._copy)

    def restore(self) -> None:
        """Put the copy in the place of the database, while nothing runs."""
        self._move(source=self._copy, target=self._name)

    def _move(self, *, source: str, target: str) -> None:
        self._floor.database.dispose()
        plain = self._url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
        names = {"source": sql.Identifier(source), "target": sql.Identifier(target)}
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {target} WITH (FORCE)").format(**names))
            connection.execute(sql.SQL("CREATE DATABASE {target} TEMPLATE {source}").format(**names))


def open_trade(floor: Floor) -> None:
    """Open a real trade, as the alert `strategy one` does."""
    floor.enter("one")
    floor.send()


def close_trade(floor: Floor) -> None:
    """Close it, as its exit alert does."""
    run_all(floor.parts, [store_signal(floor.database, book="live", strategy="one", action="exit")])
    floor.send()


def start(floor: Floor) -> None:
    """Do what a start does with the database and the venue."""
    pipeline.prepare(floor.parts.settings)


def flatten(floor: Floor) -> None:
    """Ask for a flat book, and do what its worker does each second."""
    throw(floor.database, "live", Switch.FLAT)
    for _ in range(3):
        experiments = {row["experiment_id"] for row in floor.rows(TRADE) if row["status"] == "open"}
        flattening.flatten_book(floor.parts, "live", experiments, now=floor.parts.clock.now("live"))
        floor.send()


def open_incidents(floor: Floor) -> list[tuple[str, str]]:
    with floor.database.transaction() as session:
        exit_incidents.close_finished(session)
        return [(row["kind"], row["subject"]) for row in incidents.list_open(session)]


def violations(floor: Floor) -> dict[str, tuple[str, ...]]:
    with floor.database.transaction() as session:
        return {finding.rule: finding.examples for finding in verification.check(session) if not finding.holds}


def held_at_venue(floor: Floor) -> float:
    positions = {position.symbol: position.quantity for position in floor.parts.broker("live").positions()}
    return float(positions.get("BTCUSDT", 0))


def count_exits_at_venue(floor: Floor) -> int:
    return len([fill for fill in floor.venue.ledger.list_fills() if not fill.is_buy])


def test_the_drill_open_dump_exit_restore_start_flatten_ends_flat_and_not_doubled(floor: Floor) -> None:
    before = held_at_venue(floor)
    open_trade(floor)
    backup = Backup(floor)
    close_trade(floor)
    after_exit = held_at_venue(floor)

    backup.restore()
    start(floor)
    restored_database.look_for_unknown_orders(floor.parts, "live")
    (trade,) = floor.rows(TRADE)
    at_start = open_incidents(floor), floor.rows(SWITCH), violations(floor)
    flatten(floor)

    assert at_start == (
        [("database_restored", "database"), ("restored_trade_differs", str(trade["trade_id"]))],
        [{"paused": True, "flatten": False}],
        {"restored_database_matches_its_venue": (str(trade["trade_id"]),)},
    )
    assert [row["status"] for row in floor.rows(TRADE)] == ["closed"]
    assert held_at_venue(floor) == after_exit
    assert after_exit == pytest.approx(before, abs=0.01)
    assert count_exits_at_venue(floor) == 1
    assert open_incidents(floor) == [("database_restored", "database")]
    assert violations(floor) == {}


def test_without_the_mark_the_exit_that_the_venue_has_is_found_and_tells_of_the_restore(
    floor: Floor, tmp_path: Path
) -> None:
    open_trade(floor)
    backup = Backup(floor)
    close_trade(floor)

    backup.restore()
    (tmp_path / "venue_mark.json").unlink()
    start(floor)
    unnoticed = open_incidents(floor)
    flatten(floor)

    assert unnoticed == []
    assert count_exits_at_venue(floor) == 1
    assert [row["status"] for row in floor.rows(TRADE)] == ["closed"]
    assert open_incidents(floor) == [("database_restored", "database")]


def test_without_the_mark_the_first_check_of_positions_finds_what_the_venue_has_and_pauses(
    floor: Floor, tmp_path: Path
) -> None:
    open_trade(floor)
    backup = Backup(floor)
    close_trade(floor)
    backup.restore()
    (tmp_path / "venue_mark.json").unlink()
    start(floor)

    restored_database.look_for_unknown_orders(floor.parts, "live")

    assert [kind for kind, _ in open_incidents(floor)] == ["restored_trade_differs", "database_restored"]
    assert floor.rows(SWITCH) == [{"paused": True, "flatten": False}]


def test_an_exit_whose_second_attempt_filled_is_not_sent_again_and_is_found(floor: Floor) -> None:
    open_trade(floor)
    backup = Backup(floor)
    floor.venue.fault("reject")
    close_trade(floor)
    retry_refused(floor)
    exits_before = floor.rows(EXITS)

    backup.restore()
    start(floor)
    close_trade(floor)
    refused = floor.rows(EXITS)
    retry_refused(floor)

    assert exits_before == [{"attempt": 1, "state": "rejected"}, {"attempt": 2, "state": "filled"}]
    assert refused == [{"attempt": 1, "state": "rejected"}]
    assert floor.rows(EXITS) == exits_before
    assert count_exits_at_venue(floor) == 1


def retry_refused(floor: Floor) -> None:
    """Send a refused exit again, as after its pause."""
    with floor.database.transaction() as session:
        session.execute(text("UPDATE orders SET next_check_at = clock_timestamp() WHERE state = 'rejected'"))
    exit_settlement.send_owed_exits(floor.parts, [row["experiment_id"] for row in floor.rows(TRADE)])
    floor.send()


def test_an_entry_that_was_sent_after_the_dump_is_found_and_not_sent_again(floor: Floor) -> None:
    floor.enter("one")
    backup = Backup(floor)
    floor.send()

    backup.restore()
    start(floor)
    floor.send()
    doubted = floor.rows("SELECT state FROM orders WHERE venue = 'binance'")
    order_reconciliation.reconcile(floor.parts, "live")

    assert doubted == [{"state": "submitting"}]
    assert floor.rows("SELECT state FROM orders WHERE venue = 'binance'") == [{"state": "filled"}]
    assert len(floor.venue.ledger.list_fills()) == 1
    assert violations(floor) == {}


def test_a_usual_restart_pauses_nothing_and_sends_exits_as_before(floor: Floor) -> None:
    open_trade(floor)

    start(floor)
    restored_database.look_for_unknown_orders(floor.parts, "live")
    close_trade(floor)
    start(floor)

    assert open_incidents(floor) == []
    assert floor.rows(SWITCH) == [{"paused": False, "flatten": False}]
    assert [row["status"] for row in floor.rows(TRADE)] == ["closed"]
    assert count_exits_at_venue(floor) == 1


def test_an_exit_of_a_trade_from_before_the_start_waits_while_the_venue_cannot_be_asked(floor: Floor) -> None:
    open_trade(floor)
    start(floor)
    floor.venue.fault("error_before", on="look_up", times=None, status=503)
    close_trade(floor)
    waiting = floor.rows(EXITS)
    floor.venue.clear()
    floor.send()

    assert waiting == [{"attempt": 1, "state": "resubmit_ok"}]
    assert floor.rows(EXITS) == [{"attempt": 1, "state": "filled"}]
