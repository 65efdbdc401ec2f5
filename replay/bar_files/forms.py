"""The forms of bar files that programs and exchanges write, one value for each; `recognise_*` names that of a file.

To add a form, add a value: its header, or the pattern of its rows if it has none, and what its times mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from replay.bar_files.columns import normalise

_EPOCH = r"\d{9,10}|\d{12,13}|\d{15,16}"
_NUMBER = r"[+-]?\d*[.,]?\d+(?:[eE][+-]?\d+)?"
_PRICES = (_NUMBER,) * 4


class FileClock(Enum):
    """The clock of times that are written without an offset: UTC, or a local one that the file does not name."""

    UTC = "utc"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of bar files.

    `header` holds names that its header must have, normalised; if `is_exact` it has no others but a volume. Forms
    without a header have the names of their `columns` and the `pattern` of each. `clock` and `zone_hint` say what its
    times without offset mean. `has_utc_days`: its bars of days, weeks and months do open at 00:00 UTC.
    """

    name: str
    title: str
    clock: FileClock
    zone_hint: str = ""
    header: frozenset[str] = frozenset()
    is_exact: bool = False
    columns: tuple[str, ...] = ()
    pattern: tuple[str, ...] = ()
    has_utc_days: bool = False


_METATRADER_ZONE = (
    "MetaTrader writes the time of its broker's server: give that zone, such as --timezone Europe/Athens, or"
    " --timezone Etc/GMT-2 for a server at UTC+2 all year"
)
_STOOQ_ZONE = "Stooq writes local times: give their zone, such as --timezone Europe/Warsaw"
_LOCAL_ZONE = "such times are usually local ones of the exchange: give their zone, such as --timezone America/New_York"

ALPHA_VANTAGE = Form(
    name="alpha_vantage",
    title="Alpha Vantage",
    clock=FileClock.LOCAL,
    zone_hint="Alpha Vantage writes New York's time for US markets: give --timezone America/New_York",
    header=frozenset({"timestamp", "adjustedclose"}),
)
PLAIN = Form(name="plain", title="plain", clock=FileClock.UTC, header=frozenset({"timestamp"}))
BY_NAME = Form(name="by_name", title="columns by name", clock=FileClock.LOCAL, zone_hint=_LOCAL_ZONE)
TRADINGVIEW = Form(
    name="tradingview",
    title="TradingView chart export",
    clock=FileClock.LOCAL,
    zone_hint="TradingView writes the time of the chart: give its zone, such as --timezone America/New_York",
    header=frozenset({"time", "open", "high", "low", "close"}),
)
YAHOO = Form(
    name="yahoo", title="Yahoo", clock=FileClock.LOCAL, zone_hint=_LOCAL_ZONE, header=frozenset({"date", "adjclose"})
)

WITH_HEADER = (
    Form(
        name="metatrader5",
        title="MetaTrader 5",
        clock=FileClock.LOCAL,
        zone_hint=_METATRADER_ZONE,
        header=frozenset({"date", "tickvol"}),
    ),
    Form(
        name="stooq",
        title="Stooq",
        clock=FileClock.LOCAL,
        zone_hint=_STOOQ_ZONE,
        header=frozenset({"ticker", "per", "date"}),
    ),
    Form(
        name="metastock",
        title="MetaStock",
        clock=FileClock.LOCAL,
        zone_hint=_LOCAL_ZONE,
        header=frozenset({"dtyyyymmdd"}),
    ),
    YAHOO,
    Form(
        name="dukascopy",
        title="Dukascopy",
        clock=FileClock.UTC,
        header=frozenset({"gmttime"}),
        has_utc_days=True,
    ),
    Form(
        name="dukascopy",
        title="Dukascopy",
        clock=FileClock.LOCAL,
        zone_hint="its header names another clock than UTC: give its zone, such as --timezone Europe/Zurich",
        header=frozenset({"localtime"}),
    ),
    Form(
        name="dukascopy",
        title="Dukascopy",
        clock=FileClock.LOCAL,
        zone_hint="its header says EET: give --timezone Europe/Athens",
        header=frozenset({"timeeet"}),
    ),
    Form(
        name="binance",
        title="Binance klines",
        clock=FileClock.UTC,
        header=frozenset({"opentime", "closetime"}),
        has_utc_days=True,
    ),
    Form(
        name="cryptodatadownload",
        title="CryptoDataDownload",
        clock=FileClock.UTC,
        header=frozenset({"unix", "symbol"}),
        has_utc_days=True,
    ),
    *(
        Form(name="by_name", title="columns by name, UTC", clock=FileClock.UTC, header=frozenset({name}))
        for name in (
            *("timeutc", "timegmt", "utctime", "utctimestamp", "dateutc", "dategmt", "datetimeutc", "datetimegmt"),
            *("timestamputc", "utc"),
        )
    ),
    Form(
        name="kraken",
        title="Kraken",
        clock=FileClock.UTC,
        header=frozenset({"time", "vwap", "count"}),
        has_utc_days=True,
    ),
    ALPHA_VANTAGE,
    PLAIN,
    Form(
        name="by_name",
        title="columns by name",
        clock=FileClock.LOCAL,
        zone_hint=_LOCAL_ZONE,
        header=frozenset({"date", "time"}),
    ),
    TRADINGVIEW,
    Form(
        name="stooq",
        title="Stooq",
        clock=FileClock.LOCAL,
        zone_hint=_STOOQ_ZONE,
        header=frozenset({"date", "open", "high", "low", "close"}),
        is_exact=True,
    ),
    Form(
        name="stooq",
        title="Stooq",
        clock=FileClock.LOCAL,
        zone_hint=_STOOQ_ZONE,
        header=frozenset({"data", "otwarcie"}),
    ),
    BY_NAME,
)
_BINANCE_COLUMNS = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
_METATRADER_DATE, _METATRADER_TIME = r"\d{4}\.\d\d\.\d\d", r"\d{1,2}:\d\d(?::\d\d)?"

WITHOUT_HEADER = (
    Form(
        name="binance",
        title="Binance klines",
        clock=FileClock.UTC,
        columns=_BINANCE_COLUMNS,
        pattern=(_EPOCH, *_PRICES, _NUMBER, _EPOCH, *(_NUMBER,) * 5),
        has_utc_days=True,
    ),
    Form(
        name="kraken",
        title="Kraken",
        clock=FileClock.UTC,
        columns=("time", *("open", "high", "low", "close"), "volume", "trades"),
        pattern=(r"\d{9,10}", *_PRICES, _NUMBER, r"\d+"),
        has_utc_days=True,
    ),
    Form(
        name="kraken",
        title="Kraken",
        clock=FileClock.UTC,
        columns=("time", *("open", "high", "low", "close"), "vwap", "volume", "trades"),
        pattern=(r"\d{9,10}", *_PRICES, _NUMBER, _NUMBER, r"\d+"),
        has_utc_days=True,
    ),
    *(
        Form(
            name=name,
            title=title,
            clock=FileClock.LOCAL,
            zone_hint=_METATRADER_ZONE,
            columns=("date", "time", "open", "high", "low", "close", *more),
            pattern=(_METATRADER_DATE, _METATRADER_TIME, *_PRICES, *(_NUMBER for _ in more)),
        )
        for name, title, more in (
            ("metatrader4", "MetaTrader 4", ("volume",)),
            ("metatrader4", "MetaTrader 4", ()),
            ("metatrader5", "MetaTrader 5", ("tickvol", "vol", "spread")),
        )
    ),
    Form(
        name="metatrader5",
        title="MetaTrader 5",
        clock=FileClock.LOCAL,
        zone_hint=_METATRADER_ZONE,
        columns=("date", "open", "high", "low", "close", "tickvol", "vol", "spread"),
        pattern=(_METATRADER_DATE, *_PRICES, *(_NUMBER,) * 3),
    ),
    *(
        Form(
            name="histdata",
            title="HistData",
            clock=FileClock.LOCAL,
            zone_hint="HistData writes New York's standard time all year: give --timezone Etc/GMT+5",
            columns=("timestamp", "open", "high", "low", "close", *more),
            pattern=(r"\d{8} \d{6}", *_PRICES, *(_NUMBER for _ in more)),
        )
        for more in (("volume",), ())
    ),
)


def recognise_by_header(names: Sequence[str]) -> Form:
    """Return the form of a file by the names in its header; `BY_NAME` when it is none of those that are known."""
    simple = {normalise(name) for name in names}
    return next(form for form in WITH_HEADER if _fits_header(form, simple))


def recognise_by_row(fields: Sequence[str]) -> Form | None:
    """Return the form of a file without a header by one of its rows."""
    return next((form for form in WITHOUT_HEADER if _fits_row(form, fields)), None)


def known_titles() -> str:
    """Return the titles of the forms that are read without a header, for messages."""
    return ", ".join(dict.fromkeys(form.title for form in WITHOUT_HEADER))


def _fits_header(form: Form, names: set[str]) -> bool:
    return form.header <= names and not (form.is_exact and names - form.header - {"volume", "vol"})


def _fits_row(form: Form, fields: Sequence[str]) -> bool:
    return len(fields) == len(form.pattern) and all(
        re.fullmatch(pattern, field.strip()) for pattern, field in zip(form.pattern, fields, strict=True)
    )
