"""The meta decision: resolves the opinions of the committee's agents into one verdict."""

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
    """Thresholds of engine B: `min_votes` is a count, `min_consensus` a share 0..1, all other numbers are 0..100."""

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
    """Result of the meta decision: ENTER, HOLD or REJECT with one reason code, and the numbers behind it.

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
        """Return the resolution as it stands in the rationale."""
        numbers = {"consensus": self.consensus, "confidence": self.confidence, "threshold": self.threshold}
        bias = {1: "bullish", 0: "neutral", -1: "bearish"}[self.side]
        return {"reason": self.reason, "bias": bias, "votes": self.votes} | {
            name: reading.format_number(value) for name, value in numbers.items()
        }


def resolve(
    config: CommitteeConfig, opinions: Sequence[Opinion], *, direction: Direction, rank: Decimal | None
) -> Resolution:
    """Resolve opinions by their weighted votes; neutral and abstaining agents do not count in any number.

    An agent's objection, a tie, or a consensus against the signal's direction rejects; too few votes, or too little
    consensus or confidence, holds. `rank` is the volatility percentile, None when missing.
    """
    voters = [opinion for opinion in opinions if opinion.vote != 0]
    balance = sum((opinion.weight * opinion.vote for opinion in voters), Decimal(0))
    side = (balance > 0) - (balance < 0)
    total = sum((opinion.weight for opinion in voters), Decimal(0))
    winners = [opinion for opinion in voters if opinion.vote == side]
    draft = Resolution(
        verdict=Verdict.ENTER,
        reason="consensus_with_signal",
        side=side,
        votes=len(voters),
        consensus=abs(balance) / total if total else Decimal(0),
        confidence=_average_confidence(winners),
        threshold=_required_confidence(config, opinions, rank=rank),
    )
    verdict, reason = _choose_verdict(config, draft, opinions=opinions, winners=winners, direction=direction)
    return Resolution(
        verdict=verdict,
        reason=reason,
        side=side,
        votes=draft.votes,
        consensus=draft.consensus.quantize(_HUNDREDTH),
        confidence=draft.confidence,
        threshold=draft.threshold,
    )


def _choose_verdict(
    config: CommitteeConfig,
    draft: Resolution,
    *,
    opinions: Sequence[Opinion],
    winners: Sequence[Opinion],
    direction: Direction,
) -> tuple[Verdict, str]:
    """Return verdict and reason of the first check that applies; the order is that of their severity."""
    objection = next((opinion.block for opinion in opinions if opinion.block is not None), None)
    checks = (
        (objection is not None, Verdict.REJECT, objection or ""),
        (draft.votes == 0, Verdict.HOLD, "votes_too_few"),
        (draft.side == 0, Verdict.REJECT, "votes_tied"),
        (draft.side == -direction.sign, Verdict.REJECT, "consensus_against_signal"),
        (draft.votes < config.min_votes, Verdict.HOLD, "votes_too_few"),
        (not any(opinion.agent in config.core_agents for opinion in winners), Verdict.HOLD, "core_vote_missing"),
        (draft.consensus < config.min_consensus, Verdict.HOLD, "consensus_weak"),
        (draft.confidence < draft.threshold, Verdict.HOLD, "confidence_low"),
    )
    return next(
        ((verdict, reason) for applies, verdict, reason in checks if applies), (Verdict.ENTER, "consensus_with_signal")
    )


def _average_confidence(winners: Sequence[Opinion]) -> Decimal:
    """Return the weighted mean confidence of the winning side, 0 when nobody voted."""
    weight = sum((opinion.weight for opinion in winners), Decimal(0))
    if not weight:
        return Decimal(0)
    return (sum((opinion.weight * opinion.confidence for opinion in winners), Decimal(0)) / weight).quantize(_HUNDREDTH)


def _required_confidence(config: CommitteeConfig, opinions: Sequence[Opinion], *, rank: Decimal | None) -> Decimal:
    """Return the confidence that an entry needs: more in a volatile or undecided market, up to a cap."""
    threshold = config.threshold
    if rank is not None and rank > config.high_volatility:
        threshold += config.volatility_surcharge
    if any(opinion.state in (MarketState.COMPRESSION, MarketState.TRANSITIONAL) for opinion in opinions):
        threshold += config.state_surcharge
    return min(threshold, config.threshold_cap)
