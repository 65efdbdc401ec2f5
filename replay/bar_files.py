"""Bar files: `SYMBOL[:bid|:ask|:mid]=FILE`, csv or csv.gz, one row per bar, stamped at the bar's open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from alerts.vocabulary import symbols
from domain.context import Bar, PriceSide
from domain.intervals import Interval, IntervalInvalid
from domain.signal import Instrument
from replay.rows import CsvRows, FileInvalid, parse_time

HEADER = "timestamp,open,high,low,close"
HEADER_WITH_VOLUME = f"{HEADER},volume"
_FORM = "SYMBOL[:bid|:ask|:mid]=FILE, such as EURUSD:ask=eurusd.csv.gz"
_SIDES = {side.value: side for side in PriceSide}
_PRICES = ("open", "high", "low", "close")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_NO_VOLUME = frozenset({"", "nan"})


class BarSpecInvalid(ValueError):
    """The text is not `SYMBOL[:bid|:ask|:mid]=FILE`, or two of them name the same series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSpec:
    """Which file holds which price of which instrument."""

    instrument: Instrument
    side: PriceSide
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFile:
    """A bar file that was read to its end and found well-formed: interval, count, first and last bar.

    `digest` is the SHA-256 of its decompressed bytes; `last_end` is when its last bar closes.
    """

    spec: BarSpec
    interval: Interval
    count: int
    first_open: datetime
    last_end: datetime
    digest: str


def parse_spec(text: str) -> BarSpec:
    """Read `SYMBOL[:bid|:ask|:mid]=FILE`; without a side the prices are mid (or traded) prices.

    Symbols are read as alerts' are: EURUSD, FX:EURUSD, BTCUSDT.P. Without an exchange the bars serve alerts of any.
    Sides are lower case, so that `NYSE:MID=...` names a symbol.

    Raises:
        BarSpecInvalid: when the text has another form.
    """
    name, equals, path = text.partition("=")
    symbol, colon, side = name.rpartition(":")
    if not colon or side not in _SIDES:
        symbol, side = name, PriceSide.MID.value
    try:
        instrument = symbols.parse(symbol)
    except symbols.SymbolUnreadable as error:
        raise BarSpecInvalid(f"{text!r} is not {_FORM}: {symbol!r} {error}") from None
    if not equals or not path:
        raise BarSpecInvalid(f"{text!r} is not {_FORM}")
    return BarSpec(instrument=instrument, side=_SIDES[side], path=Path(path))


def inspect_bar_files(specs: Sequence[BarSpec]) -> tuple[BarFile, ...]:
    """Read each bar file to its end and return the files' descriptions, in the order given.

    Raises:
        FileInvalid: at the first thing that is wrong in a file.
        BarSpecInvalid: when two files hold the same instrument, side and interval.
    """
    seen: dict[tuple[Instrument, PriceSide, Interval], BarFile] = {}
    for spec in specs:
        file = inspect_bar_file(spec)
        key = (spec.instrument, spec.side, file.interval)
        if key in seen:
            series = f"{spec.instrument.symbol} {spec.side.value} {file.interval}"
            raise BarSpecInvalid(f"{seen[key].spec.path} and {spec.path} both give {series} bars; name one of them")
        seen[key] = file
    return tuple(seen.values())


def inspect_bar_file(spec: BarSpec) -> BarFile:
    """Read a file to its end, keeping no bar, and return its description; the interval is the smallest gap.

    Raises:
        FileInvalid: naming the line, the field and what would be right.
    """
    rows = CsvRows(spec.path, headers=(HEADER, HEADER_WITH_VOLUME))
    count, gap = 0, timedelta.max
    first = last = None
    for bar in _parse_bars(rows):
        gap = gap if last is None else min(gap, bar.open_time - last)
        first = first or bar.open_time
        last, count = bar.open_time, count + 1
    if first is None or last is None or count < 2:
        raise FileInvalid(spec.path, f"holds {count} bars; the interval is the smallest gap, so there must be two")
    interval = _interval_from_gap(spec.path, gap)
    return BarFile(
        spec=spec, interval=interval, count=count, first_open=first, last_end=interval.end(last), digest=rows.digest
    )


def read_bars(file: BarFile) -> Iterator[Bar]:
    """Stream the bars of an inspected file, oldest first.

    Raises:
        FileInvalid: as `inspect_bar_file` does, or when the file is no longer what was inspected.
    """
    rows = CsvRows(file.spec.path, headers=(HEADER, HEADER_WITH_VOLUME))
    yield from _parse_bars(rows)
    if rows.digest != file.digest:
        raise FileInvalid(file.spec.path, "changed while it was being read; start again")


def _interval_from_gap(path: Path, gap: timedelta) -> Interval:
    """Return the interval as long as the gap between two bars; raise FileInvalid when there is none."""
    try:
        return Interval.of(gap)
    except IntervalInvalid:
        raise FileInvalid(path, f"two bars are {gap} apart; gaps must be whole seconds", field="timestamp") from None


def _parse_bars(rows: CsvRows) -> Iterator[Bar]:
    """Yield the bars of the rows; raise FileInvalid when their times do not ascend."""
    before: datetime | None = None
    for line, fields in rows:
        open_time = _parse_open_time(rows.path, line, fields[0])
        if before is not None and open_time <= before:
            problem = f"{fields[0]} does not come after {before.isoformat()} on the row above; sort by time, once each"
            raise FileInvalid(rows.path, problem, line=line, field="timestamp")
        before = open_time
        yield _parse_bar(rows.path, line, open_time, fields)


def _parse_bar(path: Path, line: int, open_time: datetime, fields: list[str]) -> Bar:
    """Parse the prices and volume of a row into a bar, and check that high and low bound the others."""
    opened, high, low, close = (
        _parse_price(path, line, name, text) for name, text in zip(_PRICES, fields[1:5], strict=True)
    )
    if high < opened or high < close:
        raise FileInvalid(
            path, f"{high} is below the open or the close; it must be the highest", line=line, field="high"
        )
    if low > opened or low > close:
        raise FileInvalid(path, f"{low} is above the open or the close; it must be the lowest", line=line, field="low")
    volume = _parse_volume(path, line, fields[5]) if len(fields) > 5 else None
    return Bar(open_time=open_time, open=opened, high=high, low=low, close=close, volume=volume)


def _parse_open_time(path: Path, line: int, text: str) -> datetime:
    try:
        return parse_time(text.strip())
    except (ValueError, OverflowError):
        problem = f"{text!r} is not a time; write 2017-01-05T10:00:00Z (UTC when it has no offset) or Unix seconds"
        raise FileInvalid(path, problem, line=line, field="timestamp") from None


def _parse_price(path: Path, line: int, name: str, text: str) -> Decimal:
    """Parse a price above 0; raise FileInvalid for anything else."""
    if _NUMBER.fullmatch(text):
        price = Decimal(text)
        if price > 0:
            return price
    raise FileInvalid(path, f"{text!r} is not a price; write a number above 0 such as 1.05236", line=line, field=name)


def _parse_volume(path: Path, line: int, text: str) -> Decimal | None:
    """Parse a volume of at least 0; None for an empty or not-known value."""
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if text.strip().lower() in _NO_VOLUME:
        return None
    problem = f"{text!r} is not a volume; write a number of at least 0, or nothing when it is not known"
    raise FileInvalid(path, problem, line=line, field="volume")
