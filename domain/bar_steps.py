"""Closed bars prepared for the exit walk of one trade: prices of the tested side, negated for short trades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain import fills, market_prices
from domain.context import Bar, PriceBasis, PriceSide
from domain.costs import InstrumentCosts
from domain.fills import FillModel, QuoteSides
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import Trade

_OTHER = {PriceSide.BID: PriceSide.ASK, PriceSide.ASK: PriceSide.BID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One bar of the walk, `end` being its close time.

    `open_counts_until` is until when the open is still the market's price. `open`, `worst`, `best` and `close` are
    prices of the tested side, negated for short trades, so that higher is better for either direction. `at_open` is the
    quote at the bar's open; `open_basis` says whether that is an open or, where only the bar's close counts, a close.
    `wanted` is the tested side, `known` the side that the prices were recorded on.
    """

    open_time: datetime
    open_counts_until: datetime
    end: datetime
    open: Decimal
    worst: Decimal
    best: Decimal
    close: Decimal
    at_open: QuoteSides
    open_basis: PriceBasis
    known: PriceSide
    wanted: PriceSide
    costs: InstrumentCosts

    @property
    def prices(self) -> tuple[Decimal, ...]:
        """The bar's prices of the tested side, not negated, its open first."""
        return tuple(abs(price) for price in (self.open, self.worst, self.best, self.close))

    def quote_at(self, level: Decimal) -> QuoteSides:
        """Return the quote in which the tested side has the price `level` (not negated)."""
        return fills.quote_at_level(self.costs, level, known=self.known, wanted=self.wanted)


def iterate_steps(trade: Trade, bars: WalkBars, *, model: FillModel, until: datetime) -> Iterator[Step]:
    """Yield the bars that end in (trade.evaluated_to, until], oldest first, each moment once.

    Finer bars come first; a coarser one counts where there are none. Of a bar that began before the walk has come to it
    (before the entry, or while finer bars were walked) only the close counts: its other prices may be older.
    """
    position, costs = trade.evaluated_to, model.find_costs(trade.instrument)
    for (end, open_time), sides in sorted(_group_by_time(bars).items(), key=_finest_first_at_each_end):
        if not position < end <= until:
            continue
        is_close = open_time < position
        counted = {side: _keep_close_only(bar, end=end) for side, bar in sides.items()} if is_close else sides
        yield _build_step(trade, counted, end=end, costs=costs, is_close=is_close)
        position = end


def _group_by_time(bars: WalkBars) -> dict[tuple[datetime, datetime], dict[PriceSide, Bar]]:
    """Return the bars of all series by (end, open time), then by price side."""
    groups: dict[tuple[datetime, datetime], dict[PriceSide, Bar]] = {}
    for series in bars.series:
        for bar in series.bars:
            groups.setdefault((bar.end(series.interval), bar.open_time), {})[series.side] = bar
    return groups


def _finest_first_at_each_end(group: tuple[tuple[datetime, datetime], object]) -> tuple[datetime, timedelta]:
    """Return the key that sorts bars by their end, of those that end together the shortest first."""
    end, open_time = group[0]
    return end, end - open_time


def _keep_close_only(bar: Bar, *, end: datetime) -> Bar:
    """Return a bar of no length at the end of another one, with its close as only price."""
    return replace(bar, open_time=end, open=bar.close, high=bar.close, low=bar.close)


def negate_if_short(trade: Trade, price: Decimal) -> Decimal:
    """Return the price, negated for a short trade, so that higher is better; twice gives the price back."""
    return price if trade.side is Direction.LONG else price.copy_negate()


def _build_step(
    trade: Trade, sides: Mapping[PriceSide, Bar], *, end: datetime, costs: InstrumentCosts, is_close: bool
) -> Step:
    """Build a step from the bars recorded for one time, by price side; `is_close` when only their close counts."""
    wanted = PriceSide.BID if trade.side is Direction.LONG else PriceSide.ASK
    known = next(side for side in (wanted, _OTHER[wanted], PriceSide.MID) if side in sides)
    bar = sides[known]
    open_price, low, high, close = (
        negate_if_short(trade, fills.convert_price(costs, price, known=known, wanted=wanted))
        for price in (bar.open, bar.low, bar.high, bar.close)
    )
    return Step(
        open_time=bar.open_time,
        open_counts_until=bar.open_time + market_prices.how_long_open_counts(end - bar.open_time),
        end=end,
        open=open_price,
        worst=min(low, high),
        best=max(low, high),
        close=close,
        at_open=_build_open_quote(sides, known=known),
        open_basis=PriceBasis.CLOSE if is_close else PriceBasis.OPEN,
        known=known,
        wanted=wanted,
        costs=costs,
    )


def _build_open_quote(sides: Mapping[PriceSide, Bar], *, known: PriceSide) -> QuoteSides:
    """Return the quote at the open of the bars; of a crossed one only the side that the rules were tested on."""
    opens = {side: bar.open for side, bar in sides.items()}
    bid, ask = opens.get(PriceSide.BID), opens.get(PriceSide.ASK)
    if bid is not None and ask is not None and ask < bid:
        opens.pop(_OTHER[known])
    return QuoteSides(bid=opens.get(PriceSide.BID), ask=opens.get(PriceSide.ASK), last=opens.get(PriceSide.MID))
