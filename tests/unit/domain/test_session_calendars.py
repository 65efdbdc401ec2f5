"""Session calendars by name."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from domain import session_calendars
from domain.session_calendars import CalendarUnknown


def test_names_are_found_in_any_case_and_by_alias() -> None:
    assert session_calendars.load_calendar(" nasdaq ").name == "XNYS"
    assert session_calendars.load_calendar("us_futures").name == "us_futures"
    assert session_calendars.load_calendar("24/7") is session_calendars.load_calendar("24/7 ")


@pytest.mark.parametrize(
    ("exchange", "name"),
    [
        ("NASDAQ", "XNYS"),
        ("nyse", "XNYS"),
        ("CME_MINI", "CMES"),
        ("COMEX", "CMES"),
        ("EUREX", "XEUR"),
        ("TSE", "XTKS"),
        ("XLON", "XLON"),
        ("BINANCE", None),
        ("OANDA", None),
        ("", None),
    ],
)
def test_the_calendar_of_an_exchange_is_found_by_the_prefix_of_alerts(exchange: str, name: str | None) -> None:
    assert session_calendars.find_name(exchange) == name


def test_finding_a_name_does_not_load_the_library() -> None:
    code = (
        "import sys; from domain import session_calendars as s; s.find_name('BINANCE'); print('pandas' in sys.modules)"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "False"


@pytest.mark.parametrize("name", ["XXXX", "", "New York"])
def test_an_unknown_calendar_is_refused_with_examples(name: str) -> None:
    with pytest.raises(CalendarUnknown, match="some are XNYS"):
        session_calendars.load_calendar(name)


def test_a_calendar_that_the_library_cannot_compute_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("special dates are not sessions")

    monkeypatch.setattr(session_calendars, "_compute_from", fail)

    with pytest.raises(CalendarUnknown, match="cannot compute the calendar XLUX: special dates are not sessions"):
        session_calendars.load_calendar("LUXSE")


def test_without_the_library_calendars_are_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)

    with pytest.raises(CalendarUnknown, match="need the library exchange_calendars"):
        session_calendars.load_calendar("XAMS")


def test_first_and_last_dates_are_fixed() -> None:
    calendar = session_calendars.load_calendar("XNYS")

    assert (calendar.first_day, calendar.last_day) == (date(1970, 1, 2), date(2035, 12, 31))
    assert calendar.version.startswith("exchange_calendars ")
