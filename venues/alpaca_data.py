"""Alpaca's market data: stocks from the IEX feed, which every account may read, and crypto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alpaca.data.enums import DataFeed
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from domain.context import Bar
from domain.intervals import Interval, Unit
from domain.ports import BookClock
from domain.signal import Instrument, InstrumentKind
from venues import alpaca_client, timestamps
from venues.live_market_data import LiveMarketData, LivePrices

_UNITS = {
    Unit.MINUTE: TimeFrameUnit.Minute,
    Unit.HOUR: TimeFrameUnit.Hour,
    Unit.DAY: TimeFrameUnit.Day,
    Unit.WEEK: TimeFrameUnit.Week,
    Unit.MONTH: TimeFrameUnit.Month,
}
_INTERVALS = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo")
_MOST = 10_000
_CLOSED_HOURS = 6
_WEEKEND = timedelta(days=5)
_QUOTES = ("USDC", "USDT", "USD", "BTC")


def make(*, key: str, secret: str, url: str | None = None, clock: BookClock) -> LiveMarketData:
    """Make the provider for the owner of these keys."""
    stocks, crypto = alpaca_client.data(key=key, secret=secret, url=url)
    return LiveMarketData(AlpacaPrices(stocks, crypto), clock=clock)


class AlpacaPrices:
    """Alpaca's prices; used by one thread at a time."""

    intervals: Sequence[Interval] = tuple(Interval.parse(one) for one in _INTERVALS)

    def __init__(self, stocks: alpaca_client.Stocks, crypto: alpaca_client.Crypto) -> None:
        self._stocks, self._crypto = stocks, crypto

    def prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the latest quote and trade; None when Alpaca knows neither."""
        name, is_crypto = _named(instrument)
        quotes, trades = self._latest_crypto(name) if is_crypto else self._latest_stock(name)
        quote, trade = quotes.get(name, {}), trades.get(name, {})
        prices = LivePrices(bid=_price(quote.get("bp")), ask=_price(quote.get("ap")), last=_price(trade.get("p")))
        return prices if quote or trade else None

    def newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return the last `count` bars that opened before `until`: for stocks nights and weekends are passed over."""
        _, is_crypto = _named(instrument)
        span = (count + 1) * interval.approximate
        start = until - (span if is_crypto else span * _CLOSED_HOURS + _WEEKEND)
        told = self._bars(instrument, interval, start=start, end=until, sort="desc", limit=count)
        return sorted(told, key=lambda one: one.open_time)

    def since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars that opened in [start, until), and up to which moment none is missing."""
        told = self._bars(instrument, interval, start=start, end=until, sort="asc", limit=_MOST)
        reached = interval.end(told[-1].open_time) if len(told) >= _MOST else until
        return [one for one in told if start <= one.open_time < until], reached

    def _bars(
        self, instrument: Instrument, interval: Interval, *, start: datetime, end: datetime, sort: str, limit: int
    ) -> list[Bar]:
        name, is_crypto = _named(instrument)
        span = {"timeframe": TimeFrame(interval.count, _UNITS[interval.unit]), "start": start, "end": end}
        given: dict[str, Any] = {"symbol_or_symbols": name, "sort": sort, "limit": limit, **span}
        if is_crypto:
            request = CryptoBarsRequest(**given)
            told = alpaca_client.ask_surely(self._crypto, lambda: self._crypto.get_crypto_bars(request))
        else:
            stock = StockBarsRequest(**given, feed=DataFeed.IEX)
            told = alpaca_client.ask_surely(self._stocks, lambda: self._stocks.get_stock_bars(stock))
        return [_bar(one) for one in told.get(name) or ()]

    def _latest_crypto(self, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        client = self._crypto
        quote = CryptoLatestQuoteRequest(symbol_or_symbols=name)
        trade = CryptoLatestTradeRequest(symbol_or_symbols=name)
        return (
            alpaca_client.ask_surely(client, lambda: client.get_crypto_latest_quote(quote)),
            alpaca_client.ask_surely(client, lambda: client.get_crypto_latest_trade(trade)),
        )

    def _latest_stock(self, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        client = self._stocks
        quote = StockLatestQuoteRequest(symbol_or_symbols=name, feed=DataFeed.IEX)
        trade = StockLatestTradeRequest(symbol_or_symbols=name, feed=DataFeed.IEX)
        return (
            alpaca_client.ask_surely(client, lambda: client.get_stock_latest_quote(quote)),
            alpaca_client.ask_surely(client, lambda: client.get_stock_latest_trade(trade)),
        )


def _named(instrument: Instrument) -> tuple[str, bool]:
    """Return Alpaca's symbol, and whether it is a crypto pair: those are written with a slash."""
    symbol = instrument.symbol
    if instrument.kind is not InstrumentKind.SPOT:
        return symbol, False
    quote = next((one for one in _QUOTES if symbol.endswith(one) and symbol != one), None)
    return (symbol, False) if quote is None else (f"{symbol.removesuffix(quote)}/{quote}", True)


def _bar(told: Mapping[str, Any]) -> Bar:
    first, high, low, close, volume = (Decimal(str(told[name])) for name in "ohlcv")
    return Bar(open_time=timestamps.from_text(told["t"]), open=first, high=high, low=low, close=close, volume=volume)


def _price(value: Any) -> Decimal | None:
    price = None if value is None else Decimal(str(value))
    return price if price is not None and price > 0 else None
