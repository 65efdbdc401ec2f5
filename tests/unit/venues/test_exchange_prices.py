"""An exchange that does not answer is left alone for a while, ever longer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import ccxt
import pytest

from domain.context import Bar
from domain.intervals import Interval
from domain.ports import VenueUnavailable
from domain.signal import Instrument, InstrumentKind
from venues import public_exchanges
from venues.exchange_prices import FIRST_REST_S, GIVEN_UP_AFTER_S, LONGEST_REST_S, ExchangePrices
from venues.live_market_data import LivePrices

BTC = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)


class SwitchedSource:
    """A source that answers while it is on, and counts the questions."""

    intervals: Sequence[Interval] = (Interval.parse("1m"),)

    def __init__(self) -> None:
        self.is_on, self.asked = True, 0

    def is_listed(self, instrument: Instrument) -> bool:
        self._answer()
        return True

    def read_prices(self, instrument: Instrument) -> LivePrices | None:
        self._answer()
        return LivePrices(bid=Decimal(1), ask=Decimal(2), last=None)

    def read_newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        self._answer()
        return []

    def read_since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        self._answer()
        return [], until

    def _answer(self) -> None:
        self.asked += 1
        if not self.is_on:
            raise VenueUnavailable("no route")


class Clock:
    """A monotonic clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _fail(prices: ExchangePrices) -> None:
    with pytest.raises(VenueUnavailable, match="no route"):
        prices.read_prices(BTC)


def test_after_a_failure_it_rests_and_is_then_asked_again() -> None:
    source, clock = SwitchedSource(), Clock()
    prices = ExchangePrices(source, clock=clock)
    source.is_on = False
    _fail(prices)

    clock.now = FIRST_REST_S - 1
    _fail(prices)
    asked_while_resting = source.asked
    clock.now, source.is_on = FIRST_REST_S, True

    assert asked_while_resting == 1
    assert prices.read_prices(BTC) is not None
    assert prices.failure is None


def test_each_further_failure_doubles_the_rest_up_to_a_limit() -> None:
    source, clock = SwitchedSource(), Clock()
    prices, rest = ExchangePrices(source, clock=clock), FIRST_REST_S
    source.is_on = False
    for _ in range(8):
        _fail(prices)
        asked = source.asked
        clock.now += rest - 1
        _fail(prices)
        assert source.asked == asked
        clock.now += 1
        rest = min(2 * rest, LONGEST_REST_S)

    assert rest == LONGEST_REST_S


def test_it_is_given_up_at_once_when_it_never_answered_and_else_after_two_minutes() -> None:
    source, clock = SwitchedSource(), Clock()
    never, later = ExchangePrices(source, clock=clock), ExchangePrices(source, clock=clock)
    later.is_listed(BTC)
    source.is_on = False
    for prices in (never, later):
        _fail(prices)

    assert (never.is_given_up, later.is_given_up) == (True, False)
    clock.now = GIVEN_UP_AFTER_S
    assert later.is_given_up


@pytest.mark.parametrize("exchange", public_exchanges.IDS)
def test_every_public_exchange_is_one_of_the_library_with_bars_and_quotes(exchange: str) -> None:
    has = getattr(ccxt, exchange)().has

    assert exchange in ccxt.exchanges
    assert has["fetchOHLCV"]
    assert has["fetchTicker"]


@pytest.mark.parametrize(
    ("exchange", "kind", "why"),
    [
        ("", InstrumentKind.SPOT, "the alert names no exchange"),
        (
            "BINANCE",
            InstrumentKind.FUTURE,
            "prices of kind future are not read from exchanges, only spot and perpetuals",
        ),
        ("COINBASE", InstrumentKind.PERP, "prices of perpetuals are not read from COINBASE"),
        ("NASDAQ", InstrumentKind.UNKNOWN, "NASDAQ has no public prices that need no key"),
    ],
)
def test_it_is_said_why_no_exchange_is_asked(exchange: str, kind: InstrumentKind, why: str) -> None:
    instrument = Instrument(symbol="BTCUSDT", exchange=exchange, kind=kind)

    assert public_exchanges.explain_absence(instrument) == why
    assert public_exchanges.explain_absence(BTC) is None
