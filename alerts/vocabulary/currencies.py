"""Currencies that prices are quoted in, and the order of base and quote in a pair that names both."""

from __future__ import annotations

from domain.currencies import FIAT

STABLE = frozenset(
    {
        "BIDR",
        "BUSD",
        "DAI",
        "EURC",
        "EURT",
        "FDUSD",
        "GUSD",
        "PYUSD",
        "RLUSD",
        "TUSD",
        "USDC",
        "USDD",
        "USDE",
        "USDP",
        "USDT",
        "UST",
        "XUSD",
    }
)
# Quotes of last resort: most often they are the base, so they count as the quote only beside another coin.
COIN_QUOTES = frozenset({"BTC", "ETH"})
# Fiat currencies that are themselves priced in stable coins, so that EUR-USDT names its base first.
_PRICED_IN_STABLE = frozenset({"AUD", "CAD", "CHF", "EUR", "GBP", "NZD", "SGD", "USD"})
# Coins by which a pair without a sign between its parts, such as USDTSOL, is known to name its quote first.
_MAJOR_COINS = frozenset(
    {
        "ADA",
        "AVAX",
        "BCH",
        "BNB",
        "BTC",
        "DOGE",
        "DOT",
        "ETH",
        "LINK",
        "LTC",
        "MATIC",
        "PEPE",
        "SHIB",
        "SOL",
        "TRX",
        "XRP",
    }
)
_LONGEST_QUOTE = 5


class PairAmbiguous(ValueError):
    """A pair of two currencies may be meant in either order."""


def order_pair(first: str, second: str) -> tuple[str, str]:
    """Return base and quote of a pair, turned round where only the first is a known quote: KRW-BTC, USDT_PEPE.

    Raises:
        PairAmbiguous: when both are quotes and the first may be meant as the quote, as in BTC-ETH or KRW-USDT.
    """
    if _is_money(first):
        if first in FIAT and second not in FIAT and _is_money(second) and first not in _PRICED_IN_STABLE:
            raise PairAmbiguous
        is_turned = not _is_money(second)
    else:
        if first == "BTC" and second == "ETH":
            raise PairAmbiguous
        is_turned = first in COIN_QUOTES and not is_quote(second)
    return (second, first) if is_turned else (first, second)


def is_quote(code: str) -> bool:
    """Return whether a code is that of a currency in which prices are quoted."""
    return code in COIN_QUOTES or _is_money(code)


def turn_joined_pair(symbol: str) -> str:
    """Return USDTSOL as SOLUSDT: a stable coin or fiat currency that is joined before a major coin."""
    for length in range(3, _LONGEST_QUOTE + 1):
        quote, coin = symbol[:length], symbol[length:]
        if coin in _MAJOR_COINS and (quote in FIAT or quote in STABLE):
            return coin + quote
    return symbol


def _is_money(code: str) -> bool:
    """Return whether a code is a fiat currency or a stable coin, known or by its name (USDX, CUSD)."""
    is_named_so = len(code) <= _LONGEST_QUOTE and (code.startswith("USD") or code.endswith("USD"))
    return code in FIAT or code in STABLE or is_named_so
