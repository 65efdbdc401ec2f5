"""Symbols as they are stored: upper-case base and quote, with exchange and kind beside them."""

from __future__ import annotations

import re
from functools import lru_cache

from domain.signal import Instrument, InstrumentKind

_ALLOWED = re.compile(r"[^\W_][\w.\-!&^=#]{0,63}")
_PERPETUAL = re.compile(r"(?<=.)([.\-_]?PERP|\.P|[.\-_]SWAP)$")
_FRONT_FUTURE = re.compile(r"(?<=.)1!$")
_ANY_FUTURE = re.compile(r"\d+!$")
_SETTLED = re.compile(r"([^:/]+/[^:/]+):([^:/\-]+)(-.+)?")
_PAIR = re.compile(r"([^\W_]+)(?:/([^\W_]+)|[\-_]([^\W\d_]{3,}))")
_CRYPTO_QUOTED = re.compile(r".+(USDT|USDC|BTC|ETH)")
# Blanks that belong to no sign between two parts: of two short words they may be taken out.
_APART = re.compile(r"[^\s:/\-_]\s+[^\s:/\-_]")
_PARTS = re.compile(r"[^\W_]+\s+(?:[A-Za-z]{3,5}|\d{1,3}|\d{2}-\d{2}(?:\d{2})?)")
# A contract by its month and year: ES 09-26, its blank taken out.
_DATED_FUTURE = re.compile(r"[A-Z0-9]{1,6}\d{2}-\d{2}(?:\d{2})?")
_QUOTE_FIRST = re.compile(r"(USDT|USDC|BUSD)[\-_/](BTC|ETH|BNB|SOL|XRP|ADA|DOGE|LTC|DOT|LINK|AVAX|TRX|MATIC)")
_FORM = "must be a symbol such as BTCUSDT, BINANCE:BTCUSDT, BTC/USDT:USDT, ES1! or EURUSD"
_FIAT = frozenset(
    {
        "AED",
        "ARS",
        "AUD",
        "BGN",
        "BHD",
        "BRL",
        "CAD",
        "CHF",
        "CLP",
        "CNH",
        "CNY",
        "COP",
        "CZK",
        "DKK",
        "EGP",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "ISK",
        "JPY",
        "KES",
        "KRW",
        "KWD",
        "KZT",
        "MAD",
        "MXN",
        "MYR",
        "NGN",
        "NOK",
        "NZD",
        "OMR",
        "PEN",
        "PHP",
        "PKR",
        "PLN",
        "QAR",
        "RON",
        "RSD",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TND",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "UYU",
        "VND",
        "ZAR",
    }
)


class SymbolUnreadable(ValueError):
    """The text is no symbol; the message says what one looks like."""


@lru_cache(maxsize=4096)
def read(written: str) -> Instrument:
    """Normalise a symbol such as `BINANCE:BTCUSDT`, `BTCUSDT.P`, `BTC/USDT:USDT`, `ES1!` or ` eurusd `.

    The exchange is empty when the text names none. The kind is what the spelling tells, else `unknown`.

    Raises:
        SymbolUnreadable: when the text has another form.
    """
    if _APART.search(written.strip()) is not None and _PARTS.fullmatch(written.strip()) is None:
        raise SymbolUnreadable(_FORM)
    exchange, rest = _without_exchange(re.sub(r"\s+", "", written).upper().removeprefix("$").removeprefix("#"))
    symbol, kind = _settled(rest) or _marked(rest)
    symbol = _joined(symbol)
    if _ALLOWED.fullmatch(symbol) is None or (exchange and _ALLOWED.fullmatch(exchange) is None):
        raise SymbolUnreadable(_FORM)
    if _QUOTE_FIRST.fullmatch(rest) is not None:
        raise SymbolUnreadable("must name the base first, such as BTC-USDT")
    return Instrument(symbol=symbol, exchange=exchange, kind=kind or _by_currencies(symbol))


def _without_exchange(written: str) -> tuple[str, str]:
    before, colon, after = written.partition(":")
    return (before, after) if colon and "/" not in before else ("", written)


def _settled(written: str) -> tuple[str, InstrumentKind] | None:
    found = _SETTLED.fullmatch(written)
    if found is None:
        return None
    expiry = found.group(3)
    if expiry:
        return found.group(1).replace("/", "") + expiry, InstrumentKind.FUTURE
    return found.group(1), InstrumentKind.PERP


def _marked(written: str) -> tuple[str, InstrumentKind | None]:
    unmarked, perpetual = _PERPETUAL.subn("", written)
    if perpetual:
        return unmarked, InstrumentKind.PERP
    if _DATED_FUTURE.fullmatch(written):
        return written, InstrumentKind.FUTURE
    if _ANY_FUTURE.search(written):
        return _FRONT_FUTURE.sub("", written), InstrumentKind.FUTURE
    return written, None


def _joined(symbol: str) -> str:
    pair = _PAIR.fullmatch(symbol)
    return pair.group(1) + (pair.group(2) or pair.group(3)) if pair else symbol


def _by_currencies(symbol: str) -> InstrumentKind:
    if len(symbol) == 6 and {symbol[:3], symbol[3:]} <= _FIAT:
        return InstrumentKind.FOREX
    return InstrumentKind.SPOT if _CRYPTO_QUOTED.fullmatch(symbol) else InstrumentKind.UNKNOWN
