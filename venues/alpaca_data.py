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
_MAX_BARS = 10_000
_SESSION_STRETCH = 6  # six times the span surely holds enough trading hours of 6.5 a day
_WEEKEND = timedelta(days=5)
_CRYPTO_QUOTES = ("USDC", "USDT", "USD", "BTC")


def make_market_data(
    variant: str,  # noqa: ARG001 - every account reads the same prices
    *,
    key: str,
    secret: str,
    url: str | None = None,
    clock: BookClock,
) -> LiveMarketData:
    """Make the provider of Alpaca's market data; `url` replaces the data API's own."""
    stocks, crypto = alpaca_client.make_data_clients(key=key, secret=secret, url=url)
    return LiveMarketData(AlpacaPrices(stocks, crypto), clock=clock)


class AlpacaPrices:
    """Price source over Alpaca's data API; used by one thread at a time."""

    intervals: Sequence[Interval] = tuple(Interval.parse(name) for name in _INTERVALS)

    def __init__(self, stocks: alpaca_client.AlpacaStocks, crypto: alpaca_client.AlpacaCrypto) -> None:
        self._stocks, self._crypto = stocks, crypto

    def read_prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the latest quote and trade; None when Alpaca knows neither."""
        symbol, is_crypto = _to_alpaca_symbol(instrument)
        quotes, trades = self._request_latest_crypto(symbol) if is_crypto else self._request_latest_stock(symbol)
        quote, trade = quotes.get(symbol, {}), trades.get(symbol, {})
        prices = LivePrices(
            bid=_parse_price(quote.get("bp")), ask=_parse_price(quote.get("ap")), last=_parse_price(trade.get("p"))
        )
        return prices if quote or trade else None

    def read_newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return the last `count` bars that opened before `until`; for stocks the span leaves room for closed hours."""
        _, is_crypto = _to_alpaca_symbol(instrument)
        span = (count + 1) * interval.approximate
        start = until - (span if is_crypto else span * _SESSION_STRETCH + _WEEKEND)
        bars = self._request_bars(instrument, interval, start=start, end=until, sort="desc", limit=count)
        return sorted(bars, key=lambda bar: bar.open_time)

    def read_since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars that opened in [start, until), and the moment up to which they are complete."""
        bars = self._request_bars(instrument, interval, start=start, end=until, sort="asc", limit=_MAX_BARS)
        reached = interval.end(bars[-1].open_time) if len(bars) >= _MAX_BARS else until
        return [bar for bar in bars if start <= bar.open_time < until], reached

    def _request_bars(
        self, instrument: Instrument, interval: Interval, *, start: datetime, end: datetime, sort: str, limit: int
    ) -> list[Bar]:
        """Request up to `limit` bars that open in [start, end], sorted `asc` or `desc`."""
        symbol, is_crypto = _to_alpaca_symbol(instrument)
        span = {"timeframe": TimeFrame(interval.count, _UNITS[interval.unit]), "start": start, "end": end}
        options: dict[str, Any] = {"symbol_or_symbols": symbol, "sort": sort, "limit": limit, **span}
        if is_crypto:
            crypto_request = CryptoBarsRequest(**options)
            bars_by_symbol = alpaca_client.query_or_unavailable(
                self._crypto, lambda: self._crypto.get_crypto_bars(crypto_request)
            )
        else:
            stock_request = StockBarsRequest(**options, feed=DataFeed.IEX)
            bars_by_symbol = alpaca_client.query_or_unavailable(
                self._stocks, lambda: self._stocks.get_stock_bars(stock_request)
            )
        return [_parse_bar(bar) for bar in bars_by_symbol.get(symbol) or ()]

    def _request_latest_crypto(self, symbol: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Request the latest quote and trade of a crypto pair, each by symbol."""
        client = self._crypto
        quote = CryptoLatestQuoteRequest(symbol_or_symbols=symbol)
        trade = CryptoLatestTradeRequest(symbol_or_symbols=symbol)
        return (
            alpaca_client.query_or_unavailable(client, lambda: client.get_crypto_latest_quote(quote)),
            alpaca_client.query_or_unavailable(client, lambda: client.get_crypto_latest_trade(trade)),
        )

    def _request_latest_stock(self, symbol: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Request the latest quote and trade of a stock, each by symbol."""
        client = self._stocks
        quote = StockLatestQuoteRequest(symbol_or_symbols=symbol, feed=DataFeed.IEX)
        trade = StockLatestTradeRequest(symbol_or_symbols=symbol, feed=DataFeed.IEX)
        return (
            alpaca_client.query_or_unavailable(client, lambda: client.get_stock_latest_quote(quote)),
            alpaca_client.query_or_unavailable(client, lambda: client.get_stock_latest_trade(trade)),
        )


def _to_alpaca_symbol(instrument: Instrument) -> tuple[str, bool]:
    """Return Alpaca's symbol, with a slash for crypto pairs, and whether it is a crypto pair."""
    symbol = instrument.symbol
    if instrument.kind is not InstrumentKind.SPOT:
        return symbol, False
    quote = next((currency for currency in _CRYPTO_QUOTES if symbol.endswith(currency) and symbol != currency), None)
    return (symbol, False) if quote is None else (f"{symbol.removesuffix(quote)}/{quote}", True)


def _parse_bar(bar: Mapping[str, Any]) -> Bar:
    first, high, low, close, volume = (Decimal(str(bar[name])) for name in "ohlcv")
    return Bar(open_time=timestamps.parse_rfc3339(bar["t"]), open=first, high=high, low=low, close=close, volume=volume)


def _parse_price(value: Any) -> Decimal | None:
    price = None if value is None else Decimal(str(value))
    return price if price is not None and price > 0 else None
