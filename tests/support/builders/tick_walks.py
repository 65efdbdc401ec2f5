"""Random walks by the tick, and the bars of any size that a feed would make of them.

Up and down are equally likely at each tick, so nothing that was known before a tick says where it goes: whoever trades
at prices that could have been traded earns nothing, less what trading costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np

from domain.context import Bar
from domain.intervals import Interval
from tests.support.builders.markets import START

FIRST_PRICE = Decimal(100)
_UNIT = Decimal("0.00001")  # prices are whole numbers of it
_UNITS_PER_BPS = int(FIRST_PRICE / 10_000 / _UNIT)


@dataclass(frozen=True, kw_only=True)
class TickWalk:
    """The prices of a walk in its smallest units, one every `every` from the start on."""

    units: Sequence[int]
    every: timedelta

    def price_at(self, since_start: timedelta) -> Decimal:
        """Return the last price at a moment."""
        return self.units[since_start // self.every] * _UNIT

    @property
    def length(self) -> timedelta:
        """The time that the walk covers."""
        return len(self.units) * self.every

    def bars(self, interval: Interval) -> list[Bar]:
        """Return the complete bars of an interval that is a whole number of ticks long."""
        per_bar = interval.approximate // self.every
        starts = range(0, len(self.units) - per_bar + 1, per_bar)
        return [self._bar(start, self.units[start : start + per_bar]) for start in starts]

    def _bar(self, start: int, units: Sequence[int]) -> Bar:
        return Bar(
            open_time=START + start * self.every,
            open=units[0] * _UNIT,
            high=max(units) * _UNIT,
            low=min(units) * _UNIT,
            close=units[-1] * _UNIT,
            volume=None,
        )


def a_tick_walk(*, ticks: int, every: timedelta, step_bps: float, seed: int) -> TickWalk:
    """Walk from 100 in normal steps of a standard deviation in basis points of the first price."""
    steps = np.random.default_rng(seed).normal(0, step_bps * _UNITS_PER_BPS, size=ticks - 1)
    units = np.rint(steps).astype(int).cumsum() + int(FIRST_PRICE / _UNIT)
    return TickWalk(units=[int(FIRST_PRICE / _UNIT), *units.tolist()], every=every)
