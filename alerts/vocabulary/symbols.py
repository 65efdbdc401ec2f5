"""Parser for symbols: the senders' spellings to upper-case base and quote, with the exchange and the kind."""

from __future__ import annotations

import re
from functools import lru_cache

from domain.signal import Instrument, InstrumentKind

_ALLOWED = re.compile(r"[^\W_][\w.\-!&^=#]{0,63}")
_PERPETUAL = re.compile(r"(?<=.)([.\-_]?PERP|\.P|[.\-_]SWAP)$")
_FRONT_FUTURE = re.compile(r"(?<=.)1!$")
_ANY_FUTURE = re.compile(r"\d+!$")
# The form of the ccxt library: BTC/USDT:USDT, with an expiry behind the settlement currency of a future.
_CCXT_DERIVATIVE = re.compile(r"([^:/]+/[^:/]+):([^:/\-]+)(-.+)?")
_PAIR = re.compile(r"([^\W_]+)(?:/([^\W_]+)|[\-_]([^\W\d_]{3,}))")
_CRYPTO_QUOTED = re.compile(r".+(USDT|USDC|BTC|ETH)")
# Words with a blank and no sign between them. Two are one symbol when the second is a currency, a number or a date.
_TWO_WORDS = re.compile(r"[^\s:/\-_]\s+[^\s:/\-_]")
_SYMBOL_IN_TWO_WORDS = re.compile(r"[^\W_]+\s+(?:[A-Za-z]{3,5}|\d{1,3}|\d{2}-\d{2}(?:\d{2})?)")
# A contract by month and year, such as ES 09-26 without its blank.
_DATED_FUTURE = re.compile(r"[A-Z0-9]{1,6}\d{2}-\d{2}(?:\d{2})?")
_QUOTE_FIRST = re.compile(r"(USDT|USDC|BUSD)[\-_/](BTC|ETH|BNB|SOL|XRP|ADA|DOGE|LTC|DOT|LINK|AVAX|TRX|MATIC)")
_EXPECTED_FORM = "must be a symbol such as BTCUSDT, BINANCE:BTCUSDT, BTC/USDT:USDT, ES1! or EURUSD"
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
    """A text is no symbol; the message shows valid ones."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Instrument:
    """Parse a symbol such as `BINANCE:BTCUSDT`, `BTCUSDT.P`, `BTC/USDT:USDT`, `ES1!` or ` eurusd `.

    The exchange is empty when the text names none. The kind follows from the spelling, else it is `unknown`.

    Raises:
        SymbolUnreadable: when the text has another form.
    """
    if _TWO_WORDS.search(text.strip()) is not None and _SYMBOL_IN_TWO_WORDS.fullmatch(text.strip()) is None:
        raise SymbolUnreadable(_EXPECTED_FORM)
    exchange, name = _split_exchange(re.sub(r"\s+", "", text).upper().removeprefix("$").removeprefix("#"))
    symbol, kind = _parse_ccxt_derivative(name) or _parse_suffix(name)
    symbol = _join_pair(symbol)
    if _ALLOWED.fullmatch(symbol) is None or (exchange and _ALLOWED.fullmatch(exchange) is None):
        raise SymbolUnreadable(_EXPECTED_FORM)
    if _QUOTE_FIRST.fullmatch(name) is not None:
        raise SymbolUnreadable("must name the base first, such as BTC-USDT")
    return Instrument(symbol=symbol, exchange=exchange, kind=kind or _guess_kind(symbol))


def _split_exchange(text: str) -> tuple[str, str]:
    """Split `EXCHANGE:SYMBOL`; the colon of `BTC/USDT:USDT` stands before the settlement currency instead."""
    before, colon, after = text.partition(":")
    return (before, after) if colon and "/" not in before else ("", text)


def _parse_ccxt_derivative(name: str) -> tuple[str, InstrumentKind] | None:
    """Return symbol and kind of `BTC/USDT:USDT` (a perpetual) or `BTC/USDT:USDT-260327` (a future), else None."""
    match = _CCXT_DERIVATIVE.fullmatch(name)
    if match is None:
        return None
    expiry = match.group(3)
    if expiry:
        return match.group(1).replace("/", "") + expiry, InstrumentKind.FUTURE
    return match.group(1), InstrumentKind.PERP


def _parse_suffix(name: str) -> tuple[str, InstrumentKind | None]:
    """Return the symbol and the kind that its suffix marks: `.P` or `PERP` a perpetual, `1!` or a date a future."""
    without_suffix, count = _PERPETUAL.subn("", name)
    if count:
        return without_suffix, InstrumentKind.PERP
    if _DATED_FUTURE.fullmatch(name):
        return name, InstrumentKind.FUTURE
    if _ANY_FUTURE.search(name):
        return _FRONT_FUTURE.sub("", name), InstrumentKind.FUTURE
    return name, None


def _join_pair(symbol: str) -> str:
    """Return `BTC/USDT`, `BTC-USDT` or `BTC_USDT` as `BTCUSDT`; other symbols stay as they are."""
    pair = _PAIR.fullmatch(symbol)
    return pair.group(1) + (pair.group(2) or pair.group(3)) if pair else symbol


def _guess_kind(symbol: str) -> InstrumentKind:
    """Return forex for two fiat currencies and spot for a crypto quote, else unknown."""
    if len(symbol) == 6 and {symbol[:3], symbol[3:]} <= _FIAT:
        return InstrumentKind.FOREX
    return InstrumentKind.SPOT if _CRYPTO_QUOTED.fullmatch(symbol) else InstrumentKind.UNKNOWN
