"""The schedule: which alerts of a file are sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from replay import alert_files, schedule
from replay.schedule import OutsideBars
from tests.support.builders.replays import GOOD_ROW, NOON, a_bar_file, a_file_of, an_alert, an_alert_file


def test_alerts_outside_the_bars_are_set_aside() -> None:
    alerts = [an_alert(after_h=hours) for hours in (-0.01, 0, 10, 10.01)]

    scheduled = schedule.build_schedule([a_bar_file()], an_alert_file(*alerts))

    assert scheduled.alerts == (alerts[1], alerts[2])
    assert scheduled.outside == (alerts[0], alerts[3])


def test_alerts_that_all_miss_the_bars_are_an_error_that_tells_both_spans() -> None:
    with pytest.raises(OutsideBars, match=r"alerts from 2017-01-05T23.*, bars from 2017-01-05T12"):
        schedule.build_schedule([a_bar_file()], an_alert_file(an_alert(after_h=11)))


def test_several_bar_files_span_from_the_first_open_to_the_last_close() -> None:
    later = a_bar_file(symbol="GBPUSD", first_open=NOON + timedelta(hours=3))

    scheduled = schedule.build_schedule([later, a_bar_file()], an_alert_file())

    assert (scheduled.starts_at, scheduled.ends_at) == (NOON, NOON + timedelta(hours=13))


def test_alerts_are_read_under_the_settings_of_a_source() -> None:
    alert = replace(an_alert(body=b'{"action": "buy"}'), ticker="OANDA:EURUSD")
    scheduled = schedule.build_schedule([a_bar_file()], an_alert_file(alert, an_alert(body=b"buy GBPUSD")))

    applied = schedule.apply_source(scheduled, replace(scheduled.settings, max_lag_s=60))

    assert applied.settings.max_lag_s == 60
    assert b"OANDA:EURUSD" in applied.alerts[0].body
    assert applied.without_bars == {"GBPUSD (forex)": 1}


def test_the_files_of_a_replay_are_read_together(tmp_path: Path) -> None:
    bars = a_file_of(tmp_path, f"2017-01-05T10:00Z,{GOOD_ROW}", f"2017-01-05T11:00Z,{GOOD_ROW}")
    alerts = a_file_of(tmp_path, "1,A,b,hello,2017-01-05T11:00:00Z", header=alert_files.HEADER, name="alerts.csv")

    scheduled = schedule.read_schedule([f"FX:EURUSD:bid={bars}"], alerts)

    assert [one.spec.instrument.symbol for one in scheduled.files] == ["EURUSD"]
    assert [one.body for one in scheduled.alerts] == [b"hello"]
