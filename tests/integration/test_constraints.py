"""What the database itself refuses, by the name of the constraint, and what it keeps exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.core import migrate
from db.core.session import Database
from db.tables.base import Base
from domain.decision import EngineSlot, Verdict
from domain.study import ExitClock
from stack.servers import ServerUrls
from tests.conftest import with_database
from tests.support.builders import rows, trade_rows

A, B = EngineSlot.A, EngineSlot.B
LATER = rows.MONDAY + timedelta(days=2)
NEW = "a new value"

# (table, what differs from a row that is there, the constraint that refuses the copy)
DUPLICATES = [
    ("signals", {"seq": 999_999}, "pk_signals"),
    ("signal_events", {"written_by": NEW}, "pk_signal_events"),
    ("market_contexts", {"context_id": NEW}, "uq_market_contexts_signal_id"),
    ("experiments", {"experiment_id": NEW}, "uq_experiments_signal_id"),
    ("execution_policies", {"policy_id": NEW}, "uq_execution_policies_experiment_id"),
    ("decisions", {"decision_id": NEW}, "uq_decisions_experiment_id_engine"),
    ("trades", {"trade_id": NEW}, "uq_trades_experiment_id_engine_is_shadow"),
    ("orders", {"order_id": NEW, "attempt": 2}, "uq_orders_client_order_id"),
    (
        "orders",
        {"order_id": NEW, "client_order_id": NEW},
        "uq_orders_trade_id_exit_clock_intent_leg_attempt",
    ),
    ("fills", {"fill_id": NEW}, "uq_fills_venue_venue_fill_id"),
    ("trade_outcomes", {"outcome_id": NEW, "engine": "B", "is_shadow": False}, "uq_trade_outcomes_trade_id_exit_clock"),
    (
        "trade_outcomes",
        {"outcome_id": NEW, "trade_id": None},
        "uq_trade_outcomes_experiment_id_engine_is_shadow_exit_clock",
    ),
    ("paper_ledger", {}, "pk_paper_ledger"),
    ("exit_results", {}, "pk_exit_results"),
    ("late_bars", {}, "pk_late_bars"),
    ("quotes", {}, "pk_quotes"),
    ("studies", {"study_id": NEW, "name": NEW}, "uq_studies_one_running"),
    ("studies", {"study_id": NEW, "status": "closed"}, "uq_studies_book_name"),
    ("policy_versions", {"policy_version_id": 999_999}, "uq_policy_versions_book_label"),
    ("sources", {"name": NEW}, "uq_sources_token_hash"),
    ("audit_log", {"entry_id": 2}, "uq_audit_log_entry_hash"),
    ("audit_log", {"entry_hash": NEW}, "pk_audit_log"),
    ("canaries", {}, "pk_canaries"),
    ("policy_environment", {"value": NEW}, "pk_policy_environment"),
    ("incidents", {"incident_id": NEW}, "uq_incidents_one_open"),
    ("notifications", {"attempts": 1}, "pk_notifications"),
    ("users", {"role": "viewer"}, "pk_users"),
    ("web_sessions", {"address": NEW}, "pk_web_sessions"),
    ("api_tokens", {"token_id": NEW}, "uq_api_tokens_token_hash"),
    ("accounts", {"venue": NEW}, "pk_accounts"),
    ("instruments", {"multiplier": 7}, "pk_instruments"),
    ("live_switches", {"reason": NEW}, "pk_live_switches"),
    ("exchange_answers", {"problem": NEW}, "pk_exchange_answers"),
    ("periodic_runs", {"every_s": 2}, "pk_periodic_runs"),
    ("quarantine_refusals", {"refused": 2}, "pk_quarantine_refusals"),
]

RULES = [
    ("orders", {"venue": "ccxt:binance"}, "ck_orders_real_venue_only_live"),
    ("orders", {"quantity": 0}, "ck_orders_quantity_positive"),
    ("orders", {"leg": 1}, "ck_orders_entry_is_leg_zero"),
    ("orders", {"exit_clock": "own"}, "ck_orders_entry_counts_on_both"),
    ("orders", {"state": "lost"}, "ck_orders_state_known"),
    ("fills", {"quantity": -1}, "ck_fills_quantity_positive"),
    ("fills", {"price": 0}, "ck_fills_price_positive"),
    ("fills", {"fee": -1}, "ck_fills_fee_not_negative"),
    ("fills", {"rate": 0}, "ck_fills_rate_positive"),
    ("trades", {"multiplier": None}, "ck_trades_traded_has_multiplier"),
    ("trades", {"rate": 0}, "ck_trades_rate_positive"),
    ("instruments", {"multiplier": 0}, "ck_instruments_multiplier_positive"),
    ("trades", {"status": "denied"}, "ck_trades_denied_has_reason"),
    ("trade_outcomes", {"exit_time": None}, "ck_trade_outcomes_prices_and_times_together"),
    ("experiments", {"bucket": 1_000_000}, "ck_experiments_bucket_known"),
    ("experiments", {"split_percentage": 50}, "ck_experiments_split_is_a_share"),
    ("execution_policies", {"executed_engine": "B"}, "ck_execution_policies_a_primary_executes_a"),
    (
        "execution_policies",
        {"executed_engine": "BOTH", "execution_mode": "VARIANT_PRIMARY"},
        "ck_execution_policies_both_only_when_split",
    ),
    ("execution_policies", {"execution_mode": "SHADOW_ONLY"}, "ck_execution_policies_shadow_only_executes_none"),
    ("decisions", {"plan": None, "action": "ENTER"}, "ck_decisions_enter_has_plan"),
    ("signals", {"processed": False}, "ck_signals_done_is_processed"),
    ("signals", {"stage": 4}, "ck_signals_processed_is_finished"),
    (
        "signals",
        {"processing_lock": NEW, "lock_expires_at": "2030-01-01T00:00Z"},
        "ck_signals_processed_is_finished",
    ),
    ("signals", {"processing_lock": NEW}, "ck_signals_lock_has_expiry"),
    ("signals", {"direction": "sideways"}, "ck_signals_direction_known"),
    ("books", {"book": "elsewhere"}, "ck_books_name_says_kind"),
    ("books", {"book": "replay", "kind": "replay"}, "ck_books_replay_has_cursor"),
    ("bars", {"high": 1}, "ck_bars_range_holds_prices"),
    ("sources", {"confidence_scale": 7}, "ck_sources_confidence_scale_known"),
    ("sources", {"sizing": 0}, "ck_sources_sizing_is_a_share"),
    ("sources", {"sizing": 2}, "ck_sources_sizing_is_a_share"),
    ("signals", {"position_before": "up"}, "ck_signals_position_before_known"),
    ("signals", {"position_after": "up"}, "ck_signals_position_after_known"),
    ("books", {"live_account": "an account"}, "ck_books_only_live_has_account"),
    ("accounts", {"name": NEW, "key_encrypted": None}, "ck_accounts_keys_together"),
    ("users", {"role": "owner"}, "ck_users_role_known"),
    ("notifications", {"event": "noticed"}, "ck_notifications_event_known"),
    ("sources", {"pyramiding": 0}, "ck_sources_pyramiding_positive"),
    ("exchange_answers", {"instrument_kind": "bond"}, "ck_exchange_answers_instrument_kind_known"),
    ("exit_results", {"result": "lost"}, "ck_exit_results_result_known"),
    ("exit_results", {"result": "missed", "waits_since": "2030-01-01T00:00Z"}, "ck_exit_results_only_closing_waits"),
]


@pytest.fixture(scope="module")
def database(server_urls: ServerUrls, template_database: str) -> Iterator[Database]:
    """Give one database with one complete story in it; what tests add is rolled back."""
    name = f"orchestrator_constraints_{uuid4().hex[:8]}"
    with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
        database = Database(migrate.driver_url(with_database(server_urls.database_url, name)))
        with database.transaction() as session:
            a_story(session)
        yield database
        database.dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Give a transaction that leaves nothing behind."""
    with database.transaction() as session:
        yield session
        session.rollback()


def a_story(session: Session) -> None:
    """Store one signal that engine A traded for real, with everything that followed, and one bar."""
    terms = rows.some_terms(session)
    judged = rows.a_decided_entry(session, terms, verdicts={A: Verdict.ENTER, B: Verdict.HOLD})
    exits = dict.fromkeys(ExitClock, (LATER, Decimal("1.3")))
    trade_rows.a_closed_trade(session, judged, A, exit_at=exits)
    trade_rows.a_closed_trade(session, judged, A, is_shadow=False, exit_at=exits)
    trade_rows.no_trade(session, judged, B)
    session.execute(
        text("INSERT INTO bars VALUES ('paper', 'EURUSD', '', 'forex', '1h', 'mid', :at, :end, 2, 3, 1, 2, NULL)"),
        {"at": rows.MONDAY, "end": rows.MONDAY + timedelta(hours=1)},
    )
    session.execute(text("INSERT INTO audit_log VALUES (1, now(), 'me', 'policy.paused', 'paper', '', '{}', '', 'h')"))
    session.execute(text("INSERT INTO order_events (order_id, to_state) SELECT order_id, state FROM orders"))
    session.execute(text("INSERT INTO signal_events SELECT signal_id, 1, gen_random_uuid() FROM signals"))
    session.execute(
        text("""
            INSERT INTO late_bars (book, symbol, exchange, instrument_kind, interval, side, open_time)
            SELECT book, symbol, exchange, instrument_kind, interval, side, open_time FROM bars
        """)
    )
    session.execute(text("INSERT INTO exit_results (signal_id, result) SELECT signal_id, 'closes' FROM signals"))
    session.execute(text("INSERT INTO periodic_runs (entry, every_s) VALUES ('an entry', 1)"))
    session.execute(text("INSERT INTO quarantine_refusals (source, refused) SELECT name, 1 FROM sources LIMIT 1"))
    session.execute(text("INSERT INTO exchange_answers VALUES ('BINANCE', 'BTCUSDT', 'spot', 'binance', NULL)"))
    session.execute(text("INSERT INTO canaries VALUES ('pipeline', now(), NULL)"))
    session.execute(text("INSERT INTO policy_environment VALUES ('paper', 'POLICY_VERSION', 'v1')"))
    session.execute(text("INSERT INTO incidents (kind, subject, detail) VALUES ('order_missing', 'x', '{}')"))
    session.execute(text("INSERT INTO notifications (incident_id, event) SELECT incident_id, 'opened' FROM incidents"))
    session.execute(text("INSERT INTO users (name, role, password_hash) VALUES ('me', 'admin', 'h')"))
    session.execute(text("INSERT INTO web_sessions VALUES ('h', 'me', '', '', now(), now(), now())"))
    session.execute(text("INSERT INTO api_tokens (label, user_name, token_hash, scopes) VALUES ('', 'me', 'h', '[]')"))
    session.execute(text("INSERT INTO accounts VALUES ('an account', 'alpaca', 'k', 's')"))
    session.execute(text("INSERT INTO live_switches (account, actor, reason) VALUES ('an account', 'me', '')"))


def copy(session: Session, table: str, changes: dict[str, Any], *, where: str | None = None) -> dict[str, Any]:
    """Insert a copy of a row with changes and return it as it is stored."""
    where = where or COPIED.get(table, "true")
    given = {name: str(uuid4()) if value == NEW else value for name, value in changes.items()}
    query = text(f"""
        INSERT INTO {table} OVERRIDING SYSTEM VALUE
        SELECT (jsonb_populate_record(one, cast(:given AS jsonb))).* FROM {table} AS one WHERE {where}
        ORDER BY one.* LIMIT 1 RETURNING *
    """)
    found = session.execute(query, {"given": json.dumps(given, default=str)}).mappings().one()
    return dict(found)


def constraint_of(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a statement ran into."""
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag.constraint_name


# Which row of a table is copied, where it matters.
COPIED = {
    "trade_outcomes": "trade_id IS NOT NULL AND is_shadow",
    "decisions": "action = 'ENTER'",
    "orders": "intent = 'entry' AND venue = 'model'",
}


@pytest.mark.property_id(6, 24)
@pytest.mark.parametrize(("table", "changes", "constraint"), DUPLICATES)
def test_a_second_row_for_the_same_thing_is_refused(
    session: Session, table: str, changes: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError) as caught:
        copy(session, table, changes)

    assert constraint_of(caught.value) == constraint


@pytest.mark.parametrize(("table", "changes", "constraint"), RULES)
def test_a_row_that_breaks_a_rule_is_refused(
    session: Session, table: str, changes: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError) as caught:
        copy(session, table, changes)

    assert constraint_of(caught.value) == constraint


@pytest.mark.property_id(12)
def test_a_real_venue_is_allowed_in_the_live_book_only(session: Session) -> None:
    rows.a_book(session, "live")
    rows.a_book(session, "test")
    order = {"order_id": NEW, "client_order_id": NEW, "venue": "ccxt:binance", "attempt": 2}

    live = copy(session, "orders", order | {"book": "live"})
    with pytest.raises(IntegrityError) as caught:
        copy(session, "orders", order | {"book": "test", "attempt": 3})

    assert (live["venue"], live["book"]) == ("ccxt:binance", "live")
    assert constraint_of(caught.value) == "ck_orders_real_venue_only_live"


KEPT = (
    "signals",
    "signal_events",
    "orders",
    "order_events",
    "webhook_events",
    "audit_log",
    "live_switches",
    "policy_versions",
)


@pytest.mark.parametrize("table", KEPT)
def test_what_happened_cannot_be_emptied_away(session: Session, table: str) -> None:
    with pytest.raises(IntegrityError, match=f"TRUNCATE on {table} is refused"):
        session.execute(text(f"TRUNCATE {table} CASCADE"))


@pytest.mark.parametrize("table", ["orders", "order_events", "signal_events", "policy_versions"])
def test_what_happened_in_a_standing_book_cannot_be_deleted(session: Session, table: str) -> None:
    with pytest.raises(IntegrityError, match=f"DELETE on {table} is refused"):
        session.execute(text(f"DELETE FROM {table}"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE order_events SET detail = 'x'",
        "UPDATE audit_log SET reason = 'x'",
        "UPDATE signal_events SET owned_by = written_by",
        "UPDATE policy_versions SET paused = false",
    ],
)
def test_events_audit_and_policies_are_never_changed(session: Session, change: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text(change))


@pytest.mark.parametrize(
    "state", ["intent", "submitting", "accepted", "partial", "unknown", "resubmit_ok", "manual_review"]
)
def test_a_trade_has_one_open_exit_on_a_clock(session: Session, state: str) -> None:
    exit_ = {"order_id": NEW, "client_order_id": NEW, "state": state}
    own = "exit_clock = 'own'"
    copy(session, "orders", exit_ | {"leg": 2}, where=own)
    copy(session, "orders", exit_ | {"leg": 2, "exit_clock": "synchronized"}, where=own)

    with pytest.raises(IntegrityError) as caught:
        copy(session, "orders", exit_ | {"leg": 3, "state": "intent"}, where=own)

    assert constraint_of(caught.value) == "uq_orders_one_open_exit"


@pytest.mark.parametrize("state", ["filled", "cancelled", "rejected", "expired", "denied"])
def test_an_exit_that_ended_leaves_room_for_the_next(session: Session, state: str) -> None:
    exit_ = {"order_id": NEW, "client_order_id": NEW, "state": state}
    own = "exit_clock = 'own'"

    made = [copy(session, "orders", exit_ | {"leg": leg}, where=own) for leg in (2, 3)]

    assert [one["leg"] for one in made] == [2, 3]


def test_a_repeated_attempt_is_another_order(session: Session) -> None:
    again = copy(session, "orders", {"order_id": NEW, "client_order_id": NEW, "attempt": 2})

    assert again["attempt"] == 2


NUMBERS = st.decimals(Decimal("1e-40"), Decimal("1e40"), allow_nan=False) | st.sampled_from(
    [Decimal("1e-60"), Decimal("1e60"), Decimal("9" * 60), Decimal("0." + "1" * 60), Decimal("12345678901234567890.1")]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50) | st.sampled_from(
    ["x" * 10_000, "Ω" * 3000, "'; DROP TABLE trades; --", "\\", "{}"]
)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive

# The free columns of each table: those a rule does not bind to others.
FREE: dict[str, tuple[dict[str, Any], list[str], list[str], list[str]]] = {
    "signals": (
        {"seq": 999_999, "signal_id": NEW},
        ["price", "confidence"],
        ["strategy", "symbol", "exchange", "signal_hash", "content_hash", "dialect", "last_error", "timeframe"],
        ["timestamp", "event_at", "received_at", "next_attempt_at", "enqueued_at", "stored_at"],
    ),
    "trades": (
        {"trade_id": NEW, "engine": "B"},
        ["quantity", "lot"],
        ["source", "strategy", "symbol", "exchange"],
        ["entry_at", "time_limit_at", "evaluated_to"],
    ),
    "orders": (
        {"order_id": NEW, "attempt": 2},
        ["quantity", "fraction"],
        ["reason", "client_order_id"],
        ["created_at"],
    ),
    "fills": ({"fill_id": NEW}, ["quantity", "price", "fee"], ["venue_fill_id", "fill_model"], ["filled_at"]),
    "trade_outcomes": (
        {"outcome_id": NEW, "engine": "B", "trade_id": None, "is_shadow": False},
        ["entry_price", "exit_price", "pnl", "return_ratio"],
        ["exit_reason"],
        ["entry_time", "exit_time"],
    ),
    "quotes": ({"quote_id": NEW}, ["bid", "ask", "last"], ["symbol", "exchange"], ["at"]),
}
WHOLE = {"signals": ["sequence"]}


@pytest.mark.property_id(42)
@pytest.mark.parametrize("table", FREE)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_extreme_numbers_texts_and_times_survive(database: Database, table: str, data: st.DataObject) -> None:
    fixed, numbers, texts, times = FREE[table]
    drawn: dict[str, Any] = {name: data.draw(NUMBERS) for name in numbers}
    drawn |= {name: data.draw(TEXTS) for name in texts}
    drawn |= {name: data.draw(TIMES) for name in times}
    drawn |= {name: data.draw(st.integers(-(2**63), 2**63 - 1)) for name in WHOLE.get(table, [])}

    with database.transaction() as session:
        stored = copy(session, table, fixed | drawn)
        session.rollback()

    assert {name: stored[name] for name in drawn} == drawn


def test_every_table_has_a_duplicate_that_is_refused_or_is_a_list_of_events() -> None:
    events = {
        "books",
        "bars",
        "bar_windows",
        "database_starts",
        "order_events",
        "task_failures",
        "webhook_events",
    }

    assert {table for table, *_ in DUPLICATES} | events == set(Base.metadata.tables)
