"""From the quote currency of an instrument to the base currency of its book: how, and at which rate.

P&L is made in the quote currency and converted once, at the rate of the exit. Where the pair itself prices the book's
currency (USDJPY in a book of dollars) that is the exit's own price; else it is a stored rate, another series of the
book. Amounts of two currencies are never added: `add_amounts` refuses to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import Enum

from domain import currencies
from domain.instruments import InstrumentTerms

PARITY = Decimal(1)
# An inverse has no end; this many digits leave the P&L right to its tenth decimal place.
_RATE = Context(prec=34, rounding=ROUND_HALF_EVEN)


class Conversion(Enum):
    """The source of the rate from an instrument's currency to its book's."""

    SAME = "same"
    OWN_PRICE = "own_price"
    STORED = "stored"


class CurrenciesDiffer(ValueError):
    """Amounts of different currencies were to be added without a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denomination:
    """What a trade's prices are counted in, and how they become money of its book.

    `rate` is that of the entry, in units of the book's currency for one of `currency`: 1 where both are the same.
    Multiplier and rate are None where they are not known, which they are for every trade that was not denied.
    """

    currency: str
    multiplier: Decimal | None
    conversion: Conversion
    rate: Decimal | None

    @property
    def point_value(self) -> Decimal:
        """What a move of the price by 1 is worth, in `currency`, for one unit of quantity.

        Raises:
            ValueError: when it is not known; such a trade is denied.
        """
        if self.multiplier is None:
            raise ValueError("the multiplier is not known")
        return self.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in a currency."""

    amount: Decimal
    currency: str


def choose_conversion(terms: InstrumentTerms, base_currency: str) -> Conversion:
    """Return where the rate from an instrument's currency to its book's base currency comes from.

    A stable coin counts as the currency that it stands for, and an unknown currency as the book's.
    """
    base = currencies.resolve_peg(base_currency)
    if terms.currency is None or currencies.resolve_peg(terms.currency) == base:
        return Conversion.SAME
    if terms.base is not None and currencies.resolve_peg(terms.base) == base:
        return Conversion.OWN_PRICE
    return Conversion.STORED


def convert_own_price(price: Decimal) -> Decimal:
    """Return the rate that the price of a pair implies for its quote currency: 1 / price."""
    return _RATE.divide(PARITY, price)


def find_fill_rate(conversion: Conversion, *, price: Decimal, stored: Decimal | None) -> Decimal:
    """Return the rate of a fill at `price`; `stored` is the rate at its time, which a stored conversion needs.

    Raises:
        ValueError: when a rate is needed that is not known; no order may be sent without one.
    """
    match conversion:
        case Conversion.SAME:
            return PARITY if stored is None else stored
        case Conversion.OWN_PRICE:
            return convert_own_price(price)
        case Conversion.STORED:
            if stored is None:
                raise ValueError("a fill in another currency needs a stored rate")
            return stored


def add_amounts(amounts: Iterable[Money]) -> Money:
    """Add amounts of one currency.

    Raises:
        CurrenciesDiffer: when they are of several currencies; convert them first.
        ValueError: when there is none.
    """
    listed = list(amounts)
    names = sorted({money.currency for money in listed})
    if len(names) > 1:
        raise CurrenciesDiffer(f"{' and '.join(names)} are added only after a conversion at a stored rate")
    if not listed:
        raise ValueError("there is no amount to add")
    return Money(amount=sum((money.amount for money in listed), Decimal(0)), currency=names[0])


def convert(money: Money, *, rate: Decimal, to: str) -> Money:
    """Return an amount in another currency, at a rate in units of `to` for one of its own."""
    return Money(amount=money.amount * rate, currency=to)
