"""Engine A: what blocks, what halves, what enters."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.context import Quality, Quote
from domain.decision import Decision, Verdict
from domain.intervals import Interval
from domain.signal import Action, Direction, Flag
from engines.rules import RulesEngine
from engines.rules.finding import MissingConfidence, RulesConfig
from tests.support.builders.engine_inputs import (
    AS_OF,
    Indicators,
    a_context,
    a_signal,
    mirror_context,
    mirror_indicators,
    uptrend_indicators,
)

ENGINE = RulesEngine()
LONG, SHORT = Direction.LONG, Direction.SHORT


def decide(direction: Direction = LONG, **changes: str | None) -> Decision:
    """Ask about the rising market, or for a short about its mirror image."""
    context = a_context(uptrend_indicators(**changes))
    return ENGINE.decide(a_signal(direction), context if direction is LONG else mirror_context(context))


def find_rule(decision: Decision, rule: str) -> dict[str, Any]:
    """Return the finding of a rule."""
    (finding,) = (finding for finding in decision.rationale["rules"] if finding["name"] == rule)
    return dict(finding)


def share_of_full_size(decision: Decision) -> Decimal:
    """Return the quantity as a share of the full one."""
    plan, full = decision.plan, decide().plan
    assert plan is not None
    assert full is not None
    return (plan.quantity / full.quantity).quantize(Decimal("0.001"))


@pytest.mark.parametrize("direction", Direction)
def test_it_enters_with_the_trend_long_and_short_alike(direction: Direction) -> None:
    decision = decide(direction)

    assert decision.verdict is Verdict.ENTER
    assert decision.reasons == ("rules_passed",)
    assert decision.plan is not None
    assert decision.plan.side is direction


@pytest.mark.parametrize(("direction", "is_falling"), [(SHORT, False), (LONG, True)])
def test_it_stays_out_against_the_regime(direction: Direction, is_falling: bool) -> None:
    values: Indicators = mirror_indicators(uptrend_indicators()) if is_falling else uptrend_indicators()

    decision = ENGINE.decide(a_signal(direction), a_context(values))

    assert decision.verdict is Verdict.REJECT
    assert decision.reasons == ("against_regime",)


@pytest.mark.parametrize("change", [{"ema_21_slope": "-0.01"}, {"ema_48": "99.3"}, {"ema_200": "98.6"}])
def test_without_a_clear_regime_a_short_is_not_blocked(change: dict[str, str]) -> None:
    decision = ENGINE.decide(a_signal(SHORT), a_context(uptrend_indicators(**change)))

    assert decision.verdict is Verdict.ENTER


@pytest.mark.parametrize(
    ("timeframe", "low", "high"),
    [("15m", 25, 80), ("1h", 20, 85), ("1d", 20, 85), ("1w", 15, 90), ("1mo", 10, 95)],
)
def test_volatility_outside_the_horizons_band_blocks_and_its_edges_do_not(timeframe: str, low: int, high: int) -> None:
    signal = a_signal(timeframe=Interval.parse(timeframe))

    outcomes = {
        rank: ENGINE.decide(signal, a_context(uptrend_indicators(atr_percentile=str(rank)))).reasons
        for rank in (low - 1, low, high, high + 1)
    }

    assert outcomes[low - 1] == ("volatility_low",)
    assert outcomes[low] == outcomes[high] == ("rules_passed",)
    assert outcomes[high + 1] == ("volatility_high",)


@pytest.mark.parametrize(("timeframe", "least"), [("5m", 65), ("1h", 60), ("1w", 55), ("1mo", 50)])
def test_a_confidence_below_the_horizons_minimum_blocks(timeframe: str, least: int) -> None:
    signal = a_signal(timeframe=Interval.parse(timeframe))

    below = ENGINE.decide(replace(signal, confidence=Decimal(least) - Decimal("0.1")), a_context())
    enough = ENGINE.decide(replace(signal, confidence=Decimal(least)), a_context())

    assert below.reasons == ("confidence_low",)
    assert enough.verdict is Verdict.ENTER
    assert enough.confidence == least


def test_a_missing_confidence_is_ignored_and_recorded_as_ignored() -> None:
    decision = decide()

    assert decision.verdict is Verdict.ENTER
    assert find_rule(decision, "confidence") == {
        "name": "confidence",
        "tier": 1,
        "outcome": "ignored",
        "inputs": {"confidence": None},
        "threshold": "60",
    }


def test_a_missing_confidence_blocks_when_configured_so() -> None:
    engine = RulesEngine(RulesConfig(missing_confidence=MissingConfidence.BLOCK))

    decision = engine.decide(a_signal(), a_context())

    assert (decision.verdict, decision.reasons) == (Verdict.REJECT, ("confidence_missing",))


def test_a_spread_above_a_quarter_of_the_atr_blocks() -> None:
    wide = Quote(at=AS_OF, bid=Decimal(100), ask=Decimal("100.126"), last=None, quality=Quality.LIVE)
    just = replace(wide, ask=Decimal("100.125"))

    assert ENGINE.decide(a_signal(), a_context(quote=wide)).reasons == ("spread_wide",)
    assert ENGINE.decide(a_signal(), a_context(quote=just)).verdict is Verdict.ENTER


@pytest.mark.parametrize(("bid", "ask"), [(None, "100.5"), ("99", None), ("100.5", "100")])
def test_with_a_side_missing_or_crossed_the_spread_rule_abstains(bid: str | None, ask: str | None) -> None:
    quote = Quote(
        at=AS_OF,
        bid=None if bid is None else Decimal(bid),
        ask=None if ask is None else Decimal(ask),
        last=Decimal(100),
        quality=Quality.LIVE,
    )

    decision = ENGINE.decide(a_signal(), a_context(quote=quote))

    assert decision.verdict is Verdict.ENTER
    assert find_rule(decision, "spread")["outcome"] == "missing"


def test_a_stale_signal_is_blocked() -> None:
    decision = ENGINE.decide(a_signal(flags=(Flag.STALE.value,)), a_context())

    assert decision.reasons == ("signal_stale",)


@pytest.mark.parametrize("bars", ["199", None])
def test_too_few_bars_block(bars: str | None) -> None:
    decision = decide(bars=bars)

    assert decision.reasons == ("too_few_bars",)


@pytest.mark.parametrize("direction", Direction)
def test_each_caution_halves_the_quantity_at_most_twice(direction: Direction) -> None:
    squeeze = {"bollinger_upper": "100.05", "bollinger_lower": "98.6"}
    quiet = {"volume_ratio_20": "0.49"}
    against = {"momentum_10": "-0.1"}

    once = decide(direction, **squeeze)
    twice = decide(direction, **squeeze, **quiet)
    thrice = decide(direction, **squeeze, **quiet, **against)

    assert share_of_full_size(once) == Decimal("0.5")
    assert share_of_full_size(twice) == Decimal("0.25")
    assert share_of_full_size(thrice) == Decimal("0.25")
    assert once.reasons == ("rules_passed", "caution_squeeze")
    assert thrice.reasons == ("rules_passed", "caution_squeeze", "caution_momentum", "caution_volume")


def test_missing_inputs_are_said_to_be_missing_and_neither_block_nor_halve() -> None:
    decision = decide(
        ema_200=None, atr_percentile=None, volume_ratio_20=None, momentum_10=None, keltner_upper=None, swing_low_10=None
    )

    outcomes = {finding["name"]: finding["outcome"] for finding in decision.rationale["rules"]}
    assert decision.reasons == ("rules_passed",)
    assert {name for name, outcome in outcomes.items() if outcome == "missing"} == {
        "regime",
        "volatility",
        "squeeze",
        "momentum",
        "volume",
    }


@pytest.mark.parametrize("missing", ["atr_14", "current_price"])
def test_without_a_price_or_an_atr_it_rejects_and_names_it(missing: str) -> None:
    context = a_context(uptrend_indicators(atr_14=None)) if missing == "atr_14" else a_context(current_price=None)

    decision = ENGINE.decide(a_signal(), context)

    assert (decision.verdict, decision.reasons) == (Verdict.REJECT, (f"{missing}_missing",))
    assert decision.rationale["missing_inputs"] == [missing]


def test_every_blocking_rule_is_named() -> None:
    decision = ENGINE.decide(
        a_signal(SHORT, flags=(Flag.STALE.value,)), a_context(uptrend_indicators(atr_percentile="99"))
    )

    assert decision.reasons == ("against_regime", "volatility_high", "signal_stale")


def test_an_exit_is_not_decided() -> None:
    decision = ENGINE.decide(a_signal(action=Action.EXIT), a_context())

    assert (decision.verdict, decision.reasons) == (Verdict.HOLD, ("not_an_entry",))
