"""Sequential test of the assignment balance (sample ratio mismatch): were A and B drawn as often as intended?

Lindon & Malek 2022 (arXiv 2011.03567): the evidence is the ratio of a Dirichlet-multinomial to the intended
multinomial. The product is taken step by step with the split in force at each draw, so a changed split is no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.comparison import numbers
from domain.comparison.record import StudyRecord
from domain.decision import EngineSlot
from domain.experiment import PPM

KAPPA = 200.0
WARN_BELOW = 0.01
ALARM_BELOW = 0.001


def compute_balance_p(draws: Iterable[tuple[EngineSlot, float]], *, kappa: float = KAPPA) -> float:
    """Return min(1, 1/E) over the sequence of (variant, intended share of A); an impossible draw gives 0."""
    log_evidence = highest = 0.0
    counts: dict[EngineSlot, int] = dict.fromkeys(EngineSlot, 0)
    for variant, share_of_a in draws:
        intended = share_of_a if variant is EngineSlot.A else 1 - share_of_a
        if intended <= 0:
            return 0.0
        log_evidence += compute_log_evidence(intended, seen=counts[variant], total=_count_draws(counts), kappa=kappa)
        counts[variant] += 1
        highest = max(highest, log_evidence)
    return numbers.round_to_12_digits(math.exp(-highest))


def compute_log_evidence(intended: float, *, seen: int, total: int, kappa: float) -> float:
    """Return the log of (predicted / intended) probability of a draw after `total` draws, `seen` of them alike."""
    return math.log((kappa * intended + seen) / (kappa + total)) - math.log(intended)


def compute_study_p(record: StudyRecord) -> float:
    """Return the p value of the balance of a study's stored assignments, in the order of their signals."""
    return compute_balance_p(
        (entry.assignment.variant, float(Decimal(entry.assignment.split_ppm) / PPM)) for entry in record.entries
    )


def _count_draws(counts: Mapping[EngineSlot, int]) -> int:
    return sum(counts.values())
