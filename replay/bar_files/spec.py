"""Specifications of bar files: `SYMBOL[:bid|:ask|:mid]=FILE`, and how a file's times are to be understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.vocabulary import symbols
from domain import session_calendars
from domain.context import PriceSide
from domain.session_calendars import CalendarUnknown
from domain.sessions import SessionCalendar
from domain.signal import Instrument, InstrumentKind

_FORM = "SYMBOL[:bid|:ask|:mid]=FILE, such as EURUSD:ask=eurusd.csv.gz"
_WITHOUT_SESSIONS = frozenset({InstrumentKind.SPOT, InstrumentKind.PERP, InstrumentKind.FOREX})
_SIDES = {side.value: side for side in PriceSide}


class BarSpecInvalid(ValueError):
    """The text is not `SYMBOL[:bid|:ask|:mid]=FILE`, two of them name the same series, or an option is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """What the user said about the times of a file.

    `zone` is the time zone of times without an offset. `calendar` gives the sessions at whose open date-stamped bars
    open, and which end bars. None: not said.
    """

    zone: ZoneInfo | None = None
    calendar: SessionCalendar | None = None


NO_OPTIONS = ReadingOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSpec:
    """Which file holds which price of which instrument, and how its times are to be understood."""

    instrument: Instrument
    side: PriceSide
    path: Path
    options: ReadingOptions = NO_OPTIONS


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


def spec_of_file(path: Path, options: ReadingOptions) -> BarSpec:
    """Return the specification of a file that is only looked at: of no instrument."""
    return BarSpec(
        instrument=Instrument(symbol="", exchange="", kind=InstrumentKind.UNKNOWN),
        side=PriceSide.MID,
        path=path,
        options=options,
    )


def parse_specs(texts: Sequence[str], *, timezones: Sequence[str] = (), calendars: Sequence[str] = ()) -> list[BarSpec]:
    """Read specifications with the options of each file.

    A time zone or calendar is for all files, or, written `SYMBOL=...`, for the files of that symbol. Without one, the
    calendar is that of the exchange which a specification names, such as NASDAQ:AAPL.

    Raises:
        BarSpecInvalid: when a text, a time zone or a calendar cannot be used.
    """
    specs = [parse_spec(text) for text in texts]
    zone_of = _parse_assignments(timezones, option="--timezone", specs=specs)
    calendar_of = _parse_assignments(calendars, option="--calendar", specs=specs)
    return [
        replace(spec, options=_choose_options(spec.instrument, zone_of.get(symbol), calendar_of.get(symbol)))
        for spec in specs
        for symbol in [spec.instrument.symbol]
    ]


def parse_options(*, timezone: str | None, calendar: str | None) -> ReadingOptions:
    """Return the options of a file from the names of a time zone and of a calendar.

    Raises:
        BarSpecInvalid: when there is no such time zone or calendar.
    """
    try:
        loaded = session_calendars.load_calendar(calendar) if calendar is not None else None
    except CalendarUnknown as error:
        raise BarSpecInvalid(f"--calendar: {error}") from None
    return ReadingOptions(zone=_parse_zone(timezone) if timezone is not None else None, calendar=loaded)


def _choose_options(instrument: Instrument, timezone: str | None, calendar: str | None) -> ReadingOptions:
    options = parse_options(timezone=timezone, calendar=calendar)
    return options if calendar is not None else replace(options, calendar=_find_calendar(instrument))


def _find_calendar(instrument: Instrument) -> SessionCalendar | None:
    """Return the calendar of an instrument's exchange; None where none is known, or trading is not bound to it."""
    name = session_calendars.find_name(instrument.exchange)
    if name is None or instrument.kind in _WITHOUT_SESSIONS:
        return None
    try:
        return session_calendars.load_calendar(name)
    except CalendarUnknown:
        return None


def _parse_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name.strip())
    except (ValueError, OSError, KeyError):  # no zone of that name, or no name of a zone at all
        problem = f"{name!r} is not a time zone; write one such as America/New_York, Etc/GMT+5 or UTC"
        raise BarSpecInvalid(f"--timezone: {problem}") from None


def _parse_assignments(texts: Sequence[str], *, option: str, specs: Sequence[BarSpec]) -> dict[str, str]:
    """Return the value for each symbol of the specifications; one written for a symbol counts more than one for all."""
    by_symbol: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals:
            by_symbol = {spec.instrument.symbol: value for spec in specs} | by_symbol
            continue
        symbol = _parse_symbol(name, option=option)
        if symbol not in {spec.instrument.symbol for spec in specs}:
            raise BarSpecInvalid(f"{option} {text}: there is no bar file of {symbol}")
        by_symbol[symbol] = value
    return by_symbol


def _parse_symbol(text: str, *, option: str) -> str:
    try:
        return symbols.parse(text).symbol
    except symbols.SymbolUnreadable as error:
        raise BarSpecInvalid(f"{option}: {text!r} {error}") from None
