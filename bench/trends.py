"""Trends of measured series: the slope, what it comes to in 30 days, and whether anything bounds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

DAYS = 30
_SECONDS = DAYS * 86_400
# Caches fill and pools open at first.
_WARM_UP_SHARE = 0.25
_FEWEST_POINTS = 8
# A slope counts when it is this many times its standard error, and when it raised the value by this share.
_CERTAIN = 4.0
_NOTICEABLE_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values over time (seconds), the growth in 30 days that is allowed, and what bounds a growth, if anything."""

    name: str
    unit: str
    points: Sequence[tuple[float, float]]
    allowed: float
    bound: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The slope of a series per hour and its growth in 30 days; `grows` when it does and nothing bounds it."""

    name: str
    unit: str
    first: float
    last: float
    per_hour: float
    in_30_days: float
    verdict: str
    bound: str | None

    @property
    def is_unbounded(self) -> bool:
        """Return whether the series grows without a bound."""
        return self.verdict == "grows"

    def as_json(self) -> dict[str, Any]:
        """Return the trend as a JSON object."""
        figures = {name: round(getattr(self, name), 3) for name in ("first", "last", "per_hour", "in_30_days")}
        return {"unit": self.unit, **figures, "verdict": self.verdict, "bound": self.bound}


def find_trend(series: Series) -> Trend:
    """Fit a line to a series after its warm-up and judge it.

    The verdict is `flat` when the slope cannot be told from noise or comes to no more than what is allowed, `bounded`
    when something ends the growth, `unknown` with too few points, else `grows`.
    """
    points = series.points[int(len(series.points) * _WARM_UP_SHARE) :]
    slope, error = fit_slope(points)
    values = [value for _, value in points]
    return Trend(
        name=series.name,
        unit=series.unit,
        first=values[0] if values else 0.0,
        last=values[-1] if values else 0.0,
        per_hour=slope * 3600,
        in_30_days=slope * _SECONDS,
        verdict=_judge(series, points, slope=slope, error=error),
        bound=series.bound,
    )


def _judge(series: Series, points: Sequence[tuple[float, float]], *, slope: float, error: float) -> str:
    if len(points) < _FEWEST_POINTS:
        return "unknown"
    mean = sum(value for _, value in points) / len(points)
    raised = slope * (points[-1][0] - points[0][0])
    is_growth = slope > _CERTAIN * error and raised > _NOTICEABLE_SHARE * abs(mean)
    if not is_growth or slope * _SECONDS <= series.allowed:
        return "flat"
    return "bounded" if series.bound else "grows"


def fit_slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the least-squares slope and its standard error; zeros with fewer than three distinct times."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / max(count, 1)
    mean_y = sum(y for _, y in points) / max(count, 1)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if count < 3 or not spread:
        return 0.0, 0.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, math.sqrt(residual / (count - 2) / spread)
