"""The naive paired t interval: valid for a number of pairs that is fixed beforehand, and for one look only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.comparison import numbers

METHOD = "naive_t_one_look"
LABEL = "valid for one look only"
NO_PAIRS = "no pair has ended yet"
ONE_PAIR = "an interval needs at least two pairs"
NO_VARIATION = "all pairs differ by the same amount, so nothing can be said about the spread"


@dataclass(frozen=True, slots=True, kw_only=True)
class NaiveInterval:
    """The mean difference and its Student t interval; `note` is the reason when a bound is None."""

    estimate: float | None
    low: float | None
    high: float | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPoint:
    """The estimate and its naive bounds after the first `count` pairs."""

    count: int
    estimate: float
    low: float | None
    high: float | None


def compute_interval(differences: Sequence[Decimal], *, alpha: Decimal) -> NaiveInterval:
    """Return mean ± t(1 - alpha/2, n - 1) s / sqrt(n); no bounds for fewer than two pairs or without variation."""
    count = len(differences)
    if not count:
        return NaiveInterval(estimate=None, low=None, high=None, note=NO_PAIRS)
    estimate = numbers.divide(numbers.sum_exactly(differences), Decimal(count))
    if count == 1 or len(set(differences)) == 1:
        note = ONE_PAIR if count == 1 else NO_VARIATION
        return NaiveInterval(estimate=estimate, low=None, high=None, note=note)
    values = [float(difference) for difference in differences]
    mean = math.fsum(values) / count
    spread = math.fsum((value - mean) ** 2 for value in values)
    half = compute_half_width(count, spread, alpha=alpha)
    return NaiveInterval(
        estimate=estimate,
        low=numbers.round_to_12_digits(mean - half),
        high=numbers.round_to_12_digits(mean + half),
        note=None,
    )


def compute_half_width(count: int, spread: float, *, alpha: Decimal) -> float:
    """Return half the interval of `count` >= 2 values whose squared deviations sum to `spread`."""
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import, and most commands never need it

    return float(stdtrit(count - 1, 1 - float(alpha) / 2)) * math.sqrt(spread / (count - 1) / count)


def iterate_running_intervals(differences: Sequence[Decimal], *, alpha: Decimal) -> Iterator[RunningPoint]:
    """Yield the interval after each pair (Welford's update); repeated looks make it invalid as a test."""
    mean = spread = 0.0
    for count, difference in enumerate(map(float, differences), start=1):
        step = difference - mean
        mean += step / count
        spread += step * (difference - mean)
        half = compute_half_width(count, spread, alpha=alpha) if spread > 0 else None
        low, high = (None, None) if half is None else (mean - half, mean + half)
        yield RunningPoint(count=count, estimate=mean, low=low, high=high)
