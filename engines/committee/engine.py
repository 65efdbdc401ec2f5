"""Engine B: asks each agent, resolves, and sizes by its confidence."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

from domain.context import MarketContext
from domain.decision import Decision, Verdict
from domain.signal import Signal
from engines import reading, sizing
from engines.committee import context as context_agent
from engines.committee import meta, regime, squeeze, technical, trend
from engines.committee.meta import CommitteeConfig, Resolution
from engines.committee.opinion import Brief
from engines.version import version_of

AGENTS = (context_agent.opine, technical.opine, regime.opine, trend.opine, squeeze.opine)


class CommitteeEngine:
    """Enters when the committee's consensus supports the signal; the quantity follows its confidence."""

    name = "committee"
    is_inline = True

    def __init__(self, config: CommitteeConfig | None = None) -> None:
        self._config = config or CommitteeConfig()
        self.version = version_of("committee", self._config)

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Answer ENTER, HOLD (too little speaks for it) or REJECT (something speaks against it)."""
        if not signal.is_entry:
            return Decision(verdict=Verdict.HOLD, reasons=("not_an_entry",), rationale={})
        with localcontext(reading.ARITHMETIC):
            return self._decide(signal, context)

    def _decide(self, signal: Signal, context: MarketContext) -> Decision:
        brief = Brief(indicators=context.indicators, direction=signal.direction)
        opinions = [agent(brief) for agent in AGENTS]
        rank = context.indicators.get("atr_percentile")
        resolution = meta.resolve(self._config, opinions, direction=signal.direction, rank=rank)
        missing = reading.missing_inputs(signal, context)
        rationale: dict[str, Any] = {
            "agents": [one.as_json() for one in opinions],
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
        return _enter(signal, context, resolution, rationale=rationale)


def _enter(signal: Signal, context: MarketContext, resolution: Resolution, *, rationale: dict[str, Any]) -> Decision:
    sized = sizing.size(signal, context, share=resolution.confidence / Decimal(100))
    return Decision(
        verdict=Verdict.REJECT if sized.plan is None else Verdict.ENTER,
        reasons=(sized.refusal or resolution.reason,),
        rationale=rationale | {"sizing": sized.rationale},
        confidence=resolution.confidence,
        plan=sized.plan,
    )
