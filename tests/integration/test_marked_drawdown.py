"""Drawdown: with open trades at the close of every bar, beside that of closed trades."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from db.queries import reports
from domain.comparison import summary
from domain.comparison.summary import EngineSummary
from domain.decision import EngineSlot
from domain.study import ExitClock
from reporting import document
from stack.servers import ServerUrls
from tasks import exit_tasks
from tasks.parts import Parts
from tests.integration.test_money import add_bars
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.pipeline import NOON, prepared, run_all, store_signal


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


def figures_of_a(parts: Parts) -> EngineSummary:
    with parts.transaction() as session:
        record = reports.load(session, book="paper")
    return summary.summarize(record, EngineSlot.A, clock=ExitClock.OWN)


def hold_two_contracts(parts: Parts, *, hours: int = 10) -> None:
    """Enter at noon with a far stop, and walk some hours."""
    answer = answer_entering(quantity="2", stop="900", targets=("500",))
    playing = replace(parts, engines=scripted_panel(answer, answer))
    signal_id = store_signal(parts.database, symbol="ES", exchange="CME", instrument_kind="future", price=None)
    run_all(playing, [signal_id])
    exit_tasks.walk_book(playing, "paper", until=NOON + timedelta(hours=hours))


def test_a_fall_between_entry_and_exit_is_a_drawdown(parts: Parts) -> None:
    add_bars(parts, "ES", "5000", "5000", "5000", "4900", "4800", "5600", until=NOON + timedelta(hours=4))

    hold_two_contracts(parts)

    figures = figures_of_a(parts)
    assert figures.total_pnl > 0
    assert figures.max_drawdown_closed == 0
    # Two contracts fell by about 200 points of 50 dollars each, from a capital of 100,000.
    assert figures.max_drawdown == pytest.approx(0.2, rel=0.02)
    assert figures.max_drawdown > 0.2


def test_a_trade_that_is_still_open_counts_at_the_last_close(parts: Parts) -> None:
    add_bars(parts, "ES", "5000", "5000", "5000", "4900", until=NOON + timedelta(hours=2))

    hold_two_contracts(parts, hours=2)

    figures = figures_of_a(parts)
    assert figures.trades == 0
    assert figures.max_drawdown == pytest.approx(0.1, rel=0.02)


def test_without_bars_the_figure_is_that_of_closed_trades_and_the_report_says_so(parts: Parts) -> None:
    add_bars(parts, "ES", "5000", "5000", "5000", "4900", "4800", "5600", until=NOON + timedelta(hours=4))
    hold_two_contracts(parts)
    with parts.transaction() as session:
        session.execute(text("DELETE FROM bars"))
        built = document.build_report(reports.load(session, book="paper"))

    assert built["marked_to_market"] is False
    assert built["engines"]["A"]["max_drawdown"] == built["engines"]["A"]["max_drawdown_closed"] == 0


def test_the_equity_at_the_end_is_the_sum_of_the_outcomes(parts: Parts) -> None:
    add_bars(parts, "ES", "5000", "5000", "5000", "4500", "4000", "4000", until=NOON + timedelta(hours=4))

    hold_two_contracts(parts)

    figures = figures_of_a(parts)
    assert figures.trades == 1
    assert figures.max_drawdown == pytest.approx(float(-figures.total_pnl / Decimal(100_000)), rel=1e-10)
    assert figures.max_drawdown == pytest.approx(figures.max_drawdown_closed, rel=1e-9)
