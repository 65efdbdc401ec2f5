"""Why engines stayed out of signals: their own reasons, and those for which their entries were denied."""

from __future__ import annotations

from collections import Counter

from domain.comparison.record import Side, StudyRecord
from domain.decision import EngineSlot, Verdict


def count_reasons(record: StudyRecord, engine: EngineSlot) -> Counter[str]:
    """Count the entry signals that an engine did not trade, by `hold`, `reject`, `error` or `denied` and the reason.

    Of several reasons the first one counts, which decided.
    """
    reasons = (_find_reason(entry.sides[engine]) for entry in record.entries)
    return Counter(reason for reason in reasons if reason is not None)


def _find_reason(side: Side) -> str | None:
    """Return why a side did not trade; None when it did, or may still."""
    if side.verdict is None:
        return None
    if side.verdict is not Verdict.ENTER:
        return f"{side.verdict.value.lower()}: {side.reasons[0] if side.reasons else 'no reason given'}"
    denials = [outcome.exit_reason for outcome in side.model.values() if not outcome.traded]
    return f"denied: {denials[0]}" if denials else None
