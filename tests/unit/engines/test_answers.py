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


def changed(**changes: Any) -> Decision:
    """Return the good answer with changes of any type."""
    return replace(ENTER, **changes)


def with_plan(**changes: Any) -> Decision:
    """Return the good answer with a changed plan."""
    return replace(ENTER, plan=replace(PLAN, **changes))


@pytest.mark.parametrize(
    "answer",
    [
        ENTER,
        with_plan(targets=(), trailing=None),
        with_plan(targets=tuple(Target(price=Decimal(101 + i), fraction=Decimal("0.3")) for i in range(3))),
        Decision(verdict=Verdict.HOLD, reasons=(), rationale={"share": 0.5, "seen": [1, None, "ü"]}),
        with_plan(side=Direction.SHORT, stop=Decimal(101), targets=(Target(price=Decimal(1), fraction=Decimal(1)),)),
    ],
)
def test_a_good_answer_is_returned_as_it_is(answer: Decision) -> None:
    assert validate_answer(answer, a_context()) is answer


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "a Decision was expected"),
        ({"verdict": "HOLD"}, "a Decision was expected"),
        (changed(verdict="ENTER", plan=None), "verdict"),
        (changed(reasons=["go"]), "reasons"),
        (changed(reasons=("",)), "reason"),
        (changed(reasons=("a\nb",)), "reason"),
        (changed(reasons=("x" * 201,)), "reason"),
        (changed(error=3), "error"),
        (changed(error="\ud800"), "error"),
        (changed(confidence=Decimal("NaN")), "confidence"),
        (changed(confidence=Decimal("100.1")), "confidence"),
        (changed(confidence=Decimal(-1)), "confidence"),
        (changed(confidence=70.0), "confidence"),
        (changed(rationale=["text"]), "rationale"),
        (changed(rationale={"x": float("nan")}), "rationale"),
        (changed(rationale={"x": Decimal(1)}), "rationale"),
        (changed(rationale={"x": "a\x00b"}), "rationale"),
        (changed(rationale={"x": "\ud800"}), "rationale"),
        (changed(rationale={"x": "y" * 1_000_001}), "1000000 bytes"),
        (changed(plan="buy"), "a Plan was expected"),
        (with_plan(side="long"), "side"),
        (with_plan(quantity=Decimal(0)), "quantity"),
        (with_plan(quantity=Decimal("Infinity")), "quantity"),
        (with_plan(quantity=Decimal("1E+31")), "quantity"),
        (with_plan(quantity=1.5), "quantity"),
        (with_plan(stop=Decimal(0)), "prices"),
        (with_plan(stop=Decimal(100)), "follow each other"),
        (with_plan(stop=Decimal("101.5")), "follow each other"),
        (with_plan(targets=tuple(reversed(PLAN.targets))), "follow each other"),
        (with_plan(side=Direction.SHORT), "follow each other"),
        (with_plan(targets=[]), "targets"),
        (with_plan(targets=(Target(price=Decimal(101), fraction=Decimal("1.1")),)), "sum to at most 1"),
        (with_plan(targets=(Target(price=Decimal(101), fraction=Decimal(0)),)), "fraction"),
        (with_plan(trailing=Trailing(activation=Decimal(101), distance=Decimal(0))), "trailing"),
        (with_plan(trailing="yes"), "a Trailing was expected"),
        (with_plan(max_hold=timedelta(0)), "max_hold"),
        (with_plan(max_hold=timedelta(days=4000)), "max_hold"),
    ],
)
def test_a_bad_answer_is_refused_with_what_is_wrong(answer: object, complaint: str) -> None:
    with pytest.raises(AnswerInvalid, match=complaint):
        validate_answer(answer, a_context())


def test_without_a_price_the_levels_alone_must_be_in_order() -> None:
    beyond = with_plan(stop=Decimal(100))

    assert validate_answer(beyond, a_context(current_price=None)) is beyond
