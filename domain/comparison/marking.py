"""Equity with open trades marked to market, and its largest fall.

Between two fills the value of a trade is a line in the price: what its exits made, and what the rest would make at that
price, in the book's currency. So the lines of all trades in one instrument add up to one, which changes at fills only,
and each bar is looked at once, however many trades are open. Where the pair's own price gives the rate, the line is in
the price's inverse. Floating point: the figure is a ratio of 12 digits, no amount of money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.comparison import numbers

Floats = NDArray[np.float64]
# Symbol, exchange and kind of the instrument that a series is of.
SeriesKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedFill:
    """An exit of a marked trade: time in seconds, price, quantity, fee, and rate to the book's currency."""

    at: float
    price: float
    quantity: float
    fee: float
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedTrade:
    """A trade from its entry on: mean price, quantity and fee of the entry, then its exits in order of time.

    `point_value` is what a move of the price by 1 is worth for one unit, below 0 for a short trade. `rate` is None
    where the price itself gives it. `holding_cost` is what holding it cost in all.
    """

    series: SeriesKey
    at: float
    price: float
    quantity: float
    fee: float
    point_value: float
    rate: float | None
    holding_cost: float
    exits: tuple[MarkedFill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The closes of one series, oldest first: times in seconds, and prices."""

    times: Floats
    closes: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A change of a trade's line at a fill: of its constant and its slope, with the price at which it happened."""

    at: float
    constant: float
    slope: float
    price: float


def compute_marked_drawdown(
    trades: Sequence[MarkedTrade], prices: Mapping[SeriesKey, Prices], *, capital: float
) -> float:
    """Return the deepest fall of capital + P&L from its peak, as a fraction of the peak, at every close and fill.

    `prices` has the closes of each series that is traded; those from before the first entry do not matter.
    """
    groups: dict[tuple[SeriesKey, bool], list[_Step]] = {}
    for trade in trades:
        groups.setdefault((trade.series, trade.rate is None), []).extend(_list_steps(trade))
    curves = [_build_curve(steps, prices[series], is_inverse=inverse) for (series, inverse), steps in groups.items()]
    if not curves:
        return 0.0
    moments = np.unique(np.concatenate([times for times, _ in curves]))
    equity = np.full(len(moments), capital)
    for times, values in curves:
        places = np.searchsorted(times, moments, side="right") - 1
        equity += np.where(places >= 0, values[np.maximum(places, 0)], 0.0)
    peaks = np.maximum.accumulate(np.maximum(equity, capital))
    return numbers.round_to_12_digits(float(np.max((peaks - equity) / peaks)))


def _list_steps(trade: MarkedTrade) -> list[_Step]:
    """Return the changes of a trade's line: at its entry, and at each exit."""
    steps, held, realized, before = list[_Step](), trade.quantity, 0.0, (0.0, 0.0)
    fills: list[MarkedFill | None] = [None, *trade.exits]
    for fill in fills:
        if fill is not None:
            share = fill.quantity / trade.quantity
            gross = (fill.price - trade.price) * trade.point_value * fill.quantity - fill.fee - trade.fee * share
            realized += gross * fill.rate - trade.holding_cost * share
            held -= fill.quantity
        line = _build_line(trade, held=held, realized=realized)
        at, price = (trade.at, trade.price) if fill is None else (fill.at, fill.price)
        steps.append(_Step(at=at, constant=line[0] - before[0], slope=line[1] - before[1], price=price))
        before = line
    return steps


def _build_line(trade: MarkedTrade, *, held: float, realized: float) -> tuple[float, float]:
    """Return constant and slope of a trade's value in the price, or in its inverse where the price gives the rate."""
    worth = trade.point_value * held
    cost = trade.price * worth + trade.fee * held / trade.quantity
    if trade.rate is None:
        return realized + worth, -cost
    return realized - cost * trade.rate, worth * trade.rate


def _build_curve(steps: Sequence[_Step], prices: Prices, *, is_inverse: bool) -> tuple[Floats, Floats]:
    """Return the times and values of all trades of a series together: at each fill, and at each close after the first.

    A close at the time of a fill comes after it, since a fill inside a bar has the time of its end.
    """
    ordered = sorted(steps, key=lambda step: step.at)
    fill_times = np.array([step.at for step in ordered])
    constants = np.cumsum([step.constant for step in ordered])
    slopes = np.cumsum([step.slope for step in ordered])
    later = prices.times > fill_times[0]
    times = np.concatenate([fill_times, prices.times[later]])
    marks = np.concatenate([[step.price for step in ordered], prices.closes[later]])
    order = np.argsort(times, kind="stable")
    times, marks = times[order], marks[order]
    places = np.searchsorted(fill_times, times, side="right") - 1
    values = constants[places] + slopes[places] * (1.0 / marks if is_inverse else marks)
    return times, values
