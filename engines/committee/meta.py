"""The meta decision: what follows from the committee's opinions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.decision import Verdict
from domain.signal import Direction
from engines import reading
from engines.committee.opinion import MarketState, Opinion

_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeConfig:
    """The rules of engine B: votes are counted, shares are 0..1, confidences, percentiles and surcharges 0..100."""

    min_votes: int = 3
    core_agents: tuple[str, ...] = ("context", "technical", "regime")
    min_consensus: Decimal = Decimal("0.20")
    threshold: Decimal = Decimal(50)
    threshold_cap: Decimal = Decimal(80)
    high_volatility: Decimal = Decimal(80)
    volatility_surcharge: Decimal = Decimal(10)
    state_surcharge: Decimal = Decimal(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What the committee resolved: ENTER, HOLD or REJECT for one reason, with its numbers.

    `side` is +1 (bullish), -1 (bearish) or 0; `consensus` is 0..1 of the directional weight; `confidence` 0..100.
    """

    verdict: Verdict
    reason: str
    side: int
    votes: int
    consensus: Decimal
    confidence: Decimal
    threshold: Decimal

    def as_json(self) -> dict[str, Any]:
        """Write the resolution for the rationale."""
        numbers = {"consensus": self.consensus, "confidence": self.confidence, "threshold": self.threshold}
        bias = {1: "bullish", 0: "neutral", -1: "bearish"}[self.side]
        return {"reason": self.reason, "bias": bias, "votes": self.votes} | {
            name: reading.text(value) for name, value in numbers.items()
        }


def resolve(
    config: CommitteeConfig, opinions: Sequence[Opinion], *, direction: Direction, rank: Decimal | None
) -> Resolution:
    """Weigh the directional votes; neutral and abstaining agents neither support nor dilute.

    An objection, a tie, or a consensus against the signal's direction rejects; too little conviction holds. `rank`
    is the volatility percentile, None when missing.
    """
    voters = [one for one in opinions if one.vote != 0]
    balance = sum((one.weight * one.vote for one in voters), Decimal(0))
    side = (balance > 0) - (balance < 0)
    total = sum((one.weight for one in voters), Decimal(0))
    winners = [one for one in voters if one.vote == side]
    draft = Resolution(
        verdict=Verdict.ENTER,
        reason="consensus_with_signal",
        side=side,
        votes=len(voters),
        consensus=abs(balance) / total if total else Decimal(0),
        confidence=_confidence(winners),
        threshold=_threshold(config, opinions, rank=rank),
    )
    verdict, reason = _verdict(config, draft, opinions=opinions, winners=winners, direction=direction)
    return Resolution(
        verdict=verdict,
        reason=reason,
        side=side,
        votes=draft.votes,
        consensus=draft.consensus.quantize(_HUNDREDTH),
        confidence=draft.confidence,
        threshold=draft.threshold,
    )


def _verdict(
    config: CommitteeConfig,
    draft: Resolution,
    *,
    opinions: Sequence[Opinion],
    winners: Sequence[Opinion],
    direction: Direction,
) -> tuple[Verdict, str]:
    objection = next((one.block for one in opinions if one.block is not None), None)
    checks = (
        (objection is not None, Verdict.REJECT, objection or ""),
        (draft.votes == 0, Verdict.HOLD, "votes_too_few"),
        (draft.side == 0, Verdict.REJECT, "votes_tied"),
        (draft.side == -direction.sign, Verdict.REJECT, "consensus_against_signal"),
        (draft.votes < config.min_votes, Verdict.HOLD, "votes_too_few"),
        (not any(one.agent in config.core_agents for one in winners), Verdict.HOLD, "core_vote_missing"),
        (draft.consensus < config.min_consensus, Verdict.HOLD, "consensus_weak"),
        (draft.confidence < draft.threshold, Verdict.HOLD, "confidence_low"),
    )
    return next(
        ((verdict, reason) for applies, verdict, reason in checks if applies), (Verdict.ENTER, "consensus_with_signal")
    )


def _confidence(winners: Sequence[Opinion]) -> Decimal:
    weight = sum((one.weight for one in winners), Decimal(0))
    if not weight:
        return Decimal(0)
    return (sum((one.weight * one.confidence for one in winners), Decimal(0)) / weight).quantize(_HUNDREDTH)


def _threshold(config: CommitteeConfig, opinions: Sequence[Opinion], *, rank: Decimal | None) -> Decimal:
    threshold = config.threshold
    if rank is not None and rank > config.high_volatility:
        threshold += config.volatility_surcharge
    if any(one.state in (MarketState.COMPRESSION, MarketState.TRANSITIONAL) for one in opinions):
        threshold += config.state_surcharge
    return min(threshold, config.threshold_cap)
