"""Engine A: asks every rule, then blocks, halves or enters."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

from domain.context import MarketContext
from domain.decision import Decision, Verdict
from domain.signal import Signal
from engines import reading, sizing
from engines.rules import block, caution
from engines.rules.finding import Case, Finding, Outcome, RulesConfig
from engines.version import version_of


class RulesEngine:
    """Enters in the signal's direction unless a rule of tier 1 blocks; tier 2 halves the size, at most twice.

    All rules are asked in every case, so that a decision shows the whole picture.
    """

    name = "rules"
    is_inline = True

    def __init__(self, config: RulesConfig | None = None) -> None:
        self._config = config or RulesConfig()
        self.version = version_of("rules", self._config)

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Answer ENTER, or REJECT with the code of every rule that blocked; HOLD for what is no entry."""
        if not signal.is_entry:
            return Decision(verdict=Verdict.HOLD, reasons=("not_an_entry",), rationale={})
        with localcontext(reading.ARITHMETIC):
            return self._decide(signal, context)

    def _decide(self, signal: Signal, context: MarketContext) -> Decision:
        horizon = reading.horizon_of(signal, context)
        case = Case(config=self._config, signal=signal, context=context, horizon=horizon)
        blocks = [rule(case) for rule in block.RULES]
        cautions = [rule(case) for rule in caution.RULES]
        missing = reading.missing_inputs(signal, context)
        rationale: dict[str, Any] = {
            "horizon": None if horizon is None else horizon.value,
            "rules": [one.as_json(tier=1) for one in blocks] + [one.as_json(tier=2) for one in cautions],
            "missing_inputs": list(missing),
        }
        against = tuple(f"{name}_missing" for name in missing) + _reasons(blocks, Outcome.BLOCKED)
        if against:
            return Decision(verdict=Verdict.REJECT, reasons=against, rationale=rationale, confidence=signal.confidence)
        return self._enter(signal, context, _reasons(cautions, Outcome.CAUTION), rationale=rationale)

    def _enter(
        self, signal: Signal, context: MarketContext, cautions: tuple[str, ...], *, rationale: dict[str, Any]
    ) -> Decision:
        halvings = min(len(cautions), self._config.max_halvings)
        sized = sizing.size(signal, context, share=Decimal("0.5") ** halvings)
        return Decision(
            verdict=Verdict.REJECT if sized.plan is None else Verdict.ENTER,
            reasons=(sized.refusal,) if sized.refusal else ("rules_passed", *cautions),
            rationale=rationale | {"sizing": sized.rationale},
            confidence=signal.confidence,
            plan=sized.plan,
        )


def _reasons(findings: Sequence[Finding], outcome: Outcome) -> tuple[str, ...]:
    return tuple(one.reason for one in findings if one.outcome is outcome)
