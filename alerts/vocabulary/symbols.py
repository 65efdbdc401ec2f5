"""Parser for symbols: the senders' spellings to upper-case base and quote, with the exchange and the kind."""

from __future__ import annotations

import re
from functools import lru_cache

from alerts.vocabulary import currencies, option_symbols
from alerts.vocabulary.currencies import COIN_QUOTES, PairAmbiguous
from domain.currencies import FIAT
from domain.signal import Instrument, InstrumentKind

_ALLOWED = re.compile(r"[^\W_][\w.\-!&^=#]{0,63}")
_PERPETUAL = re.compile(r"(?<=.)([.\-_]?PERP|\.P|[.\-_]SWAP)$")
_FRONT_FUTURE = re.compile(r"(?<=.)1!$")
_ANY_FUTURE = re.compile(r"\d+!$")
# The form of the ccxt library: BTC/USDT:USDT, with an expiry behind the settlement currency of a future.
_CCXT_DERIVATIVE = re.compile(r"([^:/]+/[^:/]+):([^:/\-]+)(-.+)?")
_PAIR = re.compile(r"([^\W_]+)(?:/([^\W_]+)|[\-_]([^\W\d_]{3,}))")
_NUMBERED_COIN = re.compile(r"([A-Z]{3,5})[\-_](\d+[A-Z]{2,})()")  # USDT_1000PEPE
_CRYPTO_QUOTED = re.compile(r".+(USDT|USDC|BTC|ETH)")
# Words with a blank and no sign between them. Two are one symbol when the second is a currency, a number or a date.
_TWO_WORDS = re.compile(r"[^\s:/\-_]\s+[^\s:/\-_]")
_SYMBOL_IN_TWO_WORDS = re.compile(r"[^\W_]+\s+(?:[A-Za-z]{3,5}|\d{1,3}|\d{2}-\d{2}(?:\d{2})?)")
# A contract by month and year, such as ES 09-26 without its blank.
_DATED_FUTURE = re.compile(r"[A-Z0-9]{1,6}\d{2}-\d{2}(?:\d{2})?")
# Bitfinex writes a `t` before a pair, UST for USDT, and F0 behind both parts of a perpetual: tBTCF0:USTF0.
_BITFINEX = re.compile(r"t([A-Z0-9]{2,10}?)(F0)?:([A-Z]{3,5})(?(2)F0)|t([A-Z]{3,6}?)(USD|UST|EUR|GBP|JPY|BTC|ETH)")
_OPTION_REFUSED = "is an option, which is not supported: its side is not that of its underlying"
_EXPECTED_FORM = "must be a symbol such as BTCUSDT, BINANCE:BTCUSDT, BTC/USDT:USDT, ES1! or EURUSD"


class SymbolUnreadable(ValueError):
    """A text is no symbol; the message shows valid ones."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Instrument:
    """Parse a symbol such as `BINANCE:BTCUSDT`, `BTCUSDT.P`, `BTC/USDT:USDT`, `ES1!` or ` eurusd `.

    The exchange is empty when the text names none. The kind follows from the spelling, else it is `unknown`.

    Raises:
        SymbolUnreadable: when the text has another form.
    """
    text = _rewrite_bitfinex(text.strip())
    if option_symbols.is_option("_".join(text.upper().rpartition(":")[2].split())):
        raise SymbolUnreadable(_OPTION_REFUSED)
    if _TWO_WORDS.search(text.strip()) is not None and _SYMBOL_IN_TWO_WORDS.fullmatch(text.strip()) is None:
        raise SymbolUnreadable(_EXPECTED_FORM)
    exchange, name = _split_exchange(re.sub(r"\s+", "", text).upper().removeprefix("$").removeprefix("#"))
    symbol, kind = _parse_ccxt_derivative(name) or _parse_suffix(name)
    symbol = _join_pair(symbol)
    if _ALLOWED.fullmatch(symbol) is None or (exchange and _ALLOWED.fullmatch(exchange) is None):
        raise SymbolUnreadable(_EXPECTED_FORM)
    if exchange and currencies.is_quote(symbol) and symbol not in COIN_QUOTES:
        raise SymbolUnreadable("must name base and quote as BTC/USDT or BTC-USDT; before a colon stands an exchange")
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
    if expiry and option_symbols.is_option(f"X{expiry}"):
        raise SymbolUnreadable(_OPTION_REFUSED)
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


def _rewrite_bitfinex(text: str) -> str:
    """Return `tBTCF0:USTF0` as `BTC/USDT:USDT` and `tBTCUST` as `BTC/USDT`; other texts stay as they are."""
    match = _BITFINEX.fullmatch(text)
    if match is None:
        return text
    base, quote = match.group(1) or match.group(4), match.group(3) or match.group(5)
    quote = "USDT" if quote == "UST" else quote
    return f"{base}/{quote}:{quote}" if match.group(2) else f"{base}/{quote}"


def _join_pair(symbol: str) -> str:
    """Return `BTC/USDT`, `BTC-USDT`, `BTC_USDT` or, quote first, `USDT_BTC` as `BTCUSDT`; other symbols as they are.

    Raises:
        SymbolUnreadable: when a pair may be meant in either order.
    """
    first, _, rest = symbol.partition("_")
    market = _PAIR.sub(r"\1\2\3", rest)
    if currencies.is_quote(first) and first in (market[: len(first)], market[-len(first) :]):
        # Some senders write the account's currency before the market: USDT_BTCUSDT, BTC_BTCUSD.
        return market
    pair = _PAIR.fullmatch(symbol)
    if pair is None and (numbered := _NUMBERED_COIN.fullmatch(symbol)) is not None:
        pair = numbered if currencies.is_quote(numbered.group(1)) else None
    if pair is None:
        return currencies.turn_joined_pair(symbol)
    try:
        return "".join(currencies.order_pair(pair.group(1), pair.group(2) or pair.group(3)))
    except PairAmbiguous:
        raise SymbolUnreadable("must name the base first, without a doubt: ETH/BTC, USDT/KRW") from None


def _guess_kind(symbol: str) -> InstrumentKind:
    """Return forex for two fiat currencies and spot for a crypto quote, else unknown."""
    if len(symbol) == 6 and {symbol[:3], symbol[3:]} <= FIAT:
        return InstrumentKind.FOREX
    return InstrumentKind.SPOT if _CRYPTO_QUOTED.fullmatch(symbol) else InstrumentKind.UNKNOWN
