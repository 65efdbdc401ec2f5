"""Prices of perpetual contracts from an exchange's public markets, beside those of spot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.intervals import Interval
from domain.signal import Instrument, InstrumentKind
from venues import public_exchanges
from venues.ccxt_data import CcxtPrices
from venues.ccxt_markets import SpotMarkets

START = datetime(2024, 1, 5, 10, tzinfo=UTC)
PERPETUAL = Instrument(symbol="BTCUSDT", exchange="BYBIT", kind=InstrumentKind.PERP)
SPOT = Instrument(symbol="BTCUSDT", exchange="BYBIT", kind=InstrumentKind.SPOT)
INVERSE = Instrument(symbol="BTCUSD", exchange="BYBIT", kind=InstrumentKind.PERP)
DATED = Instrument(symbol="ETHUSDT", exchange="BYBIT", kind=InstrumentKind.PERP)
PRICES = {"BTC/USDT": "38000", "BTC/USDT:USDT": "38020"}


def market(symbol: str, *, quote: str, settle: str | None, is_swap: bool) -> dict[str, Any]:
    return {
        "id": symbol,
        "base": symbol.split("/", maxsplit=1)[0],
        "quote": quote,
        "settle": settle,
        "spot": settle is None,
        "swap": is_swap,
        "active": True,
    }


MARKETS = {
    "BTC/USDT": market("BTC/USDT", quote="USDT", settle=None, is_swap=False),
    "BTC/USDT:USDT": market("BTC/USDT:USDT", quote="USDT", settle="USDT", is_swap=True),
    "BTC/USD:BTC": market("BTC/USD:BTC", quote="USD", settle="BTC", is_swap=True),
    "ETH/USDT:USDT-240329": market("ETH/USDT:USDT-240329", quote="USDT", settle="USDT", is_swap=False),
}


class ListedMarkets:
    """A client of ccxt for an exchange that has spot markets, perpetual contracts and dated futures."""

    timeframes: Mapping[str, str] = {"1m": "1m"}
    timeout = 0

    def load_markets(self, _: bool) -> dict[str, Any]:
        """Return all markets."""
        return MARKETS

    def fetch_ticker(self, symbol: str) -> dict[str, str]:
        """Return the price of a market."""
        return dict.fromkeys(("bid", "ask", "last"), PRICES[symbol])

    def fetch_ohlcv(self, symbol: str, timeframe: str, since_ms: int, _: int) -> list[list[Any]]:
        """Return one bar, at the price of the market."""
        assert timeframe == "1m"
        return [[since_ms, *[PRICES[symbol]] * 4, "1"]]


@pytest.mark.parametrize(("instrument", "price"), [(SPOT, "38000"), (PERPETUAL, "38020")])
def test_each_kind_has_quote_and_bars_of_its_own_market(instrument: Instrument, price: str) -> None:
    source = CcxtPrices(ListedMarkets())

    prices = source.read_prices(instrument)
    bars, _ = source.read_since(instrument, Interval.parse("1m"), start=START, until=Interval.parse("1m").end(START))

    assert prices is not None
    assert prices.last == Decimal(price)
    assert [bar.close for bar in bars] == [Decimal(price)]


@pytest.mark.parametrize("instrument", [INVERSE, DATED], ids=["settled in its coin", "a dated future"])
def test_what_is_no_such_contract_is_not_listed(instrument: Instrument) -> None:
    assert not CcxtPrices(ListedMarkets()).is_listed(instrument)


def test_accounts_trade_spot_only() -> None:
    assert SpotMarkets(ListedMarkets()).find_listing(PERPETUAL) is None


def test_perpetuals_of_an_exchange_may_have_an_address_of_their_own() -> None:
    perpetual = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.PERP)

    assert public_exchanges.find_exchange(perpetual) == "binanceusdm"
    assert public_exchanges.find_exchange(PERPETUAL) == public_exchanges.find_exchange(SPOT) == "bybit"
    assert public_exchanges.explain_absence(perpetual) is None
