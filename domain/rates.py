"""Which pairs may give the rate between two currencies, and how the rate follows from their prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain import currencies
from domain.money import PARITY, convert_own_price

# Most pairs are quoted in the first; the others are the usual quotes of crosses.
_INTERMEDIATES = ("USD", "EUR", "GBP", "JPY", "BTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePair:
    """A pair whose price gives a rate: by itself (EURUSD for euros in dollars), or inverted (USDJPY for yen)."""

    symbol: str
    is_inverse: bool

    def compute_rate(self, price: Decimal) -> Decimal:
        """Return the rate that a price of the pair implies."""
        return convert_own_price(price) if self.is_inverse else price


def split_minor_unit(currency: str) -> tuple[str, Decimal]:
    """Return the currency that prices such as pence (GBX) are a hundredth of, with 0.01; others as they are, with 1."""
    major = currencies.MINOR_UNITS.get(currency)
    return (currency, PARITY) if major is None else (major, currencies.MINOR_UNIT)


def list_rate_pairs(currency: str, base: str) -> tuple[RatePair, ...]:
    """Return the pairs that price `currency` in `base` or the other way round, the plainest first.

    A currency may be spelled by a stable coin that stands for it (BTCUSDT gives the rate of bitcoin in dollars), unless
    the pair would only price a coin in its own currency's other coins.
    """
    pairs = [
        pair
        for quoted in dict.fromkeys((currency, currencies.resolve_peg(currency)))
        for spelled in _list_bases(quoted, base)
        for pair in (
            RatePair(symbol=f"{quoted}{spelled}", is_inverse=False),
            RatePair(symbol=f"{spelled}{quoted}", is_inverse=True),
        )
    ]
    return tuple(dict.fromkeys(pairs))


def list_intermediates(currency: str, base: str) -> tuple[str, ...]:
    """Return the currencies through which a rate may be computed where no pair of the two is stored, best first."""
    return tuple(hub for hub in _INTERMEDIATES if not is_pegged(hub, currency) and not is_pegged(hub, base))


def is_pegged(currency: str, base: str) -> bool:
    """Return whether both stand for one currency, so that they count as equal unless a series says otherwise."""
    return currencies.resolve_peg(currency) == currencies.resolve_peg(base)


def _list_bases(quoted: str, base: str) -> tuple[str, ...]:
    if quoted == base:
        return ()
    return (base,) if is_pegged(quoted, base) else currencies.list_spellings(base)
