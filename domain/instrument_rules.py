"""The rules that a trade is sized by: the instrument's terms, the book's capital, the rate between their currencies."""

from __future__ import annotations

from decimal import Decimal

from domain.context import InstrumentRules
from domain.instruments import InstrumentTerms, default_lot
from domain.money import PARITY, Conversion
from domain.signal import InstrumentKind


def build_rules(
    terms: InstrumentTerms,
    kind: InstrumentKind,
    *,
    base_currency: str,
    conversion: Conversion,
    rate: Decimal | None,
    reference_capital: Decimal,
    max_notional: Decimal,
) -> InstrumentRules:
    """Return the rules of an instrument in a book; capital and cap are in the book's base currency.

    `rate` is in units of the base currency for one of the instrument's, None where it is not known.
    """
    return InstrumentRules(
        lot=terms.lot or default_lot(kind),
        reference_capital=reference_capital,
        max_notional=max_notional,
        currency=terms.currency,
        base_currency=base_currency,
        multiplier=terms.multiplier,
        tick=terms.tick,
        min_notional=terms.min_notional,
        calendar=terms.calendar,
        conversion=conversion,
        rate=PARITY if rate is None and conversion is Conversion.SAME else rate,
    )
