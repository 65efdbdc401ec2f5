"""The settings under which a replay reads its alerts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.intervals import Interval
from domain.signal import InstrumentKind, SellAlone
from replay import source_settings

HOUR = Interval.parse("1h")
DEFAULTS = source_settings.build_settings(None, timeframe=HOUR)


def test_a_source_lends_its_settings_but_neither_name_nor_heartbeat() -> None:
    source = replace(DEFAULTS, name="desk", book="paper", heartbeat_s=60, sell_alone=SellAlone.EXIT, timeframe=None)

    settings = source_settings.build_settings(source, timeframe=HOUR)

    assert (settings.name, settings.book, settings.heartbeat_s, settings.timeframe) == ("", "", None, HOUR)
    assert source_settings.build_source(settings, book="replay:1").sell_alone is SellAlone.EXIT
    assert source_settings.build_source(settings, book="replay:1").name == "replay:1"


def test_the_defaults_need_no_words() -> None:
    assert source_settings.format_settings(DEFAULTS, timeframe=HOUR) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "x"},
        {"timeframe": Interval.parse("5m")},
        {"exchange": "BINANCE"},
        {"instrument_kind": InstrumentKind.PERP},
        {"sell_alone": SellAlone.SHORT},
        {"confidence_scale": 10},
        {"max_lag_s": 60},
        {"dialect": "traderspost"},
        {"symbols": {"US100": "NASDAQ:NDX"}},
        {"sizing": Decimal("0.5")},
        {"timezone": "Asia/Kolkata"},
        {"pyramiding": 2},
    ],
)
def test_each_setting_has_words_of_its_own(changes: dict[str, Any]) -> None:
    changed = source_settings.format_settings(replace(DEFAULTS, **changes), timeframe=HOUR)

    others = [source_settings.format_settings(replace(DEFAULTS, strategy="y"), timeframe=HOUR), ""]
    assert changed not in others
