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
IDS = tuple(sorted(set(_EXCHANGES.values())))


def find_exchange(instrument: Instrument) -> str | None:
    """Return ccxt's id of the exchange that quotes an instrument publicly; None where there is none."""
    return _EXCHANGES.get(instrument.exchange.upper()) if instrument.kind in _SPOT else None


def explain_absence(instrument: Instrument) -> str | None:
    """Return why no exchange is asked about an instrument; None when one is."""
    if find_exchange(instrument) is not None:
        return None
    if not instrument.exchange:
        return "the alert names no exchange"
    if instrument.exchange.upper() in _EXCHANGES:
        return f"prices of kind {instrument.kind.value} are not read from exchanges, only spot"
    return f"{instrument.exchange} has no public prices that need no key"
