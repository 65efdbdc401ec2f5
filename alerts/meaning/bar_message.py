"""Reading of a bar feed's messages: a closed bar of a symbol and interval, with nothing to do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from alerts.meaning import reader as alert_reader
from alerts.meaning import times
from alerts.meaning.field_reader import FieldReader
from alerts.meaning.reading import AlertUnclear
from alerts.parsing import values
from alerts.parsing.fields import Field, Fields
from alerts.vocabulary.aliases import GENERAL
from domain import trading_hours
from domain.bar_messages import BarMessage
from domain.books import TEST_BOOK
from domain.intervals import Interval, Unit
from domain.signal import AlertBar, Instrument, Source

MARK_FIELD, MARK = "feed", "bars"
_PRICES = ("open", "high", "low", "close")
# Alerts fire some milliseconds around the close, and clocks differ.
_FIRED_EARLY, _CLOCK_ERROR = timedelta(seconds=1), timedelta(seconds=60)


def recognises(fields: Fields) -> bool:
    """Return whether a payload says that it is of a bar feed, and has no command beside that."""
    mark = fields.find_first((MARK_FIELD,))
    return mark is not None and str(mark.value).strip().lower() == MARK and fields.find_first(GENERAL.commands) is None


def read(fields: Fields, source: Source, *, raw: bytes, received_at: datetime | None = None) -> BarMessage:
    """Read a message of a bar feed; `received_at` is its time of arrival, if known.

    Raises:
        AlertUnclear: with an entry for each field that is missing, unreadable or impossible.
    """
    reader = FieldReader(fields=fields, source=source, aliases=GENERAL, received_at=received_at)
    instrument = alert_reader.read_instrument(reader)
    interval = _read_interval(reader)
    open_time, fired_at = times.read_times(reader)
    bar = _read_bar(reader, open_time)
    is_test = reader.read_optional("is_test", values.parse_bool) or False
    closes_at = _find_close(reader, instrument, interval, bar, fired_at=fired_at or received_at)
    if reader.errors or instrument is None or interval is None or bar is None or closes_at is None:
        raise AlertUnclear(reader.errors, symbol=None if instrument is None else instrument.symbol, is_test=is_test)
    return BarMessage(
        book=TEST_BOOK if is_test else source.book,
        source=source.name,
        instrument=instrument,
        interval=interval,
        bar=bar,
        closes_at=closes_at,
        raw=raw,
    )


def _read_interval(reader: FieldReader) -> Interval | None:
    field = reader.fields.find_first(reader.aliases.timeframe)
    if field is not None:
        return reader.parse_field("timeframe", field, values.parse_interval)
    if reader.source.timeframe is None:
        reader.add_error("interval", "is required, such as 60 or 1h; TradingView's placeholder is {{interval}}")
    return reader.source.timeframe


def _read_bar(reader: FieldReader, open_time: datetime | None) -> AlertBar | None:
    """Read the prices and the volume; an error names what is missing or cannot be."""
    if open_time is None and not reader.fields.find_first(reader.aliases.bar_time):
        reader.add_error("time", "is required: when the bar opened; TradingView's placeholder is {{time}}")
    prices = {name: _read_price(reader, name) for name in _PRICES}
    opens, high, low, close = prices.values()
    if opens is None or high is None or low is None or close is None:
        return None
    if high < low:
        reader.add_error("high", f"{high} is below low, {low}")
    elif not low <= min(opens, close) <= max(opens, close) <= high:
        name = "open" if not low <= opens <= high else "close"
        reader.add_error(name, f"{prices[name]} is not between low, {low}, and high, {high}")
    volume = reader.fields.find_first(("volume", "barvolume"))
    return (
        None
        if open_time is None
        else AlertBar(open_time=open_time, open=opens, high=high, low=low, close=close, volume=_parse_volume(volume))
    )


def _read_price(reader: FieldReader, name: str) -> Decimal | None:
    field = reader.fields.find_first((name, f"bar{name}"))
    if field is None:
        reader.add_error(name, f"is required, a price such as 60000.5; TradingView's placeholder is {{{{{name}}}}}")
        return None
    return reader.parse_field(name, field, values.parse_price)


def _parse_volume(field: Field | None) -> Decimal | None:
    """Return a volume; None where it is missing, unreadable or below zero, since a bar must not be lost for it."""
    try:
        volume = None if field is None else values.parse_number(field.value)
    except values.ValueUnreadable:
        return None
    return volume if volume is not None and volume >= 0 else None


def _find_close(
    reader: FieldReader,
    instrument: Instrument | None,
    interval: Interval | None,
    bar: AlertBar | None,
    *,
    fired_at: datetime | None,
) -> datetime | None:
    """Return when the bar closes; a bar that had not closed when its alert fired is an error."""
    if instrument is None or interval is None or bar is None:
        return None
    if interval.unit is Unit.MONTH and bar.open_time.day > 28:
        reader.add_error("time", "a bar of months must open on one of the first 28 days")
        return None
    closes_at = trading_hours.bar_closes_at(instrument, interval, bar.open_time, calendar=reader.source.calendar)
    latest = None if reader.received_at is None else reader.received_at + _CLOCK_ERROR
    if (fired_at is not None and closes_at > fired_at + _FIRED_EARLY) or (latest is not None and closes_at > latest):
        reader.add_error(
            "time",
            f"its bar of {interval} closes at {closes_at:%Y-%m-%d %H:%M:%S} UTC, after the alert fired:"
            ' let the alert fire "Once Per Bar Close"',
        )
    return closes_at
