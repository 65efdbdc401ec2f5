"""Columns of a bar file: what each holds, by the name in its header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

PRICES = ("open", "high", "low", "close")
_DATES = ("date", "dtyyyymmdd", "day", "data", "datum", "tradedate")
_TIMES_OF_DAY = ("time", "hour", "czas", "zeit", "uhrzeit")
_OPEN_TIMES = (
    *("unix", "unixtime", "unixtimestamp", "epoch", "opentime", "opentimems", "opentimestamp", "gmttime", "timeutc"),
    *("timegmt", "utctime", "utctimestamp", "utc", "dateutc", "dategmt", "datetimeutc", "datetimegmt"),
    *("timestamputc", "timestamp", "timestampms", "ts", "t", "timeeet", "localtime", "datetime", "dateandtime"),
    *("time", "timems", "date", "timeperiodstart", "begin", "start", "starttime", "barstart", "bartime", "opendate"),
    *("dtyyyymmdd", "day", "data", "datum", "tradedate", ""),
)
_PRICE_NAMES = {
    "open": ("open", "o", "openprice", "priceopen", "first", "otwarcie", "erster", "eroffnung", "erffnung"),
    "high": ("high", "h", "highprice", "pricehigh", "max", "najwyzszy", "najwyszy", "hoch"),
    "low": ("low", "l", "lowprice", "pricelow", "min", "najnizszy", "najniszy", "tief"),
    "close": (
        *("close", "c", "closeprice", "priceclose", "last", "closelast", "zamkniecie", "zamknicie", "schluss"),
        *("schlusskurs", "price"),
    ),
}
_VOLUMES = (
    *("volume", "vol", "v", "tickvol", "tickvolume", "tickqty", "realvolume", "basevolume", "volumetraded"),
    *("wolumen", "volumen"),
)
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Indices of the columns that are read. `time` has two for a date and a time of day in columns of their own."""

    names: tuple[str, ...]
    time: tuple[int, ...]
    prices: tuple[int, ...]
    volume: int | None

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the columns that are not read."""
        read = {*self.time, *self.prices, self.volume}
        return tuple(name for index, name in enumerate(self.names) if index not in read and name)


def normalise(name: str) -> str:
    """Return a header's name in lower case, letters and digits only: `<TICKVOL>` is tickvol, `Adj Close` adjclose."""
    return _NOT_ALPHANUMERIC.sub("", name.lower())


def are_names(fields: Sequence[str]) -> bool:
    """Return whether the fields of a row are names of columns: names of prices, or any without a digit."""
    return name_prices(fields) or not any(character.isdigit() for field in fields for character in field)


def name_prices(fields: Sequence[str]) -> bool:
    """Return whether the fields of a row name three of the four prices, or all."""
    names = [normalise(field.partition("(")[0]) for field in fields]
    known = sum(any(name in aliases for name in names) for aliases in _PRICE_NAMES.values())
    return known >= len(PRICES) - 1


def find_columns(names: Sequence[str], *, sample: Sequence[Sequence[str]]) -> tuple[Columns, list[str]]:
    """Return the columns of a header, and the names of the required ones that it has not.

    Where two names could be meant, the usual one counts: the first of the aliases, then the first from the left.
    `sample` are rows of the file; they tell a time of day from a whole time, and the volume that is always 0.
    """
    simple = [normalise(name) for name in names]
    plain = [normalise(name.partition("(")[0]) for name in names]  # without what stands in brackets: open (USD)
    prices = [
        index if (index := _find(simple, aliases)) is not None else _find(plain, aliases)
        for aliases in _PRICE_NAMES.values()
    ]
    time = _find_time(simple, sample) or _find_time(plain, sample)
    missing = [name for name, index in zip(PRICES, prices, strict=True) if index is None]
    columns = Columns(
        names=tuple(name.strip() for name in names),
        time=time,
        prices=tuple(index for index in prices if index is not None),
        volume=_find_volume(simple, sample),
    )
    return columns, [*([] if time else ["timestamp"]), *missing]


def _find(names: Sequence[str], aliases: Sequence[str]) -> int | None:
    return next((names.index(alias) for alias in aliases if alias in names), None)


def _find_time(names: Sequence[str], sample: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Return the column of the open time, or those of its date and its time of day."""
    date, time_of_day = _find(names, _DATES), _find(names, _TIMES_OF_DAY)
    if date is not None and time_of_day is not None and _holds_times_of_day(sample, time_of_day):
        return (date, time_of_day)
    whole = _find(names, _OPEN_TIMES)
    return () if whole is None or (names[whole] == "" and whole > 0) else (whole,)


def _holds_times_of_day(sample: Sequence[Sequence[str]], index: int) -> bool:
    """Return whether a column holds times such as 18:49 or 184900, and no whole times."""
    return all(re.fullmatch(r"\d{1,6}|\d{1,2}:\d\d.*", row[index].strip()) for row in sample if index < len(row))


def _find_volume(names: Sequence[str], sample: Sequence[Sequence[str]]) -> int | None:
    """Return the column of the volume; of several the first that is not 0 throughout the sample."""
    candidates = [names.index(alias) for alias in _VOLUMES if alias in names]
    candidates += [index for index, name in enumerate(names) if re.fullmatch(r"volume[a-z]{2,6}", name)]
    traded = (index for index in candidates if any(index < len(row) and row[index].strip("0. ,") for row in sample))
    return next(traded, candidates[0] if candidates else None)
