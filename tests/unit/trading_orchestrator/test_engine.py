"""What a user's engine is written with."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec
import pytest
from hypothesis import given

from domain import context as own_context
from domain import decision as own_decision
from domain import signal as own_signal
from domain.decision import Verdict
from domain.intervals import Interval, Unit
from domain.signal import Direction
from engines import sizing, wire
from engines.answers import validate_answer
from tests.support.builders.engine_inputs import (
    a_context,
    a_signal,
    contexts,
    mirror_context,
    random_walk_contexts,
    signals,
    uptrend_indicators,
)
from tests.support.engine_documents import a_question, asked, decided, received
from tests.support.fakes.own_engines import AboveAverage
from trading_orchestrator import engine, engine_host, question


@pytest.mark.parametrize("direction", Direction)
def test_the_example_enters_with_the_trend_and_rejects_against_it(direction: Direction) -> None:
    rising, falling = a_context(), mirror_context(a_context())
    good, bad = (rising, falling) if direction is Direction.LONG else (falling, rising)

    entered = decided(AboveAverage(), a_signal(direction), good)
    refused = decided(AboveAverage(), a_signal(direction), bad)

    assert validate_answer(entered, good).plan == sizing.size_entry(a_signal(direction), good, share=Decimal(1)).plan
    assert (entered.reasons, entered.confidence) == (("with_trend",), Decimal(70))
    assert (refused.verdict, refused.reasons) == (Verdict.REJECT, ("against_trend",))


def test_the_example_holds_when_the_average_is_missing() -> None:
    decision = decided(AboveAverage(), a_signal(), a_context(uptrend_indicators(ema_200=None)))

    assert (decision.verdict, decision.reasons) == (Verdict.HOLD, ("trend_unknown",))


def test_a_share_scales_the_quantity() -> None:
    given = a_question()

    full = engine.enter(given.signal, given.context, "go")
    half = engine.enter(given.signal, given.context, "go", share="0.5")

    assert full.plan is not None
    assert half.plan is not None
    assert half.plan.quantity == Decimal("208.333")
    assert full.plan.quantity == Decimal("416.666")


def test_what_cannot_be_sized_is_rejected_with_the_reason() -> None:
    given = a_question(context=a_context(current_price=None))

    decision = engine.enter(given.signal, given.context, "go")

    assert (decision.verdict, decision.reasons) == (engine.EngineVerdict.REJECT, ("inputs_missing",))


@given(signals(), contexts() | random_walk_contexts())
def test_an_entry_is_sized_as_the_built_in_engines_size_theirs(
    signal: own_signal.Signal, context: own_context.MarketContext
) -> None:
    given = asked(signal, context)

    decision = received(engine.enter(given.signal, given.context, "go", share="0.7"))

    sized = sizing.size_entry(signal, context, share=Decimal("0.7"))
    assert (decision.plan, decision.rationale["sizing"]) == (sized.plan, sized.rationale)


@given(signals(), contexts() | random_walk_contexts())
def test_the_types_hold_the_whole_document(signal: own_signal.Signal, context: own_context.MarketContext) -> None:
    line = wire.encode_line(wire.EngineQuestion(signal=signal, context=context))

    assert msgspec.json.encode(asked(signal, context)) + b"\n" == line


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (own_signal.Direction, question.Direction),
        (own_signal.Action, question.AlertAction),
        (own_signal.Position, question.StrategyPosition),
        (own_signal.InstrumentKind, question.AssetKind),
        (own_context.Quality, question.FieldQuality),
        (own_context.PriceBasis, question.PriceOrigin),
        (own_context.PriceSide, question.BarPriceSide),
        (Unit, question.IntervalUnit),
        (own_decision.Verdict, engine.EngineVerdict),
    ],
)
def test_each_closed_set_has_the_same_members(ours: type[Enum], theirs: type[Enum]) -> None:
    assert [(one.name, one.value) for one in theirs] == [(one.name, one.value) for one in ours]


@pytest.mark.parametrize("text", ["15s", "5m", "4h", "1d", "2w", "3mo"])
def test_an_interval_is_as_long_and_written_as_ours(text: str) -> None:
    ours = Interval.parse(text)

    theirs = question.BarInterval(count=ours.count, unit=question.IntervalUnit(ours.unit.value))

    assert (theirs.approximate, str(theirs)) == (ours.approximate, str(ours))


def test_a_plan_belongs_to_an_entry_and_to_nothing_else() -> None:
    with pytest.raises(ValueError, match="a plan belongs to ENTER"):
        engine.EngineDecision(verdict=engine.EngineVerdict.ENTER, reasons=(), rationale={})


def test_everything_that_an_engine_may_import_is_listed() -> None:
    types = {
        name for name in vars(question) if name[0].isupper() and getattr(question, name).__module__ == question.__name__
    }

    assert types - {"HistoryDepth", "QuestionDocument"} <= set(engine.__all__)
    assert engine_host.MAX_LINE > 1_000_000
