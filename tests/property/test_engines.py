"""What holds of both built-in engines in every market."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision, EngineSlot, Verdict
from domain.ports import Engine
from domain.signal import Direction, Signal
from engines.answers import validate_answer
from engines.committee import CommitteeEngine, technical
from engines.committee.opinion import AgentInput
from engines.panel import Panel
from engines.rules import RulesEngine
from tests.support.builders.engine_inputs import (
    Indicators,
    contexts,
    indicator_values,
    mirror_context,
    opposite_signal,
    random_walk_contexts,
    signals,
)

RULES, COMMITTEE = RulesEngine(), CommitteeEngine()
both_engines = pytest.mark.parametrize("engine", [RULES, COMMITTEE], ids=["rules", "committee"])
_OPPOSITE = {"bullish": "bearish", "bearish": "bullish"}


@pytest.mark.property_id(35)
@both_engines
@settings(max_examples=200)
@given(signal=signals(), context=contexts())
def test_a_mirrored_market_gets_the_mirrored_decision(engine: Engine, signal: Signal, context: MarketContext) -> None:
    plain = engine.decide(signal, context)

    opposite = engine.decide(opposite_signal(signal), mirror_context(context))

    event(plain.verdict.value)
    assert (opposite.verdict, opposite.reasons) == (plain.verdict, plain.reasons)
    assert opposite.confidence == plain.confidence
    assert (opposite.plan is None) == (plain.plan is None)
    if plain.plan is not None and opposite.plan is not None:
        assert opposite.plan.side is plain.plan.side.opposite
        assert _risk(opposite, mirror_context(context)) == pytest.approx(_risk(plain, context), abs=Decimal("0.0001"))


@pytest.mark.property_id(35)
@settings(max_examples=200)
@given(signal=signals(), context=contexts())
def test_every_agent_and_the_consensus_turn_with_the_market(signal: Signal, context: MarketContext) -> None:
    plain = COMMITTEE.decide(signal, context).rationale

    opposite = COMMITTEE.decide(opposite_signal(signal), mirror_context(context)).rationale

    assert [_voice(one) for one in opposite["agents"]] == [_turned(_voice(one)) for one in plain["agents"]]
    assert opposite["meta"] == plain["meta"] | {"bias": _OPPOSITE.get(plain["meta"]["bias"], "neutral")}


@settings(max_examples=200)
@given(values=indicator_values(), direction=st.sampled_from(Direction))
def test_three_conflicting_readings_never_leave_more_than_45(values: Indicators, direction: Direction) -> None:
    said = technical.form_opinion(AgentInput(indicators=values, direction=direction))

    event(str(said.reasons))
    assert 15 <= said.confidence <= 90 or said.bias is None
    assert "conflicting" not in said.reasons or said.confidence <= 45


@settings(max_examples=200)
@given(signal=signals(), context=contexts())
def test_a_consensus_against_the_signal_is_always_rejected(signal: Signal, context: MarketContext) -> None:
    decision = COMMITTEE.decide(signal, context)

    against = {1: "bearish", -1: "bullish"}[signal.direction.sign]
    if decision.rationale["meta"]["bias"] == against:
        event("against")
        assert decision.verdict is Verdict.REJECT


@both_engines
@settings(max_examples=100)
@given(signal=signals(), context=contexts())
def test_the_same_input_gives_the_same_bytes_whatever_the_arithmetic_of_the_thread(
    engine: Engine, signal: Signal, context: MarketContext
) -> None:
    first = engine.decide(signal, context)

    with localcontext(prec=6):
        again = type(engine)().decide(signal, replace(context, indicators=dict(context.indicators)))

    assert msgspec.json.encode(again) == msgspec.json.encode(first)


@both_engines
@settings(max_examples=100, deadline=None)
@given(signal=signals(), context=random_walk_contexts())
def test_an_answer_about_real_bars_is_valid_and_risks_no_more_than_the_share(
    engine: Engine, signal: Signal, context: MarketContext
) -> None:
    decision = engine.decide(signal, context)

    event(decision.verdict.value)
    assert validate_answer(decision, context) is decision
    assert json.loads(json.dumps(decision.rationale)) == decision.rationale
    if decision.plan is not None and context.current_price is not None:
        assert decision.plan.side is signal.direction
        assert decision.plan.quantity * _risk(decision, context) <= Decimal("500.01")
        assert decision.plan.quantity * context.current_price <= context.rules.max_notional


@both_engines
@settings(max_examples=100)
@given(signal=signals(), context=contexts())
def test_without_a_price_an_atr_or_an_interval_nothing_is_entered(
    engine: Engine, signal: Signal, context: MarketContext
) -> None:
    decision = engine.decide(signal, context)

    absent = {
        "current_price": context.current_price is None,
        "atr_14": context.indicators["atr_14"] is None,
        "timeframe": signal.timeframe is None,
    }
    missing = [name for name, is_absent in absent.items() if is_absent]
    assert decision.rationale["missing_inputs"] == missing
    assert not missing or (decision.verdict is Verdict.REJECT and f"{missing[0]}_missing" in decision.reasons)


@pytest.mark.property_id(3)
@settings(max_examples=100, deadline=None)
@given(signal=signals(), context=contexts())
def test_both_engines_get_the_very_same_input_and_name_its_hash(signal: Signal, context: MarketContext) -> None:
    spies = {slot: _Spy() for slot in EngineSlot}

    ((a, b),) = Panel(spies).decide_all([(signal, context, EngineSlot.B)])

    assert spies[EngineSlot.A].seen == spies[EngineSlot.B].seen == [(id(signal), id(context))]
    assert a.context_hash == b.context_hash == context.context_hash


@pytest.mark.property_id(34)
@pytest.mark.parametrize("engine", [RulesEngine, CommitteeEngine])
@settings(max_examples=100)
@given(signal=signals(), context=contexts())
def test_the_same_engine_in_both_slots_decides_alike(
    engine: type[RulesEngine | CommitteeEngine], signal: Signal, context: MarketContext
) -> None:
    panel = Panel({EngineSlot.A: engine(), EngineSlot.B: engine()})

    ((a, b),) = panel.decide_all([(signal, context, EngineSlot.A)])

    assert a.decision == b.decision
    assert a.version == b.version


class _Spy:
    name = "spy"
    version = "1"
    latency_s = DEFAULT_LATENCY_S
    is_inline = True

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        self.seen.append((id(signal), id(context)))
        return Decision(verdict=Verdict.HOLD, reasons=("seen",), rationale={})


def _risk(decision: Decision, context: MarketContext) -> Decimal:
    assert decision.plan is not None
    assert context.current_price is not None
    return (context.current_price - decision.plan.stop) * decision.plan.side.sign


def _voice(agent: dict[str, Any]) -> tuple[str, str, str, list[str]]:
    return agent["name"], agent["outcome"], agent["confidence"], agent["reasons"]


def _turned(voice: tuple[str, str, str, list[str]]) -> tuple[str, str, str, list[str]]:
    name, outcome, confidence, reasons = voice
    return name, _OPPOSITE.get(outcome, outcome), confidence, reasons
