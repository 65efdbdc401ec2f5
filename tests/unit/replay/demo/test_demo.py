"""The demo's data: real bars, and alerts that can be made again to the byte."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from alerts import understand
from domain.context import Bar, PriceSide
from domain.signal import Action, Direction, NewSignal, Source
from replay import alert_files, bar_files, demo
from replay.alert_files import LoggedAlert
from replay.bar_files import BarFile
from replay.demo import make_alerts, make_data

_UPSTREAM = (
    "Time,Open,High,Low,Close,Volume\n"
    "01.02.2017 22:00:00.000,1.05236,1.05253,1.05221,1.05227,143539993.3\n"
    "02.02.2017 00:00:00.000,1.0524,1.0526,1.0523,1.0525,7\n"
)
SOURCE = Source(
    name="replay",
    book="replay:x",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
)


@cache
def _history() -> tuple[BarFile, tuple[Bar, ...]]:
    file = bar_files.inspect_bar_file(bar_files.parse_spec(demo.CURRENCY.bars_spec))
    return file, tuple(bar_files.read_bars(file))


def test_the_bundled_bars_of_eurusd_are_half_a_year_of_hourly_ask_prices() -> None:
    file, bars = _history()

    assert (file.count, str(file.interval), file.spec.side) == (3120, "1h", PriceSide.ASK)
    assert (file.first_open.isoformat(), file.last_end.isoformat()) == (
        "2017-01-01T22:00:00+00:00",
        "2017-06-30T21:00:00+00:00",
    )
    assert all(bar.volume for bar in bars)


def test_the_bundled_data_is_small_and_carries_its_licence() -> None:
    here = Path(demo.__file__).parent

    assert sum(one.stat().st_size for one in here.iterdir() if one.is_file()) < 400_000
    for name in ("gym-anytrading", "mlfinpy"):
        assert "Permission is hereby granted, free of charge" in (here / f"LICENSE-{name}.txt").read_text()


def test_upstream_rows_become_ours_with_day_first_times_read_as_such() -> None:
    text = make_data.convert_upstream(_UPSTREAM)

    assert text == (
        "timestamp,open,high,low,close,volume\n"
        "2017-02-01T22:00:00Z,1.05236,1.05253,1.05221,1.05227,143539993.3\n"
        "2017-02-02T00:00:00Z,1.0524,1.0526,1.0523,1.0525,7\n"
    )


def test_another_upstream_header_is_refused() -> None:
    with pytest.raises(ValueError, match="the header is"):
        make_data.convert_upstream("Date,Open\n")


def test_compressed_bars_hold_no_time_and_no_name() -> None:
    packed = make_data.gzip_reproducibly("some text\n")

    assert packed[3:8] == bytes(5)
    assert gzip.decompress(packed) == b"some text\n"


def test_making_the_alerts_again_gives_the_committed_file_to_the_byte() -> None:
    made = make_alerts.render_alert_log(_history()[1])

    assert made.encode() == demo.CURRENCY.alerts.read_bytes()


@pytest.mark.parametrize("seen", [450, 1000, 2222])
def test_alerts_up_to_a_moment_do_not_change_with_what_comes_later(seen: int) -> None:
    bars = _history()[1]

    early = make_alerts.render_alert_log(bars[:seen])

    assert early.count("\n") > 1
    assert demo.CURRENCY.alerts.read_text(encoding="utf-8").startswith(early)


def test_an_alert_fires_at_the_open_of_the_bar_after_the_one_it_speaks_of() -> None:
    opens = [bar.open_time for bar in _history()[1]]
    following = dict(pairwise(opens))

    spoken_of = [
        (_bar_time(one.body), one.fired_at) for one in alert_files.read_alert_file(demo.CURRENCY.alerts).alerts
    ]

    assert spoken_of
    assert all(following[bar_open] == fired_at for bar_open, fired_at in spoken_of)


def test_the_webhook_understands_every_alert_and_there_are_enough_of_each_kind() -> None:
    kinds = Counter(_kind(alert) for alert in alert_files.read_alert_file(demo.CURRENCY.alerts).alerts)

    assert kinds == {
        ("traderspost", "donchian_20", Action.ENTRY, Direction.LONG): 54,
        ("traderspost", "donchian_20", Action.ENTRY, Direction.SHORT): 57,
        ("traderspost", "donchian_20", Action.EXIT, Direction.LONG): 29,
        ("traderspost", "donchian_20", Action.EXIT, Direction.SHORT): 32,
        ("hackingthemarkets", "ema_8_21", Action.ENTRY, Direction.LONG): 65,
        ("hackingthemarkets", "ema_8_21", Action.ENTRY, Direction.SHORT): 66,
        ("dual_engine", "rsi_14_reversion", Action.ENTRY, Direction.LONG): 18,
        ("dual_engine", "rsi_14_reversion", Action.ENTRY, Direction.SHORT): 25,
    }


def test_no_two_alerts_are_alike_and_the_last_come_near_the_end() -> None:
    alerts = alert_files.read_alert_file(demo.CURRENCY.alerts).alerts

    assert len({one.body for one in alerts}) == len(alerts) == 346
    assert _history()[0].last_end - alerts[-1].fired_at < timedelta(hours=24)


def test_a_template_with_an_unknown_placeholder_is_an_error() -> None:
    with pytest.raises(KeyError):
        make_alerts.fill_template("{{nonsense}}", {})


def _bar_time(body: bytes) -> datetime:
    message = json.loads(body)
    text = message.get("bar_time") or (message["bar"]["time"] if "bar" in message else message["time"])
    return datetime.fromisoformat(text)


def _kind(alert: LoggedAlert) -> tuple[str, str, Action, Direction]:
    (signal,) = understand.understand(alert.body, SOURCE)
    assert isinstance(signal, NewSignal)
    assert (signal.symbol, str(signal.timeframe)) == ("EURUSD", "1h")
    assert (signal.event_at, signal.timeless) == (alert.fired_at, False)
    assert signal.price is not None
    return signal.dialect, signal.strategy, signal.action, signal.direction
