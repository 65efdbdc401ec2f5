"""Ways to take one guard out of the product: each changes this process or this test's database, never the product."""

from __future__ import annotations

from types import ModuleType

import pytest
from sqlalchemy import text

from db import intake, signals, submissions
from db.core import states
from db.submissions import DueOrder
from domain.trade import OrderState
from tasks import order_reconciliation
from tests.fault.mutants.harness import Desk

_EFFECTS = (
    "signals",
    "market_contexts",
    "experiments",
    "execution_policies",
    "decisions",
    "trades",
    "orders",
    "fills",
    "trade_outcomes",
)
_KEYS = """
    SELECT conrelid::regclass::text AS holder, conname FROM pg_constraint
    WHERE contype IN ('p', 'u') AND connamespace = 'public'::regnamespace AND conrelid::regclass::text = ANY(:tables)
"""
_TOKEN = " AND processing_lock = :lock"
_SWITCH = "WHEN rule.paused THEN 'paused'"
_LIVE = "WHEN o.venue NOT IN ('model', 'paper') AND books.live_account IS NULL THEN 'not_live'"
_SENDABLE = states.SENDABLE_ORDERS
_ON_CONFLICT = "ON CONFLICT (signal_id) DO NOTHING"


def no_unique_keys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let signals and every effect of them be stored twice."""
    for key in desk.rows(_KEYS, tables=list(_EFFECTS)):
        desk.change(f"ALTER TABLE {key['holder']} DROP CONSTRAINT {key['conname']} CASCADE")
    _strike_out(monkeypatch, intake, "_INSERT", _ON_CONFLICT)


def no_key_of_fills(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Let a fill be stored as often as it is reported."""
    desk.change("ALTER TABLE fills DROP CONSTRAINT uq_fills_venue_venue_fill_id")


def no_token_check(_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chain commit whatever token stands in the row."""
    for statement in ("_STILL_OWNED", "_ADVANCE", "_FINISH"):
        _strike_out(monkeypatch, signals, statement, _TOKEN)


def resubmit_at_once(_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take an order that the venue does not show for one that never arrived, whether or not its window is over."""

    def is_gone(due: DueOrder) -> bool:
        return due.state in (OrderState.SUBMITTING, OrderState.UNKNOWN)

    monkeypatch.setattr(order_reconciliation, "_is_lost", is_gone)


def switch_not_read_again(_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin to submit without a look at the switch."""
    _strike_out(monkeypatch, submissions, "_BEGIN", _SWITCH)


def live_not_read_again(_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin to submit without a look at whether the book is live."""
    _strike_out(monkeypatch, submissions, "_BEGIN", _LIVE)


def sent_again_blindly(_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send whatever is not known to be at its venue, and ask nobody whether it arrived."""
    _replace(monkeypatch, submissions, "_BEGIN", _SENDABLE, "('intent', 'resubmit_ok', 'submitting', 'unknown')")


def no_one_open_exit(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Let a trade have several exits out at once."""
    desk.change("DROP INDEX uq_orders_one_open_exit")


def _strike_out(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, words: str) -> None:
    _replace(monkeypatch, module, name, words, "")


def _replace(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, words: str, by: str) -> None:
    statement = str(getattr(module, name).text)
    assert statement.count(words) == 1, f"{name} no longer says {words}"
    monkeypatch.setattr(module, name, text(statement.replace(words, by)))
