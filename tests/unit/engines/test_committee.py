"""Engine B: its agents and what follows from their votes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from domain.decision import Decision, Verdict
from domain.signal import Action, Direction
from engines.committee import CommitteeEngine, context, meta, regime, squeeze, technical, trend
from engines.committee.meta import CommitteeConfig, Resolution
from engines.committee.opinion import AgentInput, Bias, MarketState, Opinion, abstain
from tests.support.builders.engine_inputs import (
    a_context,
    a_signal,
    mirror_context,
    mirror_indicators,
    uptrend_indicators,
)

ENGINE = CommitteeEngine()
LONG, SHORT = Direction.LONG, Direction.SHORT


def build_input(changes: Mapping[str, str | None] | None = None, direction: Direction = LONG) -> AgentInput:
    """Return the rising market as agents see it, with some of its indicators changed."""
    return AgentInput(indicators=uptrend_indicators(**(changes or {})), direction=direction)


def build_opinion(agent: str, way: int, *, weight: str = "0.10", confidence: str = "70") -> Opinion:
    """Return an opinion as an agent would give it."""
    return Opinion(
        agent=agent,
        weight=Decimal(weight),
        bias=Bias.from_sign(way),
        confidence=Decimal(confidence),
        reasons=(),
        inputs={},
    )


def resolve(*opinions: Opinion, rank: str | None = "50", direction: Direction = LONG) -> Resolution:
    """Resolve opinions under the standing rules."""
    return meta.resolve(CommitteeConfig(), opinions, direction=direction, rank=None if rank is None else Decimal(rank))


@pytest.mark.parametrize("direction", Direction)
def test_it_enters_with_the_trend_long_and_short_alike(direction: Direction) -> None:
    market = a_context() if direction is LONG else mirror_context(a_context())

    decision = ENGINE.decide(a_signal(direction), market)

    assert decision.verdict is Verdict.ENTER
    assert decision.reasons == ("consensus_with_signal",)
    assert decision.plan is not None
    assert decision.plan.side is direction
    assert decision.confidence == Decimal("77.55")


@pytest.mark.parametrize("direction", Direction)
def test_it_rejects_against_the_trend(direction: Direction) -> None:
    market = a_context() if direction is SHORT else mirror_context(a_context())

    decision = ENGINE.decide(a_signal(direction), market)

    assert (decision.verdict, decision.reasons) == (Verdict.REJECT, ("consensus_against_signal",))


def test_the_quantity_follows_the_confidence() -> None:
    decision = ENGINE.decide(a_signal(), a_context())

    assert decision.plan is not None
    assert decision.confidence is not None
    full = Decimal(500) / Decimal("1.2")
    assert decision.plan.quantity == (full * decision.confidence / 100).quantize(
        Decimal("0.001"), rounding="ROUND_FLOOR"
    )


def test_without_an_atr_it_rejects_and_names_it() -> None:
    decision = ENGINE.decide(a_signal(), a_context(uptrend_indicators(atr_14=None)))

    assert (decision.verdict, decision.reasons) == (Verdict.REJECT, ("atr_14_missing",))


def test_with_nothing_to_see_it_holds_and_every_agent_abstains() -> None:
    nothing = uptrend_indicators(**dict.fromkeys(uptrend_indicators(), None)) | {"atr_14": Decimal(1)}

    decision = ENGINE.decide(a_signal(), a_context(nothing))

    assert (decision.verdict, decision.reasons) == (Verdict.HOLD, ("votes_too_few",))
    assert {agent["outcome"] for agent in decision.rationale["agents"]} == {"abstained"}


def test_an_exit_is_not_decided() -> None:
    decision: Decision = ENGINE.decide(a_signal(action=Action.EXIT), a_context())

    assert (decision.verdict, decision.reasons) == (Verdict.HOLD, ("not_an_entry",))


@pytest.mark.parametrize(("atr", "confidence"), [("1.5", 60), ("1.51", 40), ("2.5", 40), ("2.51", 30)])
def test_the_context_agent_trusts_a_wild_market_less(atr: str, confidence: int) -> None:
    opinion = context.form_opinion(build_input({"atr_percent": atr}))

    assert (opinion.bias, opinion.confidence) == (Bias.BULLISH, Decimal(confidence))


@pytest.mark.parametrize(
    ("reading", "changes", "expected"),
    [
        (technical.vote_by_ema_stack, {}, 1),
        (technical.vote_by_ema_stack, {"ema_48": "99.3"}, 0),
        (technical.vote_by_rsi, {"rsi_14": "70.1"}, -1),
        (technical.vote_by_rsi, {"rsi_14": "70"}, 1),
        (technical.vote_by_rsi, {"rsi_14": "55"}, 1),
        (technical.vote_by_rsi, {"rsi_14": "54.9"}, 0),
        (technical.vote_by_rsi, {"rsi_14": "45"}, -1),
        (technical.vote_by_rsi, {"rsi_14": "30"}, -1),
        (technical.vote_by_rsi, {"rsi_14": "29.9"}, 1),
        (technical.vote_by_macd, {"macd_histogram": "-0.1"}, -1),
        (technical.vote_by_vwap, {"vwap_day": "99.8"}, 0),
        (technical.vote_by_vwap, {"vwap_day": "99.7"}, 1),
        (technical.vote_by_vwap, {"vwap_day": "100.3"}, -1),
        (technical.vote_by_volume, {"volume_ratio_20": "1"}, 0),
        (technical.vote_by_volume, {"volume_ratio_20": "1.1", "momentum_10": "-1"}, -1),
        (technical.vote_by_bollinger, {}, 1),
        (technical.vote_by_bollinger, {"bollinger_upper": "99.9"}, 0),
        (technical.vote_by_bollinger, {"bollinger_middle": "100.2"}, -1),
        (technical.vote_by_adx, {"adx_14": "30.1", "plus_di_14": "21", "minus_di_14": "20"}, 1),
        (technical.vote_by_adx, {"adx_14": "30", "plus_di_14": "30", "minus_di_14": "20"}, 0),
        (technical.vote_by_adx, {"adx_14": "20.1", "plus_di_14": "10", "minus_di_14": "20.1"}, -1),
        (technical.vote_by_adx, {"adx_14": "14", "plus_di_14": "10", "minus_di_14": "50"}, 0),
        (technical.vote_by_structure, {"structure_3": "-1"}, -1),
    ],
)
def test_a_reading_votes_as_written_down(
    reading: Callable[..., int | None], changes: dict[str, str | None], expected: int
) -> None:
    assert reading(uptrend_indicators(**changes)) == expected


def test_readings_in_full_agreement_give_the_highest_confidence() -> None:
    opinion = technical.form_opinion(build_input())

    assert (opinion.bias, opinion.confidence) == (Bias.BULLISH, Decimal(90))


def test_missing_readings_take_their_weight_with_them() -> None:
    opinion = technical.form_opinion(build_input(dict.fromkeys(("vwap_day", "volume_ratio_20", "structure_3"))))

    assert (opinion.bias, opinion.confidence) == (Bias.BULLISH, Decimal(90))
    assert opinion.inputs["vwap"] is None


def test_three_conflicting_readings_leave_no_more_than_45() -> None:
    two = technical.form_opinion(build_input({"vwap_day": "101", "structure_3": "-1"}))
    three = technical.form_opinion(build_input({"vwap_day": "101", "structure_3": "-1", "bollinger_middle": "100.5"}))

    assert two.confidence == Decimal(60)
    assert (three.bias, three.confidence, three.reasons) == (Bias.BULLISH, Decimal(45), ("conflicting",))


def test_readings_that_cancel_are_neutral() -> None:
    opinion = technical.form_opinion(
        build_input(
            {
                "vwap_day": "101",
                "structure_3": "-1",
                "bollinger_middle": "100.5",
                "macd_histogram": "-1",
                "adx_14": "10",
            }
        )
    )

    assert (opinion.bias, opinion.reasons) == (Bias.NEUTRAL, ("readings_cancel",))


def test_the_technical_agent_abstains_with_less_than_half_of_its_readings() -> None:
    opinion = technical.form_opinion(build_input(dict.fromkeys(("ema_48", "rsi_14", "macd_histogram", "vwap_day"))))

    assert opinion.bias is None


@pytest.mark.parametrize(
    ("adx", "rank", "width", "state"),
    [
        ("31", "51", "10", MarketState.TREND),
        ("19", "51", "14", MarketState.COMPRESSION),
        ("19", "71", "86", MarketState.EXPANSION),
        ("19", "49", "50", MarketState.RANGE),
        ("25", "49", "50", MarketState.TRANSITIONAL),
        ("31", "50", "50", MarketState.TRANSITIONAL),
        # at each bound, where the next rule counts
        ("30", "51", "50", MarketState.TRANSITIONAL),
        ("30.01", "50.01", "50", MarketState.TREND),
        ("20", "51", "14", MarketState.TRANSITIONAL),
        ("19", "51", "15", MarketState.TRANSITIONAL),
        ("19.99", "51", "14.99", MarketState.COMPRESSION),
        ("25", "71", "85", MarketState.TRANSITIONAL),
        ("25", "70", "86", MarketState.TRANSITIONAL),
        ("25", "70.01", "85.01", MarketState.EXPANSION),
        ("20", "49", "50", MarketState.TRANSITIONAL),
        ("19", "50", "50", MarketState.TRANSITIONAL),
        ("19.99", "49.99", "50", MarketState.RANGE),
    ],
)
def test_the_regime_is_named_by_strength_volatility_and_width(
    adx: str, rank: str, width: str, state: MarketState
) -> None:
    assert regime.classify_market(adx=Decimal(adx), rank=Decimal(rank), width=Decimal(width)) is state


@pytest.mark.parametrize(
    ("changes", "bias"),
    [
        ({"plus_di_14": "20", "minus_di_14": "21"}, Bias.BEARISH),
        ({"adx_14": "25", "plus_di_14": "30", "minus_di_14": "20"}, Bias.NEUTRAL),
        ({"adx_14": "25", "plus_di_14": "31", "minus_di_14": "20"}, Bias.BULLISH),
        ({"adx_14": "25", "plus_di_14": "20", "minus_di_14": "30"}, Bias.NEUTRAL),
        ({"adx_14": "25", "plus_di_14": "20", "minus_di_14": "31"}, Bias.BEARISH),
        ({"plus_di_14": "20", "minus_di_14": "20"}, Bias.NEUTRAL),
        ({"adx_14": "10", "atr_percentile": "40"}, Bias.NEUTRAL),
    ],
)
def test_the_regime_agent_leans_only_where_the_market_goes_somewhere(
    changes: dict[str, str | None], bias: Bias
) -> None:
    assert regime.form_opinion(build_input(changes)).bias is bias


@pytest.mark.parametrize(
    ("changes", "direction", "bias", "confidence"),
    [
        ({}, LONG, Bias.BULLISH, 80),
        ({}, SHORT, Bias.BULLISH, 65),
        ({"ema_21": "99.9"}, LONG, Bias.BULLISH, 55),
        ({"higher_ema_21": "100.1"}, SHORT, Bias.BULLISH, 40),
        ({"higher_ema_21": "101"}, LONG, Bias.NEUTRAL, 55),
        ({"ema_21": "101", "higher_ema_21": "101"}, SHORT, Bias.BEARISH, 80),
    ],
)
def test_the_trend_agent_wants_both_intervals_on_one_side(
    changes: dict[str, str | None], direction: Direction, bias: Bias, confidence: int
) -> None:
    opinion = trend.form_opinion(build_input(changes, direction))

    assert (opinion.bias, opinion.confidence) == (bias, Decimal(confidence))


@pytest.mark.parametrize(
    ("changes", "bias"),
    [
        ({"bollinger_width_percentile": "49"}, Bias.BULLISH),
        ({"bollinger_width_percentile": "50"}, Bias.NEUTRAL),
        ({"bollinger_width_percentile": "49", "momentum_10": "-1"}, Bias.NEUTRAL),
        ({"bollinger_width_percentile": "49", "bollinger_upper": "100", "bollinger_lower": "98.6"}, Bias.NEUTRAL),
    ],
)
def test_the_squeeze_agent_leans_on_a_release_only(changes: dict[str, str | None], bias: Bias) -> None:
    assert squeeze.form_opinion(build_input(changes)).bias is bias


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (context.form_opinion, "ema_8"),
        (context.form_opinion, "atr_percent"),
        (regime.form_opinion, "adx_14"),
        (regime.form_opinion, "bollinger_width_percentile"),
        (trend.form_opinion, "higher_close"),
        (trend.form_opinion, "ema_21"),
        (squeeze.form_opinion, "keltner_lower"),
        (squeeze.form_opinion, "momentum_10"),
    ],
)
def test_an_agent_whose_input_is_missing_abstains(agent: Callable[[AgentInput], Opinion], name: str) -> None:
    opinion = agent(build_input({name: None}))

    assert opinion.bias is None
    assert opinion.reasons == ("inputs_missing",)


def test_abstaining_and_neutral_agents_do_not_dilute() -> None:
    voters = (build_opinion("context", 1), build_opinion("technical", 1), build_opinion("regime", 1))
    alone = resolve(*voters)

    joined = resolve(*voters, build_opinion("squeeze", 0), abstain("trend", weight=Decimal("0.5"), inputs={}))

    assert joined == alone
    assert (joined.consensus, joined.confidence, joined.votes) == (Decimal(1), Decimal(70), 3)


@pytest.mark.parametrize("direction", Direction)
def test_a_consensus_against_the_signal_rejects_even_with_a_single_vote(direction: Direction) -> None:
    resolution = resolve(build_opinion("technical", -direction.sign), direction=direction)

    assert (resolution.verdict, resolution.reason) == (Verdict.REJECT, "consensus_against_signal")


def test_a_tie_rejects() -> None:
    resolution = resolve(build_opinion("technical", 1), build_opinion("regime", -1))

    assert (resolution.verdict, resolution.reason) == (Verdict.REJECT, "votes_tied")


def test_an_objection_rejects_whatever_the_votes() -> None:
    objection = Opinion(
        agent="liquidity",
        weight=Decimal("0.08"),
        bias=Bias.NEUTRAL,
        confidence=Decimal(50),
        reasons=(),
        inputs={},
        block="spread_wide",
    )

    resolution = resolve(
        build_opinion("context", 1), build_opinion("technical", 1), build_opinion("regime", 1), objection
    )

    assert (resolution.verdict, resolution.reason) == (Verdict.REJECT, "spread_wide")


def test_two_votes_are_too_few() -> None:
    resolution = resolve(build_opinion("technical", 1), build_opinion("regime", 1))

    assert (resolution.verdict, resolution.reason) == (Verdict.HOLD, "votes_too_few")


def test_a_majority_without_a_core_agent_holds() -> None:
    resolution = resolve(
        build_opinion("squeeze", 1),
        build_opinion("trend", 1),
        build_opinion("pattern", 1),
        build_opinion("technical", -1),
    )

    assert (resolution.verdict, resolution.reason) == (Verdict.HOLD, "core_vote_missing")


@pytest.mark.parametrize(("against", "verdict"), [("0.20", Verdict.ENTER), ("0.21", Verdict.HOLD)])
def test_a_consensus_of_a_fifth_is_needed(against: str, verdict: Verdict) -> None:
    resolution = resolve(
        build_opinion("context", 1, weight="0.15"),
        build_opinion("technical", 1, weight="0.15"),
        build_opinion("x", -1, weight=against),
    )

    assert resolution.verdict is verdict


def test_only_the_winning_side_makes_the_confidence() -> None:
    resolution = resolve(
        build_opinion("context", 1, confidence="60"),
        build_opinion("technical", 1, confidence="80"),
        build_opinion("x", -1, confidence="10"),
    )

    assert resolution.confidence == 70


@pytest.mark.parametrize(
    ("rank", "state", "threshold"),
    [
        ("80", MarketState.TREND, 50),
        (None, MarketState.TREND, 50),
        ("80.1", MarketState.TREND, 60),
        ("50", MarketState.COMPRESSION, 55),
        ("81", MarketState.TRANSITIONAL, 65),
    ],
)
def test_the_threshold_rises_with_volatility_and_an_unclear_market(
    rank: str | None, state: MarketState, threshold: int
) -> None:
    lookout = Opinion(
        agent="regime",
        weight=Decimal("0.12"),
        bias=Bias.BULLISH,
        confidence=Decimal(threshold),
        reasons=(),
        inputs={},
        state=state,
    )
    others = (
        build_opinion("context", 1, confidence=str(threshold)),
        build_opinion("technical", 1, confidence=str(threshold)),
    )

    resolution = resolve(lookout, *others, rank=rank)

    assert (resolution.threshold, resolution.verdict) == (Decimal(threshold), Verdict.ENTER)


def test_a_confidence_under_the_threshold_holds() -> None:
    low = "49.9"

    resolution = resolve(
        build_opinion("context", 1, confidence=low),
        build_opinion("technical", 1, confidence=low),
        build_opinion("x", 1, confidence=low),
    )

    assert (resolution.verdict, resolution.reason) == (Verdict.HOLD, "confidence_low")


def test_the_falling_market_of_the_tests_is_the_mirror_image() -> None:
    assert mirror_indicators(mirror_indicators(uptrend_indicators())) == uptrend_indicators()
