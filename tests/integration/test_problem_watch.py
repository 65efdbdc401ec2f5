"""People are told of problems that nobody reports by itself: one incident per cause, which ends with its cause."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import text

from db import canaries, failures, incidents
from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal
from tasks import problem_watch
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.open_positions import OpenBook, an_open_book
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal, with_engines

BROKER = "redis://127.0.0.1:1"


@pytest.fixture
def parts(database_url: str, tmp_path: Path) -> Iterator[Parts]:
    made = prepared(database_url, BROKER, DATA_DIR=str(tmp_path))
    add_trend(made.database)
    yield with_engines(made, scripted_panel(answer_entering(), answer_entering()))
    made.database.dispose()


@pytest.fixture
def book(database_url: str) -> Iterator[OpenBook]:
    made = an_open_book(database_url, count=1)
    yield made
    made.database.dispose()


def change(parts: Parts, statement: str, **given: Any) -> None:
    with parts.transaction() as session:
        session.execute(text(statement), given)


def watch(parts: Parts) -> list[tuple[str, str]]:
    """Look once; return the kind and subject of every incident that is open afterwards."""
    problem_watch.update_incidents(parts)
    with parts.transaction() as session:
        return [(row["kind"], row["subject"]) for row in incidents.list_open(session)]


def count_opened(parts: Parts, kind: str) -> int:
    return len(rows(parts.database, "SELECT FROM incidents WHERE kind = :kind", kind=kind))


def kill_signal(parts: Parts, *, trace: str = "abc") -> UUID:
    """Store a signal that was given up, with its dead letter."""
    signal_id = store_signal(parts.database)
    with parts.transaction() as session:
        session.execute(text("UPDATE signals SET status = 'dead' WHERE signal_id = :id"), {"id": signal_id})
        failures.record(
            session, signal_id, stage="dispatched", error="broken", traceback_hash=trace, attempt=5, dead=True
        )
    return signal_id


def fail(signal: Signal, context: MarketContext) -> Decision:
    raise RuntimeError("the engine is broken")


def real_trade(parts: Parts) -> UUID:
    (row,) = rows(parts.database, "SELECT trade_id FROM trades WHERE NOT is_shadow")
    trade_id: UUID = row["trade_id"]
    return trade_id


def test_a_healthy_book_with_an_open_trade_has_no_incident(book: OpenBook) -> None:
    assert watch(book.parts) == []


def test_dead_letters_of_one_cause_are_one_incident_that_ends_when_they_are_run_again(parts: Parts) -> None:
    dead = [kill_signal(parts), kill_signal(parts), kill_signal(parts, trace="def")]

    first, again = watch(parts), watch(parts)
    for signal_id in dead:
        change(parts, "UPDATE signals SET status = 'open' WHERE signal_id = :id", id=signal_id)

    assert first == again == [("signals_dead", "paper dispatched abc"), ("signals_dead", "paper dispatched def")]
    assert rows(parts.database, "SELECT detail->>'signals' AS n FROM incidents ORDER BY subject") == [
        {"n": "2"},
        {"n": "1"},
    ]
    assert watch(parts) == []


def test_dead_letters_that_a_person_leaves_dead_are_not_told_again_until_another_comes(parts: Parts) -> None:
    kill_signal(parts)
    watch(parts)
    change(parts, "UPDATE incidents SET closed_at = clock_timestamp()")

    before = watch(parts)
    kill_signal(parts)

    assert before == []
    assert watch(parts) == [("signals_dead", "paper dispatched abc")]


def test_an_engine_that_is_left_alone_is_told_until_it_answers_again(parts: Parts) -> None:
    failing = with_engines(parts, scripted_panel(answer_entering(), fail))
    for number in range(5):
        run_all(failing, [store_signal(parts.database, strategy=f"failing {number}")])

    told = watch(parts)
    run_all(parts, [store_signal(parts.database, strategy="working")])

    assert told == [("engine_left_alone", "engine_b")]
    assert watch(parts) == []


def test_four_failures_of_an_engine_are_no_incident(parts: Parts) -> None:
    failing = with_engines(parts, scripted_panel(answer_entering(), fail))
    for number in range(4):
        run_all(failing, [store_signal(parts.database, strategy=f"failing {number}")])

    assert watch(parts) == []


def test_a_policy_that_falls_to_shadow_only_is_told_until_an_entry_trades_for_real_again(parts: Parts) -> None:
    overloaded = replace(parts, settings=replace(parts.settings, overload_signals=1))
    first, second = (store_signal(parts.database, strategy=name) for name in ("one", "two"))
    run_all(overloaded, [first])

    told = watch(parts)
    run_all(parts, [second])

    assert told == [("policy_shadow_only", "paper")]
    assert watch(parts) == []


def test_work_that_waits_is_told_until_somebody_takes_it(parts: Parts) -> None:
    signal_id = store_signal(parts.database)
    change(parts, "UPDATE signals SET stored_at = now() - interval '3 min', next_attempt_at = now() - interval '3 min'")

    told = watch(parts)
    run_all(parts, [signal_id])

    assert told == [("queue_grows", "pipeline")]
    assert watch(parts) == []


def test_an_exit_that_nobody_sends_is_told_as_a_queue_that_grows(book: OpenBook) -> None:
    exit_of_real = (
        "INSERT INTO orders (order_id, client_order_id, book, trade_id, intent, exit_clock, leg, attempt, side,"
        " quantity, fraction, pricing, reason, is_final, venue, quote_id, state, created_at)"
        " SELECT gen_random_uuid(), 'late', book, trade_id, 'exit', 'synchronized', 1, 1, 'sell', quantity, 1,"
        " pricing, 'stop', true, venue, quote_id, 'intent', now() - interval '3 min'"
        " FROM orders WHERE venue = 'paper' AND intent = 'entry'"
    )

    change(book.parts, exit_of_real)

    assert watch(book.parts) == [("queue_grows", "exits")]


def test_positions_of_a_source_that_may_not_post_are_told_with_the_command_that_closes_them(book: OpenBook) -> None:
    change(book.parts, "UPDATE sources SET enabled = false WHERE name = 'tests'")

    told = watch(book.parts)
    (incident,) = rows(book.database, "SELECT detail FROM incidents")
    change(book.parts, "UPDATE sources SET enabled = true WHERE name = 'tests'")

    assert told == [("exit_unreachable", "tests")]
    assert incident["detail"]["close"] == f"orchestrator trades close {real_trade(book.parts)} --reason TEXT"
    assert watch(book.parts) == []


def test_an_exit_that_is_owed_for_long_and_that_nothing_will_make_is_told(book: OpenBook) -> None:
    own_exit = (
        "INSERT INTO orders (order_id, client_order_id, book, trade_id, intent, exit_clock, leg, attempt, side,"
        " quantity, fraction, pricing, reason, is_final, venue, quote_id, state, created_at)"
        " SELECT gen_random_uuid(), 'own', o.book, o.trade_id, 'exit', 'own', 1, 1, 'sell', o.quantity, 1, o.pricing,"
        " 'stop', true, 'model', quote_id, 'filled', now() - interval '6 min'"
        " FROM orders AS o JOIN trades USING (trade_id) WHERE engine = 'A' AND is_shadow AND intent = 'entry'"
    )
    change(book.parts, own_exit)
    recent = watch(book.parts)  # its entry was looked at a moment ago
    change(book.parts, "UPDATE orders SET next_check_at = now() - interval '6 min'")

    assert recent == []
    assert watch(book.parts) == [("exit_unreachable", str(real_trade(book.parts)))]


def test_an_order_that_waits_for_a_person_is_told_again_when_its_incident_was_closed(book: OpenBook) -> None:
    change(book.parts, "UPDATE orders SET state = 'manual_review' WHERE venue = 'paper'")

    told = watch(book.parts)
    change(book.parts, "UPDATE orders SET state = 'filled' WHERE venue = 'paper'")

    assert told == [("exit_unreachable", str(real_trade(book.parts)))]
    assert watch(book.parts) == []


def test_bars_that_stop_coming_for_an_open_position_are_told_until_one_comes(book: OpenBook) -> None:
    change(
        book.parts,
        "UPDATE trades SET created_at = now() - interval '2 hours 20 min', entry_at = now() - interval '3 hours'",
    )

    told = watch(book.parts)
    change(
        book.parts,
        "INSERT INTO bars (book, symbol, exchange, instrument_kind, interval, side, open_time, close_time, open, high,"
        " low, close) VALUES ('paper', 'BTCUSDT', '', 'unknown', '1h', 'mid', now() - interval '70 min',"
        " now() - interval '10 min', 1, 1, 1, 1)",
    )

    assert told == [("bars_stopped", "paper:BINANCE:BTCUSDT")]
    assert watch(book.parts) == []


def test_bars_of_a_position_that_was_opened_just_now_may_still_come(book: OpenBook) -> None:
    change(book.parts, "UPDATE trades SET created_at = now() - interval '2 hours', entry_at = now() - interval '2 h'")

    assert watch(book.parts) == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_that_is_nearly_full_is_told_until_clearly_more_is_free(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for free in (101, 99, 110, 121):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(1000, 1000 - free, free))
        told.append(watch(parts))

    low = [("disk_low", "data directory")]
    assert told == [[], low, low, []]
    assert count_opened(parts, "disk_low") == 1


def test_the_incident_about_an_order_ends_when_its_state_is_known(book: OpenBook) -> None:
    (order,) = rows(book.database, "SELECT order_id FROM orders WHERE venue = 'paper'")
    change(book.parts, "UPDATE orders SET state = 'unknown', not_after = now() WHERE venue = 'paper'")
    with book.parts.transaction() as session:
        for kind in ("order_unknown", "order_manual_review"):
            incidents.open_(session, kind=kind, subject=str(order["order_id"]), detail={})

    during = watch(book.parts)
    change(book.parts, "UPDATE orders SET state = 'filled' WHERE venue = 'paper'")

    assert during == [("order_unknown", str(order["order_id"]))]
    assert watch(book.parts) == []


def test_a_queue_that_is_silent_is_an_incident_until_it_answers(parts: Parts) -> None:
    def late() -> list[tuple[str, str]]:
        with parts.transaction() as session:
            canaries.update_incidents(session, canaries.list_late(session, parts.settings))
            return [(row["kind"], row["subject"]) for row in incidents.list_open(session)]

    with parts.transaction() as session:
        canaries.record_sent(session, ["exits", "orders"], parts.settings)
        session.execute(text("UPDATE canaries SET seen_at = now() - interval '1 h' WHERE queue = 'exits'"))

    silent = late()
    with parts.transaction() as session:
        canaries.record_seen(session, "exits")

    assert silent == [("queue_silent", "exits")]
    assert late() == []


def test_replays_and_test_alerts_are_left_out(parts: Parts) -> None:
    change(parts, "UPDATE sources SET book = 'test'")
    store_signal(parts.database, book="test")
    change(parts, "UPDATE signals SET stored_at = now() - interval '1 h', next_attempt_at = now() - interval '1 h'")

    assert watch(parts) == []
