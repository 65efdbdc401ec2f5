"""Exchanges whose public market data needs no key, by the names that alerts give them."""

from __future__ import annotations

from domain.signal import Instrument, InstrumentKind

LIBRARY = "ccxt"
_SPOT = frozenset({InstrumentKind.SPOT, InstrumentKind.UNKNOWN})
# TradingView's prefix, and ccxt's id. Coinbase's older API is the one that is public.
_EXCHANGES = {
    "BINANCE": "binance",
    "BINANCEUS": "binanceus",
    "BINGX": "bingx",
    "BITFINEX": "bitfinex",
    "BITGET": "bitget",
    "BITSTAMP": "bitstamp",
    "BYBIT": "bybit",
    "COINBASE": "coinbaseexchange",
    "CRYPTOCOM": "cryptocom",
    "GATE": "gate",
    "GATEIO": "gate",
    "GEMINI": "gemini",
    "HTX": "htx",
    "HUOBI": "htx",
    "KRAKEN": "kraken",
    "KUCOIN": "kucoin",
    "MEXC": "mexc",
    "OKX": "okx",
    "POLONIEX": "poloniex",
    "UPBIT": "upbit",
    "WHITEBIT": "whitebit",
}
# Where perpetual contracts are read; some exchanges have an id of their own for them.
_PERPETUALS = {
    "BINANCE": "binanceusdm",
    "BINGX": "bingx",
    "BITGET": "bitget",
    "BYBIT": "bybit",
    "GATE": "gate",
    "GATEIO": "gate",
    "HTX": "htx",
    "HUOBI": "htx",
    "KRAKEN": "krakenfutures",
    "KUCOIN": "kucoinfutures",
    "MEXC": "mexc",
    "OKX": "okx",
}
IDS = tuple(sorted({*_EXCHANGES.values(), *_PERPETUALS.values()}))


def find_exchange(instrument: Instrument) -> str | None:
    """Return ccxt's id of the exchange that quotes an instrument publicly; None where there is none."""
    if instrument.kind is InstrumentKind.PERP:
        return _PERPETUALS.get(instrument.exchange.upper())
    return _EXCHANGES.get(instrument.exchange.upper()) if instrument.kind in _SPOT else None


def explain_absence(instrument: Instrument) -> str | None:
    """Return why no exchange is asked about an instrument; None when one is."""
    if find_exchange(instrument) is not None:
        return None
    if not instrument.exchange:
        return "the alert names no exchange"
    if instrument.kind is InstrumentKind.PERP and instrument.exchange.upper() in _EXCHANGES:
        return f"prices of perpetuals are not read from {instrument.exchange}"
    if instrument.exchange.upper() in _EXCHANGES:
        return f"prices of kind {instrument.kind.value} are not read from exchanges, only spot and perpetuals"
    return f"{instrument.exchange} has no public prices that need no key"
