"""The conclusion of a study. It is always "not yet", as there is no test yet that allows repeated looks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from domain.comparison import srm
from domain.comparison.integrity import ComparisonHealth
from domain.comparison.naive import NaiveInterval


class Status(Enum):
    """The possible conclusions of a study."""

    INVALID = "INVALID"
    HARM = "HARM"
    SHIP_B = "SHIP_B"
    KEEP_A = "KEEP_A"
    EQUIVALENT = "EQUIVALENT"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_YET = "NOT_YET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A status, and its explanation for the user."""

    status: Status
    text: str


def conclude(interval: NaiveInterval, health: ComparisonHealth, *, pairs: int, traded: int) -> Conclusion:
    """Return the conclusion: not yet, with the present estimate and the faults of the data.

    `traded` counts the pairs in which at least one engine traded; engines that never did are not compared.
    """
    sentences = [_describe_estimate(interval, pairs, traded=traded), *_describe_faults(health)]
    return Conclusion(status=Status.NOT_YET, text=" ".join(sentences))


def _describe_estimate(interval: NaiveInterval, pairs: int, *, traded: int) -> str:
    if interval.estimate is None:
        return "Not known yet: no entry signal has ended on both sides."
    if not traded:
        return f"Not known yet: neither engine traded on any of {pairs} pairs, so there is nothing to compare."
    return (
        f"Not known yet: over {pairs} pairs {_name_leader(interval.estimate)}, but the interval is valid for one look"
        " only and whoever looks again and again will see a winner where there is none. No winner is declared on it."
    )


def _name_leader(estimate: float) -> str:
    if estimate == 0:
        return "the engines are level"
    return f"engine {'B' if estimate > 0 else 'A'} is ahead"


def _describe_faults(health: ComparisonHealth) -> list[str]:
    """Return a sentence for each fault of the data; none when the data are sound."""
    counts = (
        (health.hash_mismatches, "{} assignments do not recompute from what is stored."),
        (health.context_mismatches, "{} entries were decided on differing snapshots and are left out."),
        (health.price_jumps, "{} entries met a jump in prices that looks like a split or bad data: check the bars."),
    )
    faults = [sentence.format(count) for count, sentence in counts if count]
    if health.srm_p < srm.ALARM_BELOW:
        faults.append("The assignment is out of balance, so the comparison must not be trusted.")
    return faults
