"""Warnings about when alerts fire: within bars without a price of their own, or with times that lack their zone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.meaning import times
from domain import market_prices
from domain.decision import DEFAULT_LATENCY_S
from domain.intervals import Interval
from domain.signal import Instrument, NewSignal
from replay import alert_symbols
from replay.bar_files import BarFile
from replay.schedule import Schedule

_MOST_WITHOUT_PRICE = 0.05
_LATENCY = timedelta(seconds=float(DEFAULT_LATENCY_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opens:
    """The open times of a series of bars, ascending."""

    interval: Interval
    times: Sequence[datetime]

    def newest(self, at: datetime) -> datetime | None:
        """Return the open of the newest bar that opened at or before a moment."""
        count = bisect_right(self.times, at)
        return self.times[count - 1] if count else None


def format_warnings(scheduled: Schedule) -> Iterator[str]:
    """Yield what a replay's user should know of the alerts' times before it begins, each with its cure."""
    signals = list(_read_signals(scheduled))
    yield from _format_without_price(signals, scheduled.files)
    yield from _format_missing_zones(signals)


def _read_signals(scheduled: Schedule) -> Iterator[tuple[datetime, NewSignal]]:
    """Yield each alert that can be read and is no test, with its firing time."""
    for alert in scheduled.alerts:
        for signal in alert_symbols.read_signals(alert, scheduled.settings):
            yield alert.fired_at, signal


def _format_without_price(signals: Sequence[tuple[datetime, NewSignal]], files: Sequence[BarFile]) -> Iterator[str]:
    opens = {signal.instrument: _find_opens(signal.instrument, files) for _, signal in signals}
    count = sum(
        signal.price is None and _fires_within_bar(fired_at + _LATENCY, opens[signal.instrument])
        for fired_at, signal in signals
    )
    if count <= len(signals) * _MOST_WITHOUT_PRICE:
        return
    yield (
        f"{count} of {len(signals)} alerts fire within a bar and have no price of their own: they fill at the open of"
        " the next bar, which may be far from the price they fired at; add finer bars of the same time, or a price to"
        " the alerts"
    )


def _find_opens(instrument: Instrument, files: Sequence[BarFile]) -> list[_Opens]:
    """Return the open times of the bars that an instrument is traded on, by file."""
    return [
        _Opens(interval=file.interval, times=file.rows.in_time.bar_opens())
        for file in files
        if file.rows is not None and alert_symbols.has_bars(instrument, [file])
    ]


def _fires_within_bar(at: datetime, series: Sequence[_Opens]) -> bool:
    """Return whether a moment lies within a bar, and so near the open of none that an order could fill at it."""
    newest = [(opens.interval, open_time) for opens in series if (open_time := opens.newest(at)) is not None]
    within = [(interval, at - open_time) for interval, open_time in newest if at < interval.end(open_time)]
    return bool(within) and all(
        age > market_prices.how_long_open_counts(interval.approximate) for interval, age in within
    )


def _format_missing_zones(signals: Sequence[tuple[datetime, NewSignal]]) -> Iterator[str]:
    offsets = Counter(
        offset
        for fired_at, signal in signals
        if (offset := times.find_missing_offset(signal.event_at or signal.timestamp, fired_at)) is not None
    )
    for offset, count in sorted(offsets.items()):
        hours, minutes = divmod(int(offset.total_seconds()) // 60, 60)
        zone = f"+{hours:02}:{minutes:02}"
        yield (
            f"{count} of {len(signals)} alerts state a time {zone.removeprefix('+')} after they fired: does it lack its"
            f" zone {zone}? --alert-timezone {zone} reads it so"
        )
