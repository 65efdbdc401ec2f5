"""Warnings about alerts without a price of their own, and about times that lack their zone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from replay import alert_prices, bar_files
from replay.alert_files import LoggedAlert
from replay.bar_files import BarFile
from replay.schedule import build_schedule
from tests.support.builders.replays import GOOD_ROW, NOON, a_file_of, a_spec, an_alert, an_alert_file

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def bars_every(tmp_path: Path, step: timedelta, *, count: int) -> BarFile:
    """Write bars from noon on and inspect them."""
    opens = (NOON + number * step for number in range(count))
    path = a_file_of(tmp_path, *(f"{at.isoformat()},{GOOD_ROW}" for at in opens), name=f"{step.seconds}.csv")
    (file,) = bar_files.inspect_bar_files([a_spec(path)])
    return file


def alert_at(seconds: float, **fields: object) -> LoggedAlert:
    body = json.dumps({"symbol": "EURUSD", "action": "buy", "timeframe": "1h", **fields}).encode()
    return replace(an_alert(body=body), fired_at=NOON + timedelta(seconds=seconds))


def warnings(alerts: list[LoggedAlert], *files: BarFile) -> list[str]:
    return list(alert_prices.format_warnings(build_schedule(files, an_alert_file(*alerts))))


def test_alerts_within_bars_without_a_price_are_told_with_the_cure(tmp_path: Path) -> None:
    hourly = bars_every(tmp_path, HOUR, count=10)

    (warning,) = warnings([alert_at(3600), alert_at(5000), alert_at(9000)], hourly)

    assert warning.startswith("2 of 3 alerts fire within a bar and have no price of their own")
    assert "finer bars" in warning


@pytest.mark.parametrize(
    ("seconds", "price", "is_told"),
    [(3600, None, False), (3604, None, False), (3605, None, True), (5000, None, True), (5000, "1.06", False)],
)
def test_a_price_of_its_own_or_a_bar_that_has_just_opened_is_enough(
    tmp_path: Path, seconds: float, price: str | None, is_told: bool
) -> None:
    hourly = bars_every(tmp_path, HOUR, count=10)

    assert bool(warnings([alert_at(seconds, **({} if price is None else {"price": price}))], hourly)) is is_told


def test_finer_bars_cure_it(tmp_path: Path) -> None:
    hourly, minutes = bars_every(tmp_path, HOUR, count=10), bars_every(tmp_path, MINUTE, count=600)

    assert warnings([alert_at(seconds) for seconds in (5400, 5460, 9000)], hourly, minutes) == []


def test_up_to_one_alert_in_twenty_is_not_told(tmp_path: Path) -> None:
    hourly = bars_every(tmp_path, HOUR, count=10)
    priced = [alert_at(5000 + number, price="1.06") for number in range(19)]

    assert warnings([*priced, alert_at(9000)], hourly) == []
    assert len(warnings([*priced, alert_at(9000), alert_at(9001)], hourly)) == 1


def test_times_that_lack_their_zone_are_told_with_the_option_that_reads_them(tmp_path: Path) -> None:
    hourly = bars_every(tmp_path, HOUR, count=10)
    local = (NOON + timedelta(hours=1) + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%d %H:%M:%S")

    (warning,) = warnings([alert_at(3600, timenow=local), alert_at(3600)], hourly)

    assert warning.startswith("1 of 2 alerts state a time 05:30 after they fired")
    assert "--alert-timezone +05:30" in warning
