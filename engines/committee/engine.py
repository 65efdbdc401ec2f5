"""Engine B: collects the opinions of all agents, resolves them, and sizes an entry by the confidence."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision, Verdict
from domain.signal import Signal
from engines import reading, sizing
from engines.committee import context as context_agent
from engines.committee import meta, regime, squeeze, technical, trend
from engines.committee.meta import CommitteeConfig, Resolution
from engines.committee.opinion import AgentInput
from engines.version import version_of

AGENTS = (
    context_agent.form_opinion,
    technical.form_opinion,
    regime.form_opinion,
    trend.form_opinion,
    squeeze.form_opinion,
)


class CommitteeEngine:
    """Engine that enters when the committee's consensus supports the signal; its confidence scales the quantity."""

    name = "committee"
    is_inline = True
    latency_s = DEFAULT_LATENCY_S

    def __init__(self, config: CommitteeConfig | None = None) -> None:
        self._config = config or CommitteeConfig()
        self.version = version_of("committee", self._config)

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Decide ENTER, HOLD (too little support for the signal) or REJECT (an argument against it)."""
        if not signal.is_entry:
            return Decision(verdict=Verdict.HOLD, reasons=("not_an_entry",), rationale={})
        with localcontext(reading.ARITHMETIC):
            return self._decide_entry(signal, context)

    def _decide_entry(self, signal: Signal, context: MarketContext) -> Decision:
        """Ask all agents, resolve their opinions and decide on an entry."""
        agent_input = AgentInput(indicators=context.indicators, direction=signal.direction)
        opinions = [agent(agent_input) for agent in AGENTS]
        rank = context.indicators.get("atr_percentile")
        resolution = meta.resolve(self._config, opinions, direction=signal.direction, rank=rank)
        missing = reading.find_missing_inputs(signal, context)
        rationale: dict[str, Any] = {
            "agents": [opinion.as_json() for opinion in opinions],
            "meta": resolution.as_json(),
            "missing_inputs": list(missing),
        }
        if missing or resolution.verdict is not Verdict.ENTER:
            return Decision(
                verdict=Verdict.REJECT if missing else resolution.verdict,
                reasons=tuple(f"{name}_missing" for name in missing) or (resolution.reason,),
                rationale=rationale,
                confidence=resolution.confidence,
            )
        return _size_entry(signal, context, resolution, rationale=rationale)


def _size_entry(
    signal: Signal, context: MarketContext, resolution: Resolution, *, rationale: dict[str, Any]
) -> Decision:
    """Decide ENTER with a size scaled by the confidence, or REJECT when no size is possible."""
    entry = sizing.size_entry(signal, context, share=resolution.confidence / Decimal(100))
    return Decision(
        verdict=Verdict.REJECT if entry.plan is None else Verdict.ENTER,
        reasons=(entry.refusal or resolution.reason,),
        rationale=rationale | {"sizing": entry.rationale},
        confidence=resolution.confidence,
        plan=entry.plan,
    )
