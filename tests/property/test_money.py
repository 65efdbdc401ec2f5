"""Money of two currencies is never added without a stored rate, whatever is traded in whatever book."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain import currencies, fills, instrument_rules, money, outcomes, risk
from domain.costs import costs_for
from domain.fills import DEFAULT
from domain.instruments import InstrumentTerms
from domain.money import Conversion, CurrenciesDiffer, Denomination, Money
from domain.ports import Exposure
from domain.risk import Denial, Limits
from domain.signal import Direction, InstrumentKind
from domain.study import ExitClock
from domain.trade import Fill, Outcome
from tests.support.builders.trades import MONDAY, a_plan, a_trade, an_order

codes = st.sampled_from(["USD", "USDT", "USDC", "EUR", "EURC", "JPY", "GBP", "GBX", "BTC"])
bases = st.sampled_from(["USD", "EUR", "JPY", "USDT"])
rates = st.decimals("0.0001", "20000", places=6)
prices = st.decimals("0.01", "90000", places=4)
multipliers = st.sampled_from([Decimal(1), Decimal(50), Decimal("0.1"), Decimal(125_000)])
known_rates = st.none() | rates
HUNDRED = Decimal(100)


@st.composite
def terms(draw: st.DrawFn) -> InstrumentTerms:
    """Draw an instrument: a pair of two currencies, or anything else in one that may not be known."""
    is_pair = draw(st.booleans())
    return InstrumentTerms(
        currency=draw(codes) if is_pair else draw(st.none() | codes),
        multiplier=draw(st.none() | multipliers),
        base=draw(codes) if is_pair else None,
    )


def stands_for_same(one: str, other: str) -> bool:
    return currencies.resolve_peg(one) == currencies.resolve_peg(other)


def denominate(found: InstrumentTerms, book: str, stored: Decimal | None, price: Decimal) -> Denomination | Denial:
    """Return what a trade is counted in, or why it is denied, as the snapshot and the gate decide it."""
    conversion = money.choose_conversion(found, book)
    rate = {Conversion.SAME: Decimal(1), Conversion.OWN_PRICE: 1 / price, Conversion.STORED: stored}[conversion]
    rules = instrument_rules.build_rules(
        found,
        InstrumentKind.FUTURE,
        base_currency=book,
        conversion=conversion,
        rate=rate,
        reference_capital=HUNDRED,
        max_notional=HUNDRED,
    )
    denial = risk.find_denial(
        replace(a_plan(), stop=price / 2),
        quantity=Decimal(1),
        rules=rules,
        market=fills.complete_quote(costs_for(InstrumentKind.FUTURE), bid=price, ask=price, last=None),
        exposure=Exposure(open_in_symbol=0),
        limits=Limits(max_open_per_symbol=1),
    )
    if denial is not None:
        return denial
    return Denomination(
        currency=rules.currency or book, multiplier=rules.multiplier, conversion=conversion, rate=rules.rate
    )


def fill_at(price: Decimal, counted: Denomination, *, leg: int, rate: Decimal | None) -> Fill:
    """Fill an entry (leg 0) or an exit of one contract on its quote, with the stored rate of its time."""
    order = replace(an_order(is_buy=leg == 0, bid=str(price), ask=str(price), quantity="1", leg=leg), money=counted)
    at_rate = replace(order.quote, rate=rate)
    made = fills.fill_order_by_model(replace(order, quote=at_rate), model=DEFAULT)
    assert made is not None
    return made


def end_trade(counted: Denomination, entry: Fill, last: Fill) -> Outcome:
    trade = replace(a_trade(), money=counted)
    return outcomes.compute_outcome(
        trade,
        [entry, replace(last, at=MONDAY + timedelta(minutes=1))],
        clock=ExitClock.SYNCHRONIZED,
        equals_own=False,
        reference_notional=HUNDRED,
        exit_reason="stop",
    )


@pytest.mark.property_id(50)
@given(found=terms(), book=bases, entry=prices, exit_price=prices, series=st.tuples(known_rates, known_rates))
def test_a_trade_ends_in_the_books_currency_by_a_known_rate_or_is_denied(
    found: InstrumentTerms,
    book: str,
    entry: Decimal,
    exit_price: Decimal,
    series: tuple[Decimal | None, Decimal | None],
) -> None:
    stored, later = series
    counted = denominate(found, book, stored, entry)

    if isinstance(counted, Denial):
        lacks_rate = money.choose_conversion(found, book) is Conversion.STORED and stored is None
        assert counted is (Denial.UNKNOWN_MULTIPLIER if found.multiplier is None else Denial.NO_RATE)
        assert found.multiplier is None or lacks_rate
        return
    later = later if counted.conversion is Conversion.STORED else None
    opened, closed = (fill_at(entry, counted, leg=0, rate=None), fill_at(exit_price, counted, leg=1, rate=later))
    outcome = end_trade(counted, opened, closed)

    if stands_for_same(counted.currency, book):
        expected = Fraction(1)
    elif found.base is not None and stands_for_same(found.base, book):
        expected = 1 / Fraction(closed.price)
    else:
        assert stored is not None
        expected = Fraction(later if later is not None else stored)
    in_quote = (Fraction(closed.price) - Fraction(opened.price)) * Fraction(counted.point_value)
    in_quote -= Fraction(opened.fee) + Fraction(closed.fee)
    assert abs(Fraction(outcome.pnl) - in_quote * expected) <= Fraction(1, 10**10)


@pytest.mark.property_id(50)
@given(amounts=st.lists(st.tuples(prices, codes), min_size=1, max_size=6), book=codes, data=st.data())
def test_amounts_add_up_only_in_one_currency(
    amounts: list[tuple[Decimal, str]], book: str, data: st.DataObject
) -> None:
    listed = [Money(amount=amount, currency=currency) for amount, currency in amounts]
    names = {currency for _, currency in amounts}

    if len(names) > 1:
        with pytest.raises(CurrenciesDiffer):
            money.add_amounts(listed)
    rate_of = {name: Decimal(1) if name == book else data.draw(rates, label=name) for name in sorted(names)}
    total = money.add_amounts([money.convert(item, rate=rate_of[item.currency], to=book) for item in listed])

    assert total.currency == book
    converted = (Fraction(amount) * Fraction(rate_of[currency]) for amount, currency in amounts)
    assert Fraction(total.amount) == sum(converted, Fraction(0))


@pytest.mark.property_id(50)
@given(one=codes, other=codes)
def test_the_fills_of_a_trade_are_never_in_two_currencies(one: str, other: str) -> None:
    assume(one != other)
    plain = Denomination(currency=one, multiplier=Decimal(1), conversion=Conversion.SAME, rate=Decimal(1))
    made = [
        fill_at(HUNDRED, replace(plain, currency=code), leg=leg, rate=None) for leg, code in enumerate((one, other))
    ]

    with pytest.raises(CurrenciesDiffer):
        outcomes.compute_pnl(made, Direction.LONG)
