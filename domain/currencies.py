"""Currency codes: which ones are known, which stand for another one, and the two that a pair's symbol is made of."""

from __future__ import annotations

from decimal import Decimal

_FIAT_CODES = """
    AED ARS AUD BGN BHD BRL CAD CHF CLP CNH CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW KWD
    KZT MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD UYU VND ZAR
"""
FIAT = frozenset(_FIAT_CODES.split())
METALS = frozenset({"XAU", "XAG", "XPT", "XPD"})
# Coins that their issuers redeem at one unit of a currency count as that currency, unless a series says otherwise.
STABLE_COINS = {
    **dict.fromkeys(
        ("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USDP", "DAI", "USDD", "PYUSD", "USDE", "GUSD", "RLUSD"), "USD"
    ),
    **dict.fromkeys(("EURT", "EURC", "EURS"), "EUR"),
}
# Prices in hundredths of a currency: pence in London, cents in Johannesburg, agorot in Tel Aviv, US cents.
MINOR_UNITS = {"GBX": "GBP", "ZAC": "ZAR", "ILA": "ILS", "USX": "USD"}
MINOR_UNIT = Decimal("0.01")
_CRYPTO_QUOTES = frozenset({"BTC", "ETH", "BNB"})
# Longest first: BTCFDUSD is quoted in FDUSD and not in USD.
_QUOTES = sorted(FIAT | set(STABLE_COINS) | _CRYPTO_QUOTES, key=lambda code: (-len(code), code))
_SHORTEST_BASE, _LONGEST_BASE = 2, 12


def split_pair(symbol: str) -> tuple[str, str] | None:
    """Return the base and quote currency of a pair such as EURUSD or BTCUSDT; None when it does not end in a quote."""
    for quote in _QUOTES:
        base = symbol.removesuffix(quote)
        if base != symbol and _SHORTEST_BASE <= len(base) <= _LONGEST_BASE and base.isalnum():
            return base, quote
    return None


def resolve_peg(code: str) -> str:
    """Return the currency that a stable coin stands for; other codes stay as they are."""
    return STABLE_COINS.get(code, code)


def list_spellings(code: str) -> tuple[str, ...]:
    """Return a currency and the stable coins that stand for it: the quotes in which its prices may be given."""
    return (code, *(coin for coin, currency in STABLE_COINS.items() if currency == code))


def is_currency_code(text: str) -> bool:
    """Return whether a text may be the code of a currency or coin: 2 to 10 capital letters or digits."""
    return 2 <= len(text) <= 10 and text.isascii() and text.isalnum() and text == text.upper()
