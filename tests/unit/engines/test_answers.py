"""What counts as an engine's answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.decision import Decision, Plan, Target, Trailing, Verdict
from domain.signal import Direction
from engines.answers import AnswerInvalid, validate_answer
from tests.support.builders.engine_inputs import a_context

PLAN = Plan(
    side=Direction.LONG,
    quantity=Decimal(1),
    stop=Decimal(99),
    targets=(Target(price=Decimal(101), fraction=Decimal("0.5")), Target(price=Decimal(103), fraction=Decimal("0.5"))),
    trailing=Trailing(activation=Decimal(101), distance=Decimal(1)),
    max_hold=timedelta(hours=1),
)
ENTER = Decision(verdict=Verdict.ENTER, reasons=("go",), rationale={}, plan=PLAN)


def enter_with(**changes: Any) -> Decision:
    """Return the good answer with changes of any type."""
    return replace(ENTER, **changes)


def enter_with_plan(**changes: Any) -> Decision:
    """Return the good answer with a changed plan."""
    return replace(ENTER, plan=replace(PLAN, **changes))


@pytest.mark.parametrize(
    "answer",
    [
        ENTER,
        enter_with_plan(targets=(), trailing=None),
        enter_with_plan(targets=tuple(Target(price=Decimal(101 + i), fraction=Decimal("0.3")) for i in range(3))),
        Decision(verdict=Verdict.HOLD, reasons=(), rationale={"share": 0.5, "seen": [1, None, "ü"]}),
        enter_with_plan(
            side=Direction.SHORT, stop=Decimal(101), targets=(Target(price=Decimal(1), fraction=Decimal(1)),)
        ),
    ],
)
def test_a_good_answer_is_returned_as_it_is(answer: Decision) -> None:
    assert validate_answer(answer, a_context()) is answer


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "a Decision was expected"),
        ({"verdict": "HOLD"}, "a Decision was expected"),
        (enter_with(verdict="ENTER", plan=None), "verdict"),
        (enter_with(reasons=["go"]), "reasons"),
        (enter_with(reasons=("",)), "reason"),
        (enter_with(reasons=("a\nb",)), "reason"),
        (enter_with(reasons=("x" * 201,)), "reason"),
        (enter_with(error=3), "error"),
        (enter_with(error="\ud800"), "error"),
        (enter_with(confidence=Decimal("NaN")), "confidence"),
        (enter_with(confidence=Decimal("100.1")), "confidence"),
        (enter_with(confidence=Decimal(-1)), "confidence"),
        (enter_with(confidence=70.0), "confidence"),
        (enter_with(rationale=["text"]), "rationale"),
        (enter_with(rationale={"x": float("nan")}), "rationale"),
        (enter_with(rationale={"x": Decimal(1)}), "rationale"),
        (enter_with(rationale={"x": "a\x00b"}), "rationale"),
        (enter_with(rationale={"x": "\ud800"}), "rationale"),
        (enter_with(rationale={"x": "y" * 1_000_001}), "1000000 bytes"),
        (enter_with(plan="buy"), "a Plan was expected"),
        (enter_with_plan(side="long"), "side"),
        (enter_with_plan(quantity=Decimal(0)), "quantity"),
        (enter_with_plan(quantity=Decimal("Infinity")), "quantity"),
        (enter_with_plan(quantity=Decimal("1E+31")), "quantity"),
        (enter_with_plan(quantity=1.5), "quantity"),
        (enter_with_plan(stop=Decimal(0)), "prices"),
        (enter_with_plan(stop=Decimal(100)), "follow each other"),
        (enter_with_plan(stop=Decimal("101.5")), "follow each other"),
        (enter_with_plan(targets=tuple(reversed(PLAN.targets))), "follow each other"),
        (enter_with_plan(side=Direction.SHORT), "follow each other"),
        (enter_with_plan(targets=[]), "targets"),
        (enter_with_plan(targets=(Target(price=Decimal(101), fraction=Decimal("1.1")),)), "sum to at most 1"),
        (enter_with_plan(targets=(Target(price=Decimal(101), fraction=Decimal(0)),)), "fraction"),
        (enter_with_plan(trailing=Trailing(activation=Decimal(101), distance=Decimal(0))), "trailing"),
        (enter_with_plan(trailing="yes"), "a Trailing was expected"),
        (enter_with_plan(max_hold=timedelta(0)), "max_hold"),
        (enter_with_plan(max_hold=timedelta(days=4000)), "max_hold"),
    ],
)
def test_a_bad_answer_is_refused_with_what_is_wrong(answer: object, complaint: str) -> None:
    with pytest.raises(AnswerInvalid, match=complaint):
        validate_answer(answer, a_context())


def test_without_a_price_the_levels_alone_must_be_in_order() -> None:
    beyond = enter_with_plan(stop=Decimal(100))

    assert validate_answer(beyond, a_context(current_price=None)) is beyond
