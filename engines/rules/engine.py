"""Engine A: checks every rule, then rejects the signal, or enters at full or reduced size."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision, Verdict
from domain.signal import Signal
from engines import reading, sizing
from engines.rules import block, caution
from engines.rules.finding import RuleFinding, RuleInput, RuleOutcome, RulesConfig
from engines.version import version_of


class RulesEngine:
    """Engine that enters in the signal's direction unless a rule of tier 1 blocks; tier 2 halves the size.

    Each rule of tier 2 that asks for caution halves it once, up to `max_halvings` times. All rules are always checked,
    so that a stored decision shows the outcome of each.
    """

    name = "rules"
    is_inline = True
    latency_s = DEFAULT_LATENCY_S

    def __init__(self, config: RulesConfig | None = None) -> None:
        self._config = config or RulesConfig()
        self.version = version_of("rules", self._config)

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Decide ENTER, or REJECT with the code of every rule that blocked; HOLD for a signal that is no entry."""
        if not signal.is_entry:
            return Decision(verdict=Verdict.HOLD, reasons=("not_an_entry",), rationale={})
        with localcontext(reading.ARITHMETIC):
            return self._decide_entry(signal, context)

    def _decide_entry(self, signal: Signal, context: MarketContext) -> Decision:
        """Check all rules and decide on an entry."""
        horizon = reading.find_horizon(signal, context)
        rule_input = RuleInput(config=self._config, signal=signal, context=context, horizon=horizon)
        blocks = [rule(rule_input) for rule in block.RULES]
        cautions = [rule(rule_input) for rule in caution.RULES]
        missing = reading.find_missing_inputs(signal, context)
        rationale: dict[str, Any] = {
            "horizon": None if horizon is None else horizon.value,
            "rules": [finding.as_json(tier=1) for finding in blocks]
            + [finding.as_json(tier=2) for finding in cautions],
            "missing_inputs": list(missing),
        }
        reasons = tuple(f"{name}_missing" for name in missing) + _reasons_with_outcome(blocks, RuleOutcome.BLOCKED)
        if reasons:
            return Decision(verdict=Verdict.REJECT, reasons=reasons, rationale=rationale, confidence=signal.confidence)
        return self._size_entry(
            signal, context, _reasons_with_outcome(cautions, RuleOutcome.CAUTION), rationale=rationale
        )

    def _size_entry(
        self, signal: Signal, context: MarketContext, cautions: tuple[str, ...], *, rationale: dict[str, Any]
    ) -> Decision:
        """Decide ENTER with a size reduced by the cautions, or REJECT when no size is possible."""
        halvings = min(len(cautions), self._config.max_halvings)
        entry = sizing.size_entry(signal, context, share=Decimal("0.5") ** halvings)
        return Decision(
            verdict=Verdict.REJECT if entry.plan is None else Verdict.ENTER,
            reasons=(entry.refusal,) if entry.refusal else ("rules_passed", *cautions),
            rationale=rationale | {"sizing": entry.rationale},
            confidence=signal.confidence,
            plan=entry.plan,
        )


def _reasons_with_outcome(findings: Sequence[RuleFinding], outcome: RuleOutcome) -> tuple[str, ...]:
    """Return the reason codes of the findings that have this outcome."""
    return tuple(finding.reason for finding in findings if finding.outcome is outcome)
