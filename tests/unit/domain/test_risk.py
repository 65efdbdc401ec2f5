"""The risk gate's reasons and their limits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import fills, risk
from domain.context import InstrumentRules
from domain.costs import costs_for
from domain.decision import Plan
from domain.fills import TwoSidedQuote
from domain.ports import Exposure
from domain.risk import Denial, Limits
from domain.signal import Direction, InstrumentKind
from tests.support.builders.trades import a_plan, dec

RULES = InstrumentRules(lot=dec(1), reference_capital=dec(100_000), max_notional=dec(100_000))
MARKET = fills.complete_quote(costs_for(InstrumentKind.SPOT), bid=dec(99), ask=dec(101), last=None)


def find_denial(
    plan: Plan,
    *,
    quantity: str = "10",
    market: TwoSidedQuote | None = MARKET,
    already_open: int = 0,
    rules: InstrumentRules = RULES,
) -> Denial | None:
    return risk.find_denial(
        plan,
        quantity=dec(quantity),
        rules=rules,
        market=market,
        exposure=Exposure(open_in_symbol=already_open),
        limits=Limits(max_open_per_symbol=2),
    )


@pytest.mark.parametrize("side", list(Direction))
def test_a_sound_trade_passes(side: Direction) -> None:
    assert find_denial(a_plan(side), already_open=1) is None


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_a_quantity_must_be_a_positive_number(quantity: str) -> None:
    assert find_denial(replace(a_plan(), quantity=Decimal(quantity))) is Denial.QUANTITY_NOT_POSITIVE


def test_without_any_price_there_is_no_trade() -> None:
    assert find_denial(a_plan(), market=None) is Denial.NO_QUOTE


@pytest.mark.parametrize(
    ("side", "stop", "denial"),
    [
        (Direction.LONG, "98.99", None),
        (Direction.LONG, "99", Denial.STOP_ON_WRONG_SIDE),
        (Direction.LONG, "100", Denial.STOP_ON_WRONG_SIDE),
        (Direction.LONG, "105", Denial.STOP_ON_WRONG_SIDE),
        (Direction.LONG, "NaN", Denial.STOP_ON_WRONG_SIDE),
        (Direction.SHORT, "101.01", None),
        (Direction.SHORT, "101", Denial.STOP_ON_WRONG_SIDE),
        (Direction.SHORT, "100", Denial.STOP_ON_WRONG_SIDE),
        (Direction.SHORT, "95", Denial.STOP_ON_WRONG_SIDE),
        (Direction.SHORT, "NaN", Denial.STOP_ON_WRONG_SIDE),
    ],
)
def test_a_stop_must_stand_behind_the_price_that_tests_it(side: Direction, stop: str, denial: Denial | None) -> None:
    assert find_denial(a_plan(side, stop=stop)) is denial


def test_less_than_a_lot_is_not_traded() -> None:
    assert find_denial(a_plan(), quantity="0") is Denial.BELOW_MINIMUM_LOT


@pytest.mark.parametrize(("already_open", "denial"), [(1, None), (2, Denial.MAX_OPEN_PER_SYMBOL)])
def test_an_engine_has_no_more_open_than_its_limit(already_open: int, denial: Denial | None) -> None:
    assert find_denial(a_plan(), already_open=already_open) is denial


def test_a_contract_without_a_known_multiplier_is_never_traded_as_one() -> None:
    unknown = replace(RULES, multiplier=None)

    assert find_denial(a_plan(), rules=unknown) is Denial.UNKNOWN_MULTIPLIER
    assert find_denial(a_plan(), rules=unknown, market=None) is Denial.UNKNOWN_MULTIPLIER
    assert find_denial(a_plan(), rules=replace(unknown, rate=None)) is Denial.UNKNOWN_MULTIPLIER


def test_without_a_rate_to_the_books_currency_there_is_no_trade() -> None:
    assert find_denial(a_plan(), rules=replace(RULES, currency="EUR", rate=None)) is Denial.NO_RATE


@pytest.mark.parametrize(("multiplier", "denial"), [("1", Denial.BELOW_MINIMUM_NOTIONAL), ("2", None)])
def test_an_order_below_the_smallest_value_is_not_sent(multiplier: str, denial: Denial | None) -> None:
    rules = replace(RULES, min_notional=dec(2000), multiplier=dec(multiplier))

    assert find_denial(a_plan(), rules=rules) is denial
