"""Stops, targets, quantity and time limits, as both engines set them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.context import InstrumentRules
from domain.decision import Plan, Target, Trailing
from domain.intervals import Interval
from domain.signal import Direction
from engines import sizing
from tests.support.builders.engine_inputs import a_context, a_signal, uptrend_indicators

LONG, SHORT = Direction.LONG, Direction.SHORT
FULL = Decimal(1)


def test_a_long_plan_has_its_levels_in_stop_distances() -> None:
    context = a_context(uptrend_indicators(atr_14="1", swing_low_10="99"))

    sized = sizing.size_entry(a_signal(), context, share=FULL)

    assert sized.plan == Plan(
        side=LONG,
        quantity=Decimal("333.333"),
        stop=Decimal("98.5"),
        targets=(
            Target(price=Decimal("102.25"), fraction=Decimal("0.5")),
            Target(price=Decimal("104.5"), fraction=Decimal("0.5")),
        ),
        trailing=Trailing(activation=Decimal("101.5"), distance=Decimal("1.5")),
        max_hold=timedelta(hours=48),
    )


def test_a_short_plan_is_the_mirror_image() -> None:
    context = a_context(uptrend_indicators(atr_14="1", swing_high_10="101"))

    plan = sizing.size_entry(a_signal(SHORT), context, share=FULL).plan

    assert plan is not None
    assert plan.quantity == Decimal("333.333")
    assert (plan.stop, *(target.price for target in plan.targets)) == (
        Decimal("101.5"),
        Decimal("97.75"),
        Decimal("95.5"),
    )
    assert plan.trailing == Trailing(activation=Decimal("98.5"), distance=Decimal("1.5"))


@pytest.mark.parametrize(
    ("direction", "swing", "stop"),
    [(LONG, {"swing_low_10": "98.2"}, "98.2"), (SHORT, {"swing_high_10": "101.8"}, "101.8")],
)
def test_a_long_looks_at_the_last_swing_low_and_a_short_at_the_last_swing_high(
    direction: Direction, swing: dict[str, str | None], stop: str
) -> None:
    plan = sizing.size_entry(a_signal(direction), a_context(uptrend_indicators(atr_14="1", **swing)), share=FULL).plan

    assert plan is not None
    assert plan.stop == Decimal(stop)


@pytest.mark.parametrize(
    ("timeframe", "limit"),
    [
        ("15m", timedelta(hours=4)),
        ("30m", timedelta(hours=48)),
        ("1d", timedelta(hours=48)),
        ("1w", timedelta(days=30)),
        ("1mo", timedelta(days=180)),
    ],
)
def test_the_time_limit_follows_the_horizon(timeframe: str, limit: timedelta) -> None:
    plan = sizing.size_entry(a_signal(timeframe=Interval.parse(timeframe)), a_context(), share=FULL).plan

    assert plan is not None
    assert plan.max_hold == limit


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(
    ("atr", "price", "lot", "refusal"),
    [
        ("0", "100", "0.001", "stop_too_close"),
        ("0.00000001", "100", "0.001", "stop_too_close"),
        ("70", "100", "0.001", "price_out_of_range"),
        ("1", "-5", "0.001", "price_out_of_range"),
        ("1", "100", "1000", "quantity_below_lot"),
    ],
)
def test_what_cannot_be_traded_is_refused_with_its_reason(
    direction: Direction, atr: str, price: str, lot: str, refusal: str
) -> None:
    rules = InstrumentRules(lot=Decimal(lot), reference_capital=Decimal(100_000), max_notional=Decimal(1_000_000))
    values = uptrend_indicators(atr_14=atr, swing_low_10=None, swing_high_10=None)
    context = a_context(values, current_price=Decimal(price), rules=rules)

    sized = sizing.size_entry(a_signal(direction), context, share=FULL)

    assert (sized.plan, sized.refusal) == (None, refusal)


@pytest.mark.parametrize(
    ("multiplier", "rate", "quantity"),
    [("1", "1", "100"), ("5", "1", "20"), ("1", "0.5", "200"), ("5", "0.5", "40"), ("0.1", "2", "500")],
)
def test_the_quantity_risks_the_same_money_whatever_a_point_is_worth(multiplier: str, rate: str, quantity: str) -> None:
    rules = InstrumentRules(
        lot=Decimal(1),
        reference_capital=Decimal(30_000),
        max_notional=Decimal(1_000_000),
        multiplier=Decimal(multiplier),
        rate=Decimal(rate),
    )
    values = uptrend_indicators(atr_14="1", swing_low_10=None, swing_high_10=None)
    context = a_context(values, current_price=Decimal(100), rules=rules)

    sized = sizing.size_entry(a_signal(), context, share=FULL)

    # 0.5 % of 30,000 over a stop distance of 1.5.
    assert sized.plan is not None
    assert sized.plan.quantity == Decimal(quantity)


def test_the_cap_is_in_the_books_currency() -> None:
    rules = InstrumentRules(
        lot=Decimal("0.01"),
        reference_capital=Decimal(1_000_000),
        max_notional=Decimal(100_000),
        multiplier=Decimal(50),
        rate=Decimal("1.25"),
    )
    values = uptrend_indicators(atr_14="1", swing_low_10=None, swing_high_10=None)
    sized = sizing.size_entry(a_signal(), a_context(values, current_price=Decimal(100), rules=rules), share=FULL)

    assert sized.plan is not None
    assert sized.plan.quantity * 100 * 50 * Decimal("1.25") == 100_000


@pytest.mark.parametrize("missing", ["multiplier", "rate"])
def test_an_entry_of_unknown_worth_asks_for_one_lot_so_that_the_gate_can_deny_it(missing: str) -> None:
    rules = InstrumentRules(lot=Decimal(1), reference_capital=Decimal(100_000), max_notional=Decimal(100_000))
    unknown = replace(rules, multiplier=None) if missing == "multiplier" else replace(rules, rate=None)

    sized = sizing.size_entry(a_signal(), a_context(current_price=Decimal(100), rules=unknown), share=FULL)

    assert sized.plan is not None
    assert sized.plan.quantity == 1
    assert sized.rationale[missing] is None
