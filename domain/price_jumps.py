"""Jumps of a price between two consecutive bars that look like a split or bad data, so that no result may rest on them.

A price that opens at a whole multiple of the one before, or at such a part of it, looks like a split or a shifted
decimal point. A move of more than 30 % within a bar does so where that is not usual: in currencies, indices and
futures. Stocks move so far on news, and crypto does at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.context import Bar, BarSeries, MarketContext
from domain.signal import Instrument, InstrumentKind

JUMP = "price_jump"  # name of the field in the quality of a context whose prices jumped

_TOLERANCE = Decimal("0.02")
_LARGEST_MOVE = Decimal("0.3")
_STEADY_KINDS = frozenset({InstrumentKind.FOREX, InstrumentKind.INDEX, InstrumentKind.FUTURE})
# Anything less is no jump of either sort, which is cheap to see.
_SUSPICIOUS = Decimal("1.25")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceJump:
    """A jump: the last price before it, the first price after it, and the open time of the bar that has it."""

    at: datetime
    before: Decimal
    after: Decimal


def find_jump(before: Decimal | None, prices: Sequence[Decimal], *, kind: InstrumentKind) -> Decimal | None:
    """Return the first of a bar's prices, its open first, that jumped from the price before; None when none did."""
    if before is None or before <= 0:
        return None
    if looks_like_split(before, prices[0]):
        return prices[0]
    if kind not in _STEADY_KINDS:
        return None
    return next((price for price in prices if abs(price - before) > _LARGEST_MOVE * before), None)


def looks_like_split(before: Decimal, after: Decimal) -> bool:
    """Return whether one price is a whole multiple of the other, from 2 on, within 2 %."""
    smaller, larger = min(before, after), max(before, after)
    if smaller <= 0 or larger < _SUSPICIOUS * smaller:
        return False
    ratio = larger / smaller
    multiple = round(ratio)
    return multiple > 1 and abs(ratio - multiple) <= _TOLERANCE * multiple


def find_in_context(context: MarketContext) -> PriceJump | None:
    """Return the newest jump in the prices that a context shows; None when it has none."""
    if JUMP not in context.quality:
        return None
    return find_newest(context.window.base, context.current_price, kind=context.instrument.kind)


def find_newest(series: BarSeries | None, current: Decimal | None, *, kind: InstrumentKind) -> PriceJump | None:
    """Return the newest jump within a series, or from its last close to the current price."""
    if series is None or not series.bars:
        return None
    bars = series.bars
    if current is not None and find_jump(bars[-1].close, (current,), kind=kind) is not None:
        return PriceJump(at=bars[-1].end(series.interval), before=bars[-1].close, after=current)
    for index in range(len(bars) - 1, 0, -1):
        before, bar = bars[index - 1].close, bars[index]
        if _may_jump(before, bar) and (after := find_jump(before, _list_prices(bar), kind=kind)) is not None:
            return PriceJump(at=bar.open_time, before=before, after=after)
    return None


def describe_subject(book: str, instrument: Instrument, jump: PriceJump) -> str:
    """Return the subject of the incident about a jump in an instrument's prices in a book."""
    name = f"{instrument.exchange}:{instrument.symbol}" if instrument.exchange else instrument.symbol
    return f"{book} {name} {jump.at:%Y-%m-%dT%H:%M:%SZ}"


def _may_jump(before: Decimal, bar: Bar) -> bool:
    return bar.high > before * _SUSPICIOUS or bar.low * _SUSPICIOUS < before


def _list_prices(bar: Bar) -> tuple[Decimal, ...]:
    return bar.open, bar.high, bar.low, bar.close
