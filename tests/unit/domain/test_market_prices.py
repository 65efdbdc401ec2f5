"""Which price counts at a moment, at the bounds of each rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain import market_prices
from domain.context import PriceBasis, Quality, Quote
from domain.market_prices import AlertPrice

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def a_quote(
    bid: str | None = None, ask: str | None = None, last: str | None = None, basis: PriceBasis = PriceBasis.CLOSE
) -> Quote:
    sides = (None if price is None else Decimal(price) for price in (bid, ask, last))
    return Quote(
        at=NOON,
        quality=Quality.DELAYED,
        basis=basis,
        priced_at=NOON,
        **dict(zip(("bid", "ask", "last"), sides, strict=True)),
    )


def an_alert(price: str = "100", *, age: timedelta = timedelta(0)) -> AlertPrice:
    return AlertPrice(price=Decimal(price), fired_at=NOON - age)


@pytest.mark.parametrize(
    ("bid", "ask", "last", "middle"),
    [
        ("99", "102", "50", "100.5"),
        ("99", None, "50", "50"),
        ("99", None, None, "99"),
        (None, "102", None, "102"),
        (None, None, None, None),
    ],
)
def test_the_middle_price_is_the_mid_else_the_last_else_the_one_side(
    bid: str | None, ask: str | None, last: str | None, middle: str | None
) -> None:
    assert market_prices.middle_price(a_quote(bid, ask, last)) == (None if middle is None else Decimal(middle))


@pytest.mark.parametrize(
    ("price", "plausible"), [("120", True), ("120.01", False), ("80", True), ("79.99", False), ("100", True)]
)
def test_an_alerts_price_may_differ_by_a_fifth(price: str, *, plausible: bool) -> None:
    assert market_prices.is_plausible(an_alert(price), known=Decimal(100)) is plausible
    assert market_prices.is_plausible(an_alert(price), known=None)


@pytest.mark.parametrize(("minutes", "seconds"), [(1, 0.6), (5, 3), (60, 5), (1440, 5)])
def test_an_open_counts_for_a_hundredth_of_its_bar_and_five_seconds_at_most(minutes: int, seconds: float) -> None:
    assert market_prices.how_long_open_counts(timedelta(minutes=minutes)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("age", "is_shown"),
    [
        (timedelta(0), True),
        (timedelta(seconds=60), True),
        (timedelta(seconds=60) + MOMENT, False),
        (-MOMENT, False),
    ],
)
def test_an_alerts_price_is_shown_for_a_minute(age: timedelta, *, is_shown: bool) -> None:
    known = a_quote(last="101")

    shown = market_prices.quote_shown(known, an_alert(age=age), at=NOON)

    assert shown.last == (Decimal(100) if is_shown else Decimal(101))
    assert shown.basis is (PriceBasis.ALERT if is_shown else PriceBasis.CLOSE)


@pytest.mark.parametrize(
    ("known", "price"), [(a_quote(last="99", basis=PriceBasis.LIVE), "100"), (a_quote(last="50"), "100")]
)
def test_a_live_quote_is_shown_before_an_alerts_price_and_so_is_what_an_alert_is_far_from(
    known: Quote, price: str
) -> None:
    assert market_prices.quote_shown(known, an_alert(price), at=NOON) is known


def test_only_an_open_of_the_same_moment_lends_its_sides_to_an_alerts_price() -> None:
    opened, closed = (
        market_prices.quote_shown(a_quote("99", "101", basis=basis), an_alert(), at=NOON)
        for basis in (PriceBasis.OPEN, PriceBasis.CLOSE)
    )

    assert (opened.bid, opened.ask, opened.last) == (Decimal(99), Decimal(101), Decimal(100))
    assert (closed.bid, closed.ask, closed.last) == (None, None, Decimal(100))


@pytest.mark.parametrize(
    ("age", "fills"),
    [(timedelta(0), True), (timedelta(seconds=5), True), (timedelta(seconds=5) + MOMENT, False), (-MOMENT, False)],
)
@pytest.mark.parametrize("known", [None, a_quote(last="101")])
def test_an_order_fills_at_its_alerts_price_for_five_seconds(
    known: Quote | None, age: timedelta, *, fills: bool
) -> None:
    filled = market_prices.quote_filled(known, an_alert(age=age), at=NOON, is_in_session=True)

    assert (None if filled is None else (filled.last, filled.basis)) == (
        (Decimal(100), PriceBasis.ALERT) if fills else None
    )


def test_nothing_fills_at_a_close_out_of_session_or_far_from_the_known_price() -> None:
    close, opened = a_quote(last="50"), a_quote(last="50", basis=PriceBasis.OPEN)

    assert market_prices.quote_filled(close, None, at=NOON, is_in_session=True) is None
    assert market_prices.quote_filled(close, an_alert(), at=NOON, is_in_session=True) is None
    assert market_prices.quote_filled(None, an_alert(), at=NOON, is_in_session=False) is None
    assert market_prices.quote_filled(opened, an_alert(), at=NOON, is_in_session=True) is opened
