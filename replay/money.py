"""The money of a replay: its base currency, and the terms of the instruments that its bars are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain import currencies, rates
from domain.books import DEFAULT_CURRENCY
from domain.canonical import format_number
from domain.instruments import InstrumentTerms, is_inverse
from domain.money import Conversion, choose_conversion
from domain.signal import Instrument

Terms = Mapping[Instrument, InstrumentTerms]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayMoney:
    """The base currency of a replay's book, and its instruments' terms as texts, which decide its result.

    One position may be worth `max_leverage` times the book's capital.
    """

    base_currency: str = DEFAULT_CURRENCY
    instruments: tuple[str, ...] = ()
    max_leverage: Decimal = Decimal(1)

    @property
    def parts(self) -> tuple[str, ...]:
        """The texts that enter the replay's identity; none where nothing is known."""
        leverage = () if self.max_leverage == 1 else (f"leverage={format_number(self.max_leverage)}",)
        return (self.base_currency, *self.instruments, *leverage) if self.instruments else leverage


def build_money(terms: Terms, *, base_currency: str | None, max_leverage: Decimal = Decimal(1)) -> ReplayMoney:
    """Return the money of a replay: in the wanted base currency, else in the one that its instruments share.

    Without a shared one it is in US dollars. A stable coin counts as the currency that it stands for, a minor unit
    such as pence as its currency, and an instrument of unknown currency is left out of the choice.
    """
    return ReplayMoney(
        base_currency=base_currency or _find_shared_currency(terms) or DEFAULT_CURRENCY,
        instruments=tuple(sorted(_format_terms(instrument, terms[instrument]) for instrument in terms)),
        max_leverage=max_leverage,
    )


def format_warnings(terms: Terms, money: ReplayMoney, *, symbols: Sequence[str]) -> list[str]:
    """Return a line for each instrument in which no entry can be traded, and for each unknown currency.

    `symbols` are those that there are bars of.
    """
    lines = (_format_warning(instrument, terms[instrument], money.base_currency, symbols) for instrument in terms)
    return [line for line in dict.fromkeys(lines) if line is not None]


def _find_shared_currency(terms: Terms) -> str | None:
    """Return the one currency of all instruments whose currency is known; None when there is none, or several."""
    known = (found.currency for found in terms.values() if found.currency is not None)
    shared = {currencies.resolve_peg(rates.split_minor_unit(currency)[0]) for currency in known}
    return shared.pop() if len(shared) == 1 else None


def _format_terms(instrument: Instrument, terms: InstrumentTerms) -> str:
    """Write what decides the amounts of an instrument as one text, to be hashed."""
    numbers = (terms.multiplier, terms.lot, terms.min_notional)
    texts = ("" if number is None else format_number(number) for number in numbers)
    return ":".join((instrument.exchange, instrument.symbol, instrument.kind.value, terms.currency or "", *texts))


def _has_third_currency(currency: str, base_currency: str, symbols: Sequence[str]) -> bool:
    """Return whether there are bars of pairs that give the rate of two currencies through a third one."""
    known = set(symbols)
    return any(
        all(
            known.intersection(pair.symbol for pair in rates.list_rate_pairs(*leg))
            for leg in ((currency, third), (third, base_currency))
        )
        for third in rates.list_intermediates(currency, base_currency)
    )


def _format_warning(
    instrument: Instrument, terms: InstrumentTerms, base_currency: str, symbols: Sequence[str]
) -> str | None:
    """Return what keeps an instrument from being traded, or from being counted, with the cure; None for nothing."""
    symbol = instrument.symbol
    if terms.multiplier is None and is_inverse(instrument):
        return (
            f"{symbol}: a perpetual in dollars is settled in its coin (inverse), which is not computed, so its entries"
            " are denied (unknown_multiplier); where it is settled in dollars, `orchestrator instruments set"
            f" {symbol}.P --multiplier 1 --currency USD` says so"
        )
    if terms.multiplier is None:
        return (
            f"{symbol}: its multiplier is not known, so its entries are denied (unknown_multiplier);"
            f" `orchestrator instruments set {symbol} --multiplier ... --currency ...` cures it"
        )
    if terms.currency is None:
        return f"{symbol}: its currency is not known; {base_currency} is taken for it"
    if choose_conversion(terms, base_currency) is not Conversion.STORED:
        return None
    major = rates.split_minor_unit(terms.currency)[0]
    pairs = [pair.symbol for pair in rates.list_rate_pairs(major, base_currency)]
    if major == base_currency or set(pairs) & set(symbols) or _has_third_currency(major, base_currency, symbols):
        return None
    return (
        f"{symbol}: nothing gives the rate of {major} to {base_currency}, so its entries are denied (no_rate);"
        f" add bars of {pairs[0]} or {pairs[1]}, or give --base-currency {major}"
    )
