"""The table of trading costs and its lookup."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from alerts.vocabulary import symbols
from domain import costs
from domain.costs import costs_for
from domain.signal import InstrumentKind


@pytest.mark.parametrize(
    ("symbol", "kind", "fee"),
    [
        ("KRAKEN:BTCUSD", InstrumentKind.SPOT, "40"),
        ("COINBASE:ETHUSD", InstrumentKind.SPOT, "120"),
        ("BTCUSD", InstrumentKind.SPOT, "10"),
        ("BTCEUR", InstrumentKind.SPOT, "10"),
        ("BINANCE:BTCUSDT.P", InstrumentKind.PERP, "5"),
        ("XAUUSD", InstrumentKind.FOREX, "0.5"),
        ("OANDA:WTICOUSD", InstrumentKind.FOREX, "0.5"),
        ("NAS100USD", InstrumentKind.INDEX, "0.5"),
        ("NASDAQ:AAPL", InstrumentKind.STOCK, "0.5"),
        ("ES1!", InstrumentKind.FUTURE, "0.5"),
        ("AAPL", InstrumentKind.UNKNOWN, "0.5"),
    ],
)
def test_a_kind_that_an_alert_does_not_say_is_inferred(symbol: str, kind: InstrumentKind, fee: str) -> None:
    row = costs.find_costs(symbols.parse(symbol))

    assert (row.kind, row.fee_bps) == (kind, Decimal(fee))


@pytest.mark.parametrize("kind", list(InstrumentKind))
def test_every_kind_has_costs_at_every_venue(kind: InstrumentKind) -> None:
    row = costs_for(kind, "a venue nobody knows")

    assert row.kind is kind
    assert row.venue == costs.ANY_VENUE
    assert row.spread_bps > 0
    assert row.slippage_bps > 0
    assert row.fee_bps > 0
    assert row.basis


@pytest.mark.parametrize("venue", ["KRAKEN", "kraken", "ccxt:kraken"])
def test_a_venue_is_known_by_each_of_its_names(venue: str) -> None:
    assert costs_for(InstrumentKind.SPOT, venue).fee_bps == 40


def test_alpacas_paper_account_costs_what_alpaca_costs() -> None:
    assert costs_for(InstrumentKind.STOCK, "alpaca:paper") is costs_for(InstrumentKind.STOCK, "alpaca")


def test_a_venue_has_a_row_for_each_kind_it_differs_in() -> None:
    assert costs_for(InstrumentKind.PERP, "BYBIT").fee_bps == Decimal("5.5")
    assert costs_for(InstrumentKind.FOREX, "BYBIT") is costs_for(InstrumentKind.FOREX)


def test_the_list_holds_every_row_once() -> None:
    rows = [(row.kind, row.venue) for row in costs.list_costs()]

    assert len(rows) == len(set(rows)) > len(InstrumentKind)


@pytest.mark.parametrize(
    ("held", "is_long", "bps"),
    [
        (timedelta(hours=7, minutes=59), True, "0"),
        (timedelta(hours=8), True, "1"),
        (timedelta(hours=25), True, "3"),
        (timedelta(hours=25), False, "-3"),
    ],
)
def test_funding_accrues_by_whole_intervals_and_the_short_side_earns_it(
    held: timedelta, is_long: bool, bps: str
) -> None:
    row = costs_for(InstrumentKind.PERP)

    assert costs.compute_holding_bps(row, held, is_long=is_long) == Decimal(bps)


def test_an_fx_swap_costs_on_both_sides_for_each_whole_day() -> None:
    row, two_days = costs_for(InstrumentKind.FOREX), timedelta(days=2, hours=3)

    assert costs.compute_holding_bps(row, two_days, is_long=True) == Decimal("0.54")
    assert costs.compute_holding_bps(row, two_days, is_long=False) == Decimal("0.54")


def test_a_stock_costs_nothing_to_hold() -> None:
    assert costs.compute_holding_bps(costs_for(InstrumentKind.STOCK), timedelta(days=99), is_long=True) == 0
