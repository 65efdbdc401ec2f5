"""Closed bars as one trade is tested on them: the side that tests it, higher meaning better for either direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain import fills
from domain.context import Bar, PriceSide
from domain.fills import FillModel, QuoteSides
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import Trade

_OTHER = {PriceSide.BID: PriceSide.ASK, PriceSide.ASK: PriceSide.BID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One bar of the walk, `end` being its close time.

    `open`, `worst` and `best` are prices of the tested side, negated for short trades. `at_open` is the quote of the
    bar's open; `level_quote` puts the tested side on a level.
    """

    open_time: datetime
    end: datetime
    open: Decimal
    worst: Decimal
    best: Decimal
    at_open: QuoteSides
    known: PriceSide
    wanted: PriceSide
    model: FillModel

    def level_quote(self, level: Decimal) -> QuoteSides:
        """Return the quote at which the tested side stands on `level` (a price, not negated)."""
        return fills.quote_at_level(self.model, level, known=self.known, wanted=self.wanted)


def iterate_steps(trade: Trade, bars: WalkBars, *, model: FillModel, until: datetime) -> Iterator[Step]:
    """Yield the bars whose end is in (evaluated_to, until], oldest first."""
    recorded: dict[tuple[datetime, datetime], dict[PriceSide, Bar]] = {}
    for series in bars.series:
        for bar in series.bars:
            end = series.interval.end(bar.open_time)
            if trade.evaluated_to < end <= until:
                recorded.setdefault((end, bar.open_time), {})[series.side] = bar
    for end, open_time in sorted(recorded):
        yield _step(trade, recorded[end, open_time], end=end, model=model)


def negate_if_short(trade: Trade, price: Decimal) -> Decimal:
    """Negate a price for a short trade, so that higher is better; applying it twice gives the price back."""
    return price if trade.side is Direction.LONG else price.copy_negate()


def _step(trade: Trade, sides: Mapping[PriceSide, Bar], *, end: datetime, model: FillModel) -> Step:
    wanted = PriceSide.BID if trade.side is Direction.LONG else PriceSide.ASK
    known = next(one for one in (wanted, _OTHER[wanted], PriceSide.MID) if one in sides)
    bar = sides[known]
    opened, low, high = (
        negate_if_short(trade, fills.convert_price(model, one, known=known, wanted=wanted))
        for one in (bar.open, bar.low, bar.high)
    )
    return Step(
        open_time=bar.open_time,
        end=end,
        open=opened,
        worst=min(low, high),
        best=max(low, high),
        at_open=_open_quote(sides, known=known),
        known=known,
        wanted=wanted,
        model=model,
    )


def _open_quote(sides: Mapping[PriceSide, Bar], *, known: PriceSide) -> QuoteSides:
    opens = {side: bar.open for side, bar in sides.items()}
    bid, ask = opens.get(PriceSide.BID), opens.get(PriceSide.ASK)
    if bid is not None and ask is not None and ask < bid:
        # A crossed open must not lose the side that the rule was tested on.
        opens.pop(_OTHER[known])
    return QuoteSides(bid=opens.get(PriceSide.BID), ask=opens.get(PriceSide.ASK), last=opens.get(PriceSide.MID))
