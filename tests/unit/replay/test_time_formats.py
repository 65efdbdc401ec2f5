"""Ways to write a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import time_formats
from replay.time_formats import DateAmbiguous

_AT = datetime(2024, 1, 5, 14, 30, tzinfo=UTC)
_MOMENTS = st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - made aware below
_OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


def _read(text: str) -> datetime:
    return time_formats.choose_format(text, all_texts=lambda: [text]).read(text)


@pytest.mark.parametrize(
    "text",
    [
        *("1704465000", "1704465000.0", "1704465000000", "1704465000000000"),
        *("2024-01-05T14:30:00Z", "2024-01-05 14:30:00 UTC", "2024-01-05 15:30:00+01:00", "2024-01-05T09:30-0500"),
        *(
            "2024-01-05T14:30:00.000000000Z",
            "2024-1-5 14:30Z",
            "20240105 143000Z",
            "20240105T1430Z",
            "2024.01.05 14:30Z",
        ),
        *(
            "05.01.2024 15:30:00.000 GMT+0100",
            "5 Jan 2024 14:30Z",
            "Jan 5, 2024 2:30 PM UTC",
            "January 5, 2024 14:30 UTC",
        ),
        *("05-Jan-2024 14:30 UTC",),
    ],
)
def test_each_way_is_read(text: str) -> None:
    assert _read(text) == _AT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024.01.05", (2024, 1, 5, 0, 0)),
        ("20240105 143000", (2024, 1, 5, 14, 30)),
        ("05.01.2024 14:30", (2024, 1, 5, 14, 30)),
        ("13/01/2024 14:30", (2024, 1, 13, 14, 30)),
        ("01/13/2024 12:05 AM", (2024, 1, 13, 0, 5)),
    ],
)
def test_a_time_without_offset_stays_without(text: str, expected: tuple[int, ...]) -> None:
    assert _read(text) == datetime(*expected)  # type: ignore[arg-type] # noqa: DTZ001 - naive is what is tested


@pytest.mark.parametrize(
    "text", ["", "noon", "12", "17044650", "17044650000", "2024-13-01", "2024-01-05 25:00", "5 Foo 2024", "20240230"]
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        _read(text)


def test_day_and_month_are_told_apart_by_the_other_dates_of_the_file() -> None:
    texts = ["03/04/2024", "04/14/2024"]

    assert time_formats.choose_format(texts[0], all_texts=lambda: texts).read(texts[0]) == datetime(2024, 3, 4)  # noqa: DTZ001
    with pytest.raises(DateAmbiguous):
        time_formats.choose_format(texts[0], all_texts=lambda: texts[:1])


@given(_MOMENTS, _OFFSETS)
def test_an_offset_is_applied_in_every_form_that_can_have_one(moment: datetime, offset: timezone) -> None:
    at = moment.replace(tzinfo=UTC, microsecond=0)
    local = at.astimezone(offset)
    written = (
        local.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S%z}",
        f"{local:%Y.%m.%d %H:%M:%S%z}",
        f"{local:%d.%m.%Y %H:%M:%S.000 GMT%z}",
        f"{local:%Y%m%d %H%M%S%z}",
    )

    assert {_read(text) for text in written} == {at}


@given(_MOMENTS)
def test_numbers_since_1970_are_told_apart_by_their_digits(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    microseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    assert _read(str(microseconds)) == at
    assert _read(str(microseconds // 1000)) == at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert _read(str(microseconds // 1_000_000)) == at.replace(microsecond=0)
