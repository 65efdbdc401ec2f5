"""Equity with open trades at every close, and its largest fall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.comparison import marking
from domain.comparison.marking import MarkedFill, MarkedTrade, Prices

CAPITAL = 1000.0
ES = ("ES", "CME", "future")
YEN = ("USDJPY", "FX", "forex")
TRADE = MarkedTrade(
    series=ES,
    at=0.5,
    price=100.0,
    quantity=2.0,
    fee=0.0,
    point_value=1.0,
    rate=1.0,
    holding_cost=0.0,
    exits=(),
)


def closes(*prices: float) -> Prices:
    """Make one close a second, from second 0 on."""
    return Prices(times=np.arange(len(prices), dtype=float), closes=np.array(prices, dtype=float))


def leave(at: float, price: float, quantity: float = 2.0, *, rate: float = 1.0) -> MarkedFill:
    return MarkedFill(at=at, price=price, quantity=quantity, fee=0.0, rate=rate)


def drawdown(*trades: MarkedTrade, **prices: Prices) -> float:
    series = {"es": ES, "yen": YEN}
    by_key = {series[name]: found for name, found in prices.items()}
    return marking.compute_marked_drawdown(trades, by_key, capital=CAPITAL)


def test_an_open_trade_falls_with_its_price() -> None:
    assert drawdown(TRADE, es=closes(100, 90, 50, 120)) == 0.1


def test_a_short_trade_falls_when_the_price_rises() -> None:
    assert drawdown(replace(TRADE, point_value=-1.0), es=closes(100, 150, 90)) == 0.1


def test_what_happens_before_the_entry_and_after_the_exit_does_not_matter() -> None:
    closed = replace(TRADE, at=1.5, exits=(leave(2.5, 95.0),))

    assert drawdown(closed, es=closes(10, 100, 98, 1)) == 0.01


def test_a_part_that_is_closed_no_longer_falls() -> None:
    halved = replace(TRADE, exits=(leave(1.5, 110.0, 1.0),))

    # Peak 1,020 at 110; then half has made 10, and the other half is 30 below its entry.
    assert drawdown(halved, es=closes(100, 110, 70)) == pytest.approx(40 / 1020)


def test_the_rate_of_a_pair_is_that_of_its_price() -> None:
    yen = replace(TRADE, series=YEN, quantity=1000.0, rate=None, price=100.0)

    # 1,000 x (80 - 100) yen at 80 yen a dollar are 250 dollars.
    assert drawdown(yen, yen=closes(100, 80)) == 0.25


def test_gains_of_one_instrument_offset_losses_of_another_at_the_same_moment() -> None:
    yen = replace(TRADE, series=YEN, point_value=-1.0)

    assert drawdown(TRADE, yen, es=closes(100, 90, 50), yen=closes(100, 90, 50)) == 0


def test_without_a_trade_nothing_falls() -> None:
    assert drawdown(es=closes(100, 1)) == 0


@given(
    prices=st.lists(st.floats(50, 150), min_size=3, max_size=12),
    entered=st.lists(
        st.tuples(st.integers(0, 8), st.integers(1, 9), st.sampled_from([1.0, -1.0])), min_size=1, max_size=6
    ),
)
def test_it_is_what_valuing_each_trade_by_itself_gives(
    prices: list[float], entered: list[tuple[int, int, float]]
) -> None:
    last = len(prices) - 1
    trades = []
    for start, length, side in entered:
        begins, ends = min(start, last - 1), min(start + length, last)
        trades.append(
            replace(
                TRADE,
                at=float(begins),
                price=prices[begins],
                point_value=side,
                exits=(leave(float(ends), prices[ends]),) if ends > begins else (),
            )
        )

    equity = [CAPITAL + sum(value_of(trade, second, prices) for trade in trades) for second in range(len(prices))]
    peak, deepest = CAPITAL, 0.0
    for amount in equity:
        peak = max(peak, amount)
        deepest = max(deepest, (peak - amount) / peak)

    assert drawdown(*trades, es=closes(*prices)) == pytest.approx(deepest, abs=1e-9)


def value_of(trade: MarkedTrade, second: int, prices: list[float]) -> float:
    if second < trade.at:
        return 0.0
    until = min([second, *(int(fill.at) for fill in trade.exits)])
    return (prices[until] - trade.price) * trade.point_value * trade.quantity
