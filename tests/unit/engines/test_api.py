"""What a user's engine is written with."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.decision import Verdict
from domain.signal import Direction
from engines import api, sizing
from engines.answers import checked
from tests.support.builders.engine_inputs import a_context, a_signal, mirrored, uptrend
from tests.support.fakes.own_engines import AboveAverage


@pytest.mark.parametrize("direction", Direction)
def test_the_example_enters_with_the_trend_and_rejects_against_it(direction: Direction) -> None:
    rising, falling = a_context(), mirrored(a_context())
    good, bad = (rising, falling) if direction is Direction.LONG else (falling, rising)

    entered = AboveAverage().decide(a_signal(direction), good)
    refused = AboveAverage().decide(a_signal(direction), bad)

    assert checked(entered, good).plan == sizing.size(a_signal(direction), good, share=Decimal(1)).plan
    assert (entered.reasons, entered.confidence) == (("with_trend",), Decimal(70))
    assert (refused.verdict, refused.reasons) == (Verdict.REJECT, ("against_trend",))


def test_the_example_holds_when_the_average_is_missing() -> None:
    decision = AboveAverage().decide(a_signal(), a_context(uptrend(ema_200=None)))

    assert (decision.verdict, decision.reasons) == (Verdict.HOLD, ("trend_unknown",))


def test_a_share_scales_the_quantity() -> None:
    full = api.enter(a_signal(), a_context(), "go")
    half = api.enter(a_signal(), a_context(), "go", share="0.5")

    assert full.plan is not None
    assert half.plan is not None
    assert half.plan.quantity == Decimal("208.333")
    assert full.plan.quantity == Decimal("416.666")


def test_what_cannot_be_sized_is_rejected_with_the_reason() -> None:
    decision = api.enter(a_signal(), a_context(current_price=None), "go")

    assert (decision.verdict, decision.reasons) == (Verdict.REJECT, ("inputs_missing",))
