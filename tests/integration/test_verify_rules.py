"""Each rule of `verify` against a healthy book and against the one mutant that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from db import audit, verification
from db.core import migrate
from db.core.session import Database
from domain import fills
from domain.decision import EngineSlot, Verdict
from domain.policy import ExecutionMode
from domain.signal import Action, Direction, Stage
from domain.study import ExitClock
from stack.servers import ServerUrls
from tests.conftest import with_database
from tests.support.builders import rows, trade_rows

A, B = EngineSlot.A, EngineSlot.B
BOTH_ENTER = {A: Verdict.ENTER, B: Verdict.ENTER}
LATER = rows.MONDAY + timedelta(days=2)

AT_A_VENUE = """
    INSERT INTO books (book, kind) VALUES ('live', 'live');
    INSERT INTO accounts (name, venue) VALUES ('an account', 'ccxt:binance');
    UPDATE signals SET book = 'live'; UPDATE studies SET book = 'live'; UPDATE policy_versions SET book = 'live';
    UPDATE trades SET book = 'live'; UPDATE orders SET book = 'live'; UPDATE quotes SET book = 'live';
    UPDATE orders SET venue = 'ccxt:binance' WHERE trade_id = :real;
    UPDATE fills SET venue = 'ccxt:binance' WHERE trade_id = :real;
    INSERT INTO order_events (order_id, to_state)
    SELECT order_id, 'intent' FROM orders WHERE trade_id = :real AND intent = 'entry';
    INSERT INTO order_events (order_id, from_state, to_state)
    SELECT order_id, 'intent', 'submitting' FROM orders WHERE trade_id = :real AND intent = 'entry';
    INSERT INTO order_events (order_id, from_state, to_state)
    SELECT order_id, 'submitting', 'filled' FROM orders WHERE trade_id = :real AND intent = 'entry';
"""
WENT_LIVE = """
    INSERT INTO live_switches (account, actor, reason, at) VALUES ('an account', 'me', '', now() - interval '2 hours');
    UPDATE books SET live_account = 'an account' WHERE book = 'live';
"""
LEFT = """
    INSERT INTO live_switches (account, actor, reason, at) VALUES (NULL, 'me', '', now() - interval '1 hour');
    UPDATE books SET live_account = NULL WHERE book = 'live';
"""

# The exit alert `exit_done` is the last word about the real trade `held`, which only counts outside the test book.
ON_PAPER = """
    UPDATE signals SET book = 'paper'; UPDATE studies SET book = 'paper'; UPDATE policy_versions SET book = 'paper';
    UPDATE trades SET book = 'paper'; UPDATE orders SET book = 'paper'; UPDATE quotes SET book = 'paper';
    UPDATE signals SET symbol = 'USDJPY' WHERE signal_id IN (:waiting, :exit_waiting);
"""
TOLD = """
    INSERT INTO incidents (kind, subject, detail)
    VALUES ('exit_missed', 'x', jsonb_build_object('trades', jsonb_build_array(cast(:held AS text))))
"""
BEING_CLOSED = "UPDATE trades SET close_requested_at = now() WHERE trade_id = :held"
UNREAD = """
    INSERT INTO webhook_events (event_id, source, book, kind, received_at, raw_body, content_type, errors)
    SELECT gen_random_uuid(), source, 'paper', 'quarantined', now(), '', '', '{}' FROM trades WHERE trade_id = :held
"""
OUTDATED = """UPDATE signals SET flags = '["outdated"]' WHERE signal_id = :exit_done"""

ENTRY_QUOTE = "SELECT quote_id FROM orders WHERE trade_id = :b_model AND intent = 'entry'"

# Of the primary experiment: `e` is its id, `signal` its signal, `real` and `b_model` the real trade of A and the model
# trade of B. Of the others: `shadow_e`, `hold_e` and `split_e`, and `open_trade`, B's model trade in `shadow_e`.
MUTANTS = [
    (
        "signals_accounted",
        "UPDATE signals SET next_attempt_at = clock_timestamp() + interval '30 days' WHERE signal_id = :waiting",
    ),
    ("signals_accounted", "UPDATE signals SET stage = 5 WHERE signal_id = :exit_waiting"),
    (
        "an_alert_is_stored_once",
        """UPDATE signals SET signal_hash = (SELECT signal_hash FROM signals WHERE signal_id = :waiting)
        WHERE signal_id = :exit_waiting""",
    ),
    (
        "stages_are_written_by_the_owner",
        "INSERT INTO signal_events VALUES (:exit_done, 5, gen_random_uuid(), gen_random_uuid())",
    ),
    ("stages_are_written_by_the_owner", "INSERT INTO signal_events VALUES (:exit_done, 5, gen_random_uuid(), NULL)"),
    (
        "orders_move_as_they_may",
        """INSERT INTO order_events (order_id, from_state, to_state)
        SELECT order_id, 'filled', 'submitting' FROM orders WHERE trade_id = :real;
        INSERT INTO order_events (order_id, from_state, to_state)
        SELECT order_id, 'submitting', 'filled' FROM orders WHERE trade_id = :real""",
    ),
    (
        "orders_move_as_they_may",
        """INSERT INTO order_events (order_id, to_state) SELECT order_id, 'intent' FROM orders WHERE trade_id = :real;
        INSERT INTO order_events (order_id, from_state, to_state)
        SELECT order_id, 'intent', 'filled' FROM orders WHERE trade_id = :real""",
    ),
    (
        "no_entry_begins_under_the_switch",
        """UPDATE policy_versions SET paused = true, created_at = now() - interval '1 hour';
        INSERT INTO order_events (order_id, to_state)
        SELECT order_id, 'intent' FROM orders WHERE trade_id = :real AND intent = 'entry';
        INSERT INTO order_events (order_id, from_state, to_state)
        SELECT order_id, 'intent', 'submitting' FROM orders WHERE trade_id = :real AND intent = 'entry';
        INSERT INTO order_events (order_id, from_state, to_state)
        SELECT order_id, 'submitting', 'filled' FROM orders WHERE trade_id = :real AND intent = 'entry'""",
    ),
    ("no_entry_begins_at_a_venue_unless_live", AT_A_VENUE),
    ("no_entry_begins_at_a_venue_unless_live", AT_A_VENUE + WENT_LIVE + LEFT),
    (
        "live_is_what_its_history_says",
        """INSERT INTO accounts (name, venue) VALUES ('an account', 'ccxt:binance');
        INSERT INTO books (book, kind, live_account) VALUES ('live', 'live', 'an account')""",
    ),
    (
        "order_state_is_its_last_event",
        "INSERT INTO order_events (order_id, to_state) SELECT order_id, 'intent' FROM orders WHERE trade_id = :real",
    ),
    (
        "processed_is_finished",
        """ALTER TABLE signals DROP CONSTRAINT ck_signals_processed_is_finished;
        UPDATE signals SET processing_lock = gen_random_uuid(), lock_expires_at = now() WHERE signal_id = :exit_done""",
    ),
    (
        "processed_is_finished",
        """ALTER TABLE signals DROP CONSTRAINT ck_signals_done_is_processed;
        UPDATE signals SET processed = false WHERE signal_id = :exit_done""",
    ),
    ("dead_has_letter", "UPDATE signals SET status = 'dead' WHERE signal_id = :waiting"),
    ("books_agree", "UPDATE quotes SET book = 'test' WHERE quote_id = (SELECT quote_id FROM quotes LIMIT 1)"),
    ("books_agree", "UPDATE signals SET book = 'test' WHERE signal_id = :signal"),
    ("test_and_replay_never_live", "UPDATE signals SET is_test = true WHERE signal_id = :exit_done"),
    (
        "test_and_replay_never_live",
        """ALTER TABLE orders DROP CONSTRAINT ck_orders_real_venue_only_live;
        UPDATE orders SET venue = 'ccxt:binance' WHERE trade_id = :real;
        UPDATE fills SET venue = 'ccxt:binance' WHERE trade_id = :real""",
    ),
    ("one_context_per_signal", "UPDATE signals SET stage = 1 WHERE signal_id = :waiting"),
    (
        "one_context_per_signal",
        """ALTER TABLE market_contexts DROP CONSTRAINT uq_market_contexts_signal_id;
        INSERT INTO market_contexts SELECT (jsonb_populate_record(c, jsonb_build_object(
            'context_id', gen_random_uuid()))).* FROM market_contexts c WHERE signal_id = :signal""",
    ),
    ("one_experiment", "UPDATE signals SET action = 'exit' WHERE signal_id = :signal"),
    ("one_experiment", "UPDATE signals SET experiment_id = NULL WHERE signal_id = :signal"),
    ("one_policy", "DELETE FROM execution_policies WHERE experiment_id = :hold_e"),
    ("policy_version_agrees", "UPDATE execution_policies SET policy_version = 'v9' WHERE experiment_id = :hold_e"),
    (
        "decisions_share_context_hash",
        "UPDATE decisions SET context_hash = 'other' WHERE experiment_id = :hold_e AND engine = 'B'",
    ),
    ("both_decisions_present", "DELETE FROM decisions WHERE experiment_id = :hold_e AND engine = 'B'"),
    (
        "enter_has_trade_or_denial",
        """UPDATE decisions SET action = 'ENTER', plan = '{}', side = 'long', quantity = 1
        WHERE experiment_id = :hold_e AND engine = 'B'""",
    ),
    (
        "allowed_real_has_trade_or_denial",
        """UPDATE execution_policies SET execution_mode = 'ENGINE_A_PRIMARY', executed_engine = 'A',
            allocations = '{"A": "1"}' WHERE experiment_id = :shadow_e""",
    ),
    (
        "sides_end_or_trade",
        "DELETE FROM trade_outcomes WHERE experiment_id = :hold_e AND engine = 'A' AND exit_clock = 'own'",
    ),
    ("assignment_recomputes", "UPDATE experiments SET bucket = 999999 - bucket WHERE experiment_id = :hold_e"),
    ("assignment_recomputes", "UPDATE signals SET signal_hash = 'ab' WHERE signal_id = :signal"),
    ("context_hash_recomputes", "UPDATE market_contexts SET current_price = 2 WHERE signal_id = :signal"),
    ("context_hash_recomputes", "UPDATE market_contexts SET bid = 2 WHERE signal_id = :signal"),
    ("context_hash_recomputes", """UPDATE bar_windows SET document = '{"base": null, "higher": "none"}'"""),
    (
        "shadow_only_no_real_orders",
        """UPDATE execution_policies SET execution_mode = 'SHADOW_ONLY', executed_engine = 'NONE', allocations = '{}'
        WHERE experiment_id = :e""",
    ),
    (
        "primary_one_engine",
        """UPDATE execution_policies SET execution_mode = 'ENGINE_B_PRIMARY', executed_engine = 'B',
            allocations = '{"B": "1"}' WHERE experiment_id = :e;
        INSERT INTO trades SELECT (jsonb_populate_record(t, jsonb_build_object('trade_id', gen_random_uuid(),
            'engine', 'B', 'status', 'denied', 'denial', 'no_quote'))).* FROM trades t WHERE trade_id = :real""",
    ),
    (
        "primary_one_engine",
        """UPDATE execution_policies p SET execution_mode = 'VARIANT_PRIMARY',
            executed_engine = CASE e.variant WHEN 'A' THEN 'B' ELSE 'A' END
        FROM experiments e WHERE e.experiment_id = p.experiment_id AND p.experiment_id = :hold_e""",
    ),
    ("split_fits_allocation", "UPDATE decisions SET quantity = 99 WHERE experiment_id = :split_e AND engine = 'A'"),
    (
        "split_fits_allocation",
        """UPDATE execution_policies SET allocations = '{"A": "1", "B": "0.1"}' WHERE experiment_id = :hold_e""",
    ),
    ("real_fits_decision", "UPDATE decisions SET quantity = 99 WHERE experiment_id = :e AND engine = 'A'"),
    (
        "only_enter_trades",
        "UPDATE decisions SET action = 'HOLD', plan = NULL WHERE experiment_id = :shadow_e AND engine = 'B'",
    ),
    ("opened_by_fills", "UPDATE trades SET quantity = 101 WHERE trade_id = :b_model"),
    (
        "closed_not_more_than_opened",
        """INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', gen_random_uuid(),
            'client_order_id', 'twice', 'intent', 'exit', 'exit_clock', 'own', 'leg', 1, 'side', 'buy',
            'quantity', 101))).* FROM orders o WHERE trade_id = :open_trade;
        INSERT INTO fills SELECT (jsonb_populate_record(f, jsonb_build_object('fill_id', gen_random_uuid(),
            'venue_fill_id', 'twice', 'order_id', o.order_id, 'intent', 'exit', 'exit_clock', 'own', 'side', 'buy',
            'quantity', 101))).* FROM fills f JOIN orders o USING (trade_id)
        WHERE trade_id = :open_trade AND o.client_order_id = 'twice'""",
    ),
    (
        "client_order_ids_are_unique",
        """ALTER TABLE orders DROP CONSTRAINT uq_orders_client_order_id;
        UPDATE orders SET client_order_id = 'same' WHERE trade_id = :b_model""",
    ),
    (
        "client_order_ids_are_unique",
        "UPDATE orders SET quantity = 99 WHERE trade_id = :b_model AND intent = 'exit'",
    ),
    ("filled_means_filled", "UPDATE orders SET quantity = 101 WHERE trade_id = :b_model AND intent = 'exit'"),
    ("filled_means_filled", "UPDATE orders SET state = 'rejected' WHERE trade_id = :b_model AND intent = 'exit'"),
    ("fills_are_their_orders", "UPDATE orders SET side = 'sell' WHERE trade_id = :b_model AND intent = 'entry'"),
    (
        "ledgers_keep_their_venues",
        """UPDATE orders SET venue = 'model' WHERE trade_id = :real;
        UPDATE fills SET venue = 'model' WHERE trade_id = :real""",
    ),
    (
        "attempts_follow_refusals",
        """INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', gen_random_uuid(),
            'client_order_id', 'again', 'attempt', 2, 'state', 'rejected'))).*
        FROM orders o WHERE trade_id = :real AND intent = 'entry'""",
    ),
    ("paper_fills_are_in_the_ledger", "DELETE FROM paper_ledger"),
    ("paper_fills_are_in_the_ledger", "UPDATE paper_ledger SET fills = '[]'"),
    (
        "sync_exits_same_time_same_quote_same_fraction",
        "UPDATE orders SET fraction = 0.5 WHERE trade_id = :b_model AND exit_clock = 'synchronized'",
    ),
    (
        "sync_exits_same_time_same_quote_same_fraction",
        "UPDATE orders SET quote_id = :another_quote WHERE trade_id = :real AND exit_clock = 'synchronized'",
    ),
    (
        "sync_exits_same_time_same_quote_same_fraction",
        """UPDATE fills SET filled_at = filled_at + interval '1 second'
        WHERE trade_id = :b_model AND exit_clock = 'synchronized';
        UPDATE trade_outcomes SET exit_time = exit_time + interval '1 second'
        WHERE trade_id = :b_model AND exit_clock = 'synchronized'""",
    ),
    ("closed_trades_have_outcomes", "DELETE FROM trade_outcomes WHERE trade_id = :b_model AND exit_clock = 'own'"),
    (
        "closed_trades_have_outcomes",
        """UPDATE trades SET status = 'open' WHERE trade_id = :b_model;
        DELETE FROM trade_outcomes WHERE trade_id = :b_model AND exit_clock = 'own'""",
    ),
    (
        "outcomes_follow_fills",
        """UPDATE fills SET quantity = 99 WHERE trade_id = :b_model AND exit_clock = 'own';
        UPDATE orders SET quantity = 99 WHERE trade_id = :b_model AND exit_clock = 'own'""",
    ),
    ("pnl_recomputes_from_fills", "UPDATE trades SET multiplier = 2 WHERE trade_id = :real"),
    ("pnl_recomputes_from_fills", "UPDATE fills SET fee = fee + 1 WHERE trade_id = :real AND intent = 'exit'"),
    (
        "pnl_recomputes_from_fills",
        """UPDATE trades SET currency = 'EUR', conversion = 'stored', rate = 1.1 WHERE trade_id = :real;
        UPDATE fills SET currency = 'EUR', rate = 1.1 WHERE trade_id = :real""",
    ),
    ("pnl_recomputes_from_fills", "UPDATE trade_outcomes SET holding_cost = 1 WHERE trade_id = :real"),
    ("fills_have_rates", "UPDATE fills SET currency = 'EUR' WHERE trade_id = :real"),
    (
        "fills_have_rates",
        """UPDATE trades SET currency = 'JPY' WHERE trade_id = :real;
        UPDATE fills SET currency = 'JPY' WHERE trade_id = :real""",
    ),
    ("fills_have_rates", "UPDATE trades SET conversion = 'own_price' WHERE trade_id = :real"),
    (
        "fills_have_rates",
        """UPDATE trades SET currency = 'EUR', conversion = 'stored', rate = 1.1 WHERE trade_id = :real;
        UPDATE fills SET currency = 'EUR' WHERE trade_id = :real""",
    ),
    (
        "pnl_recomputes_from_fills",
        "UPDATE fills SET fee = fee + 0.0000000001 WHERE trade_id = :b_model AND exit_clock = 'own'",
    ),
    (
        "prices_recompute_from_fills",
        "UPDATE trade_outcomes SET exit_price = exit_price + 0.001 WHERE trade_id = :b_model AND exit_clock = 'own'",
    ),
    (
        "returns_recompute",
        "UPDATE trade_outcomes SET return_ratio = return_ratio * 1.001 WHERE trade_id = :real",
    ),
    (
        "no_fill_before_its_signal",
        f"UPDATE quotes SET at = at - interval '1 hour' WHERE quote_id IN ({ENTRY_QUOTE})",
    ),
    (
        "exits_come_after_entries",
        "UPDATE trades SET entry_at = entry_at + interval '30 days' WHERE trade_id = :b_model",
    ),
    (
        "entries_fill_at_a_price_that_could_be_traded",
        f"""UPDATE fills SET price_basis = 'close' WHERE quote_id IN ({ENTRY_QUOTE});
        UPDATE quotes SET basis = 'close' WHERE quote_id IN ({ENTRY_QUOTE})""",
    ),
    ("fills_have_the_origin_of_their_quote", "UPDATE fills SET price_basis = 'alert' WHERE trade_id = :b_model"),
    # The fee of the builder's fills is no fee of the model, whose version the others do not have.
    ("fills_recompute_from_quotes", f"UPDATE fills SET fill_model = '{fills.DEFAULT.version}' WHERE trade_id = :real"),
    (
        "bars_do_not_overlap",
        """INSERT INTO bars (book, symbol, exchange, instrument_kind, interval, side, open_time, close_time,
            open, high, low, close)
        SELECT 'test', 'EURUSD', '', 'forex', '1h', 'mid', opened, opened + interval '1 hour', 1, 1, 1, 1
        FROM (VALUES (now()), (now() + interval '59 minutes')) AS opens(opened)""",
    ),
    ("open_trades_follow_their_source", ON_PAPER),
    ("only_pending_trades_wait_for_a_price", "UPDATE trades SET status = 'pending' WHERE trade_id = :open_trade"),
    (
        "restored_database_matches_its_venue",
        """INSERT INTO incidents (kind, subject, detail) VALUES ('restored_trade_differs', 'a trade',
            jsonb_build_object('trades', jsonb_build_array('a trade')))""",
    ),
    ("audit_chain", "UPDATE audit_log SET reason = 'another' WHERE entry_id = 2"),
    ("audit_chain", "DELETE FROM audit_log WHERE entry_id = 2"),
]


@pytest.fixture(scope="module")
def database(server_urls: ServerUrls, template_database: str) -> Iterator[Database]:
    """Give one database for all mutants; each lives in a transaction that is rolled back."""
    name = f"orchestrator_mutants_{uuid4().hex[:8]}"
    with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
        database = Database(migrate.driver_url(with_database(server_urls.database_url, name)))
        yield database
        database.dispose()
        connection.execute(f'DROP DATABASE "{name}"')


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Give a transaction that leaves nothing behind."""
    with database.transaction() as session:
        yield session
        session.rollback()


def test_a_healthy_book_breaks_no_rule(session: Session) -> None:
    a_healthy_book(session)

    findings = verification.check(session)

    assert [one for one in findings if not one.holds] == []


def test_every_rule_has_its_mutant_and_its_own_name() -> None:
    names = [rule.name for rule in verification.RULES]

    assert sorted(names) == sorted({rule for rule, _ in MUTANTS})


@pytest.mark.parametrize(("rule", "mutant"), MUTANTS)
def test_a_mutant_breaks_its_rule_and_no_other(session: Session, rule: str, mutant: str) -> None:
    named = a_healthy_book(session)

    mutate(session, mutant, named)
    broken = {one.rule: one for one in verification.check(session) if not one.holds}

    assert set(broken) == {rule}
    assert 1 <= len(broken[rule].examples) <= min(broken[rule].count, 5)


def a_healthy_book(session: Session) -> dict[str, object]:
    """Make experiments in three modes, one waiting signal and one exit signal; return the ids mutants name."""
    rows.a_book(session, "test")
    terms = rows.some_terms(session)
    primary = rows.a_decided_entry(session, terms, verdicts=BOTH_ENTER)
    own = {ExitClock.OWN: (LATER, Decimal("1.3")), ExitClock.SYNCHRONIZED: (LATER, Decimal("1.2"))}
    trade_rows.a_closed_trade(session, primary, A, exit_at=own)
    b_model = trade_rows.a_closed_trade(session, primary, B, exit_at=own)
    real = trade_rows.a_closed_trade(session, primary, A, is_shadow=False, exit_at=own)
    hold = rows.a_decided_entry(session, terms)
    for engine in EngineSlot:
        trade_rows.no_trade(session, hold, engine)
    shadow_terms = rows.another_policy(session, terms, mode=ExecutionMode.SHADOW_ONLY)
    shadow = rows.a_decided_entry(session, shadow_terms, verdicts=BOTH_ENTER, side=Direction.SHORT)
    trade_rows.a_closed_trade(session, shadow, A, side=Direction.SHORT, equals_own=True)
    open_trade = trade_rows.an_open_trade(session, shadow, B, side=Direction.SHORT)
    split = a_split_pair(session, terms)
    held = a_held_trade(session, terms)
    waiting = rows.a_signal_row(session, terms, stage=Stage.RECEIVED)
    exit_done = rows.a_signal_row(session, terms, action=Action.EXIT)
    exit_waiting = rows.a_signal_row(session, terms, action=Action.EXIT, stage=Stage.RECEIVED)
    for reason in ("one", "two", "three"):
        audit.append(session, actor="me", action="a", subject="b", reason=reason, detail={"n": 1}, at=LATER)
    return {
        "e": primary.experiment_id,
        "signal": primary.signal.signal_id,
        "b_model": b_model,
        "real": real,
        "hold_e": hold.experiment_id,
        "shadow_e": shadow.experiment_id,
        "open_trade": open_trade,
        "split_e": split,
        "held": held,
        "waiting": waiting.signal_id,
        "exit_done": exit_done.signal_id,
        "exit_waiting": exit_waiting.signal_id,
        "another_quote": trade_rows.a_quote(session, primary, at=LATER, price=Decimal("1.25")),
    }


def a_split_pair(session: Session, terms: rows.Terms) -> object:
    """Make an experiment in which both engines trade half of their quantity for real."""
    split_terms = rows.another_policy(session, terms, mode=ExecutionMode.SPLIT_CAPITAL)
    split = rows.a_decided_entry(session, split_terms, verdicts=BOTH_ENTER)
    for engine in EngineSlot:
        trade_rows.a_closed_trade(session, split, engine, equals_own=True)
        trade_rows.a_closed_trade(
            session, split, engine, is_shadow=False, equals_own=True, quantity=Decimal(50), share=Decimal("0.5")
        )
    return split.experiment_id


def a_held_trade(session: Session, terms: rows.Terms) -> object:
    """Make an experiment whose trades are all open; return the real one."""
    held = rows.a_decided_entry(session, terms, verdicts=BOTH_ENTER)
    for engine in EngineSlot:
        trade_rows.an_open_trade(session, held, engine)
    return trade_rows.an_open_trade(session, held, A, is_shadow=False)


def mutate(session: Session, mutant: str, named: dict[str, object]) -> None:
    """Run a mutant's statements past the triggers and foreign keys that guard against it."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in mutant.split(";"):
        session.execute(text(statement), named)


def test_an_entry_that_began_at_a_venue_while_the_book_was_live_breaks_no_rule(session: Session) -> None:
    named = a_healthy_book(session)

    mutate(session, AT_A_VENUE + WENT_LIVE, named)

    assert [one for one in verification.check(session) if not one.holds] == []


@pytest.mark.parametrize("told", [TOLD, BEING_CLOSED, UNREAD, OUTDATED])
def test_an_open_trade_against_its_source_breaks_no_rule_when_it_is_being_closed_or_told(
    session: Session, told: str
) -> None:
    named = a_healthy_book(session)

    mutate(session, ON_PAPER + told, named)

    assert [one for one in verification.check(session) if not one.holds] == []
