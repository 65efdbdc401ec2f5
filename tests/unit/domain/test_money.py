"""Conversions between currencies, and what a trade in another currency earns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain import money
from domain.instruments import InstrumentTerms
from domain.money import Conversion, CurrenciesDiffer, Denomination, Money
from domain.outcomes import compute_outcome, compute_pnl
from domain.signal import Direction, Instrument, InstrumentKind
from domain.study import ExitClock
from domain.trade import Intent, Trade
from tests.support.builders.trades import MONDAY, a_fill, a_plan, a_trade, dec

YEN = Denomination(currency="JPY", multiplier=dec(1), conversion=Conversion.OWN_PRICE, rate=dec("0.0069"))
EUROS = Denomination(currency="EUR", multiplier=dec(25), conversion=Conversion.STORED, rate=dec("1.1"))


def a_trade_in(denomination: Denomination, side: Direction = Direction.LONG, *, quantity: str = "1") -> Trade:
    return replace(a_trade(a_plan(side, quantity=quantity)), money=denomination)


@pytest.mark.parametrize(
    ("currency", "base", "book", "conversion"),
    [
        ("USD", "EUR", "USD", Conversion.SAME),
        ("USDT", "BTC", "USD", Conversion.SAME),
        ("USD", "BTC", "USDT", Conversion.SAME),
        (None, None, "USD", Conversion.SAME),
        ("JPY", "USD", "USD", Conversion.OWN_PRICE),
        ("EUR", "USDT", "USD", Conversion.OWN_PRICE),
        ("EUR", None, "USD", Conversion.STORED),
        ("GBP", "EUR", "USD", Conversion.STORED),
        ("GBX", None, "GBP", Conversion.STORED),
    ],
)
def test_where_the_rate_comes_from(currency: str | None, base: str | None, book: str, conversion: Conversion) -> None:
    terms = InstrumentTerms(currency=currency, multiplier=dec(1), base=base)

    assert money.choose_conversion(terms, book) is conversion


def test_yen_become_dollars_at_the_price_of_the_exit_to_the_last_digit() -> None:
    trade = a_trade_in(YEN, quantity="10000")
    entry, last = dec("145.00"), dec("146.37")
    fills = [
        a_fill(Intent.ENTRY, quantity="10000", price=entry, rate=money.convert_own_price(entry), trade=trade),
        a_fill(Intent.EXIT, quantity="10000", price=last, rate=money.convert_own_price(last), trade=trade),
    ]

    pnl = compute_pnl(fills, Direction.LONG)

    assert pnl == (10000 * (last - entry) / last).quantize(Decimal("1E-10"))
    assert pnl == Decimal("93.5984149757")


def test_one_euro_future_earns_its_contract_size_times_the_move() -> None:
    future = replace(a_trade().money, multiplier=dec(125_000))
    trade = a_trade_in(future)
    fills = [
        a_fill(Intent.ENTRY, quantity="1", price="1.08500", trade=trade),
        a_fill(Intent.EXIT, quantity="1", price="1.08750", trade=trade),
    ]

    outcome = compute_outcome(
        trade, fills, clock=ExitClock.OWN, equals_own=True, reference_notional=dec(100_000), exit_reason="target"
    )

    assert outcome.pnl == Decimal("312.5")
    assert outcome.return_ratio == Decimal("0.003125")


@pytest.mark.parametrize(("side", "pnl"), [(Direction.LONG, "995"), (Direction.SHORT, "-1005")])
def test_two_contracts_of_the_s_and_p_over_ten_points_are_a_thousand_dollars_less_fees(
    side: Direction, pnl: str
) -> None:
    trade = a_trade_in(replace(a_trade().money, multiplier=dec(50)), side, quantity="2")
    fills = [
        a_fill(Intent.ENTRY, quantity="2", price="5000", fee="2.5", trade=trade),
        a_fill(Intent.EXIT, quantity="2", price="5010", fee="2.5", trade=trade),
    ]

    assert compute_pnl(fills, side, multiplier=trade.money.point_value) == Decimal(pnl)


def test_each_exit_is_converted_at_its_own_rate_with_its_share_of_cost_and_fees() -> None:
    trade = a_trade_in(EUROS, quantity="2")
    fills = [
        a_fill(Intent.ENTRY, quantity="2", price="18000", fee="4", rate="1.1", trade=trade),
        a_fill(Intent.EXIT, quantity="1", price="18010", fee="2", rate="1.2", trade=trade),
        a_fill(Intent.EXIT, quantity="1", price="18020", fee="2", rate="1.0", trade=trade),
    ]

    # (10 x 25 - 2 - 2) x 1.2 + (20 x 25 - 2 - 2) x 1.0
    assert compute_pnl(fills, Direction.LONG, multiplier=trade.money.point_value) == Decimal("791.2")


def test_fills_in_two_currencies_are_not_added() -> None:
    in_euros, in_dollars = a_trade_in(EUROS), a_trade()
    fills = [a_fill(Intent.ENTRY, trade=in_euros), a_fill(Intent.EXIT, trade=in_dollars)]

    with pytest.raises(CurrenciesDiffer, match="EUR and USD"):
        compute_pnl(fills, Direction.LONG)


def test_amounts_of_two_currencies_are_added_only_after_a_conversion() -> None:
    euros, dollars = Money(amount=dec(100), currency="EUR"), Money(amount=dec(50), currency="USD")

    with pytest.raises(CurrenciesDiffer, match="EUR and USD"):
        money.add_amounts([euros, dollars])

    total = money.add_amounts([money.convert(euros, rate=dec("1.1"), to="USD"), dollars])
    assert total == Money(amount=dec("160"), currency="USD")


def test_a_trade_in_another_currency_needs_a_stored_rate() -> None:
    with pytest.raises(ValueError, match="needs a stored rate"):
        money.find_fill_rate(Conversion.STORED, price=dec(100), stored=None)


@pytest.mark.parametrize(
    ("kind", "side", "hours", "cost"),
    [
        (InstrumentKind.PERP, Direction.LONG, 7, "0"),
        (InstrumentKind.PERP, Direction.LONG, 17, "0.2"),
        (InstrumentKind.PERP, Direction.SHORT, 17, "-0.2"),
        (InstrumentKind.FOREX, Direction.SHORT, 50, "0.054"),
        (InstrumentKind.STOCK, Direction.LONG, 500, "0"),
    ],
)
def test_holding_costs_by_whole_intervals_and_is_part_of_the_result(
    kind: InstrumentKind, side: Direction, hours: int, cost: str
) -> None:
    instrument = Instrument(symbol="X", exchange="", kind=kind)
    trade = replace(a_trade_in(a_trade().money, side, quantity="10"), instrument=instrument)
    fills = [
        a_fill(Intent.ENTRY, trade=trade),
        a_fill(Intent.EXIT, trade=trade, at=MONDAY + timedelta(hours=hours)),
    ]

    outcome = compute_outcome(
        trade, fills, clock=ExitClock.OWN, equals_own=True, reference_notional=dec(100_000), exit_reason="stop"
    )

    assert (outcome.holding_cost, outcome.pnl) == (Decimal(cost), -Decimal(cost))
