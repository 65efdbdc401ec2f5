"""Indicators against formulas written by hand, and against a market turned upside down."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest

from domain import indicators
from domain.context import Bar
from tests.support.builders.markets import START, a_bar, a_walk, a_window, minutes

_BARS = a_walk(250, seed=7)
_CLOSES = [float(bar.close) for bar in _BARS]
_COUNTS = {"bars", "higher_bars"}
_NAMES = {
    "close",
    "ema_8",
    "ema_21",
    "ema_48",
    "ema_200",
    "ema_21_slope",
    "rsi_14",
    "macd",
    "macd_signal",
    "macd_histogram",
    "atr_14",
    "atr_percent",
    "atr_percentile",
    "adx_14",
    "plus_di_14",
    "minus_di_14",
    "bollinger_upper",
    "bollinger_middle",
    "bollinger_lower",
    "bollinger_width",
    "bollinger_width_percentile",
    "keltner_upper",
    "keltner_lower",
    "momentum_10",
    "swing_high_10",
    "swing_low_10",
    "structure_3",
    "volume_ratio_20",
    "vwap_day",
    "bars",
    "higher_close",
    "higher_ema_21",
    "higher_ema_48",
    "higher_ema_21_slope",
    "higher_bars",
}


def compute_indicators(bars: Sequence[Bar]) -> indicators.Values:
    return indicators.compute(a_window(bars))


def approximately(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def _as_float(values: indicators.Values, name: str) -> float:
    value = values[name]
    assert value is not None, name
    return float(value)


def _ema(values: Sequence[float], period: int) -> list[float]:
    line = [sum(values[:period]) / period]
    for value in values[period:]:
        line.append(line[-1] + (value - line[-1]) * 2 / (period + 1))
    return line


def _wilder(values: Sequence[float], period: int) -> list[float]:
    line = [sum(values[:period]) / period]
    for value in values[period:]:
        line.append((line[-1] * (period - 1) + value) / period)
    return line


def _true_ranges(bars: Sequence[Bar]) -> list[float]:
    return [float(max(bar.high, before.close) - min(bar.low, before.close)) for before, bar in pairwise(bars)]


def _directional(bars: Sequence[Bar], period: int) -> tuple[list[float], list[float]]:
    """Return the +DI and -DI lines; Wilder's sums begin with one move less than the period."""
    ups = [float(bar.high - before.high) for before, bar in pairwise(bars)]
    downs = [float(before.low - bar.low) for before, bar in pairwise(bars)]
    plus = [up if up > down and up > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    minus = [down if down > up and down > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    sums = [sum(column[: period - 1]) for column in (plus, minus, _true_ranges(bars))]
    lines: tuple[list[float], list[float]] = ([], [])
    for moves in list(zip(plus, minus, _true_ranges(bars), strict=True))[period - 1 :]:
        sums = [total - total / period + move for total, move in zip(sums, moves, strict=True)]
        lines[0].append(100 * sums[0] / sums[2])
        lines[1].append(100 * sums[1] / sums[2])
    return lines


def test_every_name_is_there_with_bars_and_without() -> None:
    assert set(compute_indicators(_BARS)) == _NAMES
    assert set(compute_indicators([])) == _NAMES


def test_without_bars_all_is_unknown_but_the_counts() -> None:
    values = compute_indicators([])

    assert {name: value for name, value in values.items() if value is not None} == dict.fromkeys(_COUNTS, Decimal(0))


@pytest.mark.parametrize("period", [8, 21, 48, 200])
def test_ema_follows_the_formula_seeded_with_a_mean(period: int) -> None:
    assert _as_float(compute_indicators(_BARS), f"ema_{period}") == approximately(_ema(_CLOSES, period)[-1])


def test_the_slope_is_the_change_of_ema_21_over_three_bars_in_percent() -> None:
    line = _ema(_CLOSES, 21)

    assert _as_float(compute_indicators(_BARS), "ema_21_slope") == pytest.approx(
        (line[-1] / line[-4] - 1) * 100, rel=1e-7
    )


def test_rsi_follows_wilder() -> None:
    moves = [after - before for before, after in pairwise(_CLOSES)]
    gain = _wilder([max(move, 0) for move in moves], 14)[-1]
    loss = _wilder([max(-move, 0) for move in moves], 14)[-1]

    assert _as_float(compute_indicators(_BARS), "rsi_14") == approximately(100 * gain / (gain + loss))


def test_macd_starts_both_averages_at_the_slow_one() -> None:
    fast, slow = _ema(_CLOSES[14:], 12), _ema(_CLOSES, 26)
    line = [a - b for a, b in zip(fast, slow, strict=True)]
    signal = _ema(line, 9)[-1]

    values = compute_indicators(_BARS)

    assert _as_float(values, "macd") == approximately(line[-1])
    assert _as_float(values, "macd_signal") == approximately(signal)
    assert _as_float(values, "macd_histogram") == approximately(line[-1] - signal)


def test_atr_follows_wilder_and_its_percentile_counts_the_window() -> None:
    line = _wilder(_true_ranges(_BARS), 14)
    percents = [atr / close * 100 for atr, close in zip(line, _CLOSES[14:], strict=True)]
    share = sum(percent <= percents[-1] for percent in percents) / len(percents)

    values = compute_indicators(_BARS)

    assert _as_float(values, "atr_14") == approximately(line[-1])
    assert _as_float(values, "atr_percent") == approximately(percents[-1])
    assert _as_float(values, "atr_percentile") == approximately(share * 100)


def test_direction_follows_wilder() -> None:
    plus, minus = _directional(_BARS, 14)
    index = [100 * abs(up - down) / (up + down) for up, down in zip(plus, minus, strict=True)]

    values = compute_indicators(_BARS)

    assert _as_float(values, "plus_di_14") == approximately(plus[-1])
    assert _as_float(values, "minus_di_14") == approximately(minus[-1])
    assert _as_float(values, "adx_14") == approximately(_wilder(index, 14)[-1])


def _bands(closes: Sequence[float]) -> tuple[float, float]:
    middle = sum(closes) / 20
    return middle, (sum((close - middle) ** 2 for close in closes) / 20) ** 0.5


def test_bollinger_is_two_deviations_around_the_mean_and_its_percentile_counts_the_window() -> None:
    bands = [_bands(_CLOSES[end - 20 : end]) for end in range(20, 251)]
    middle, deviation = bands[-1]
    widths = [400 * spread / mean for mean, spread in bands]

    values = compute_indicators(_BARS)

    assert _as_float(values, "bollinger_upper") == approximately(middle + 2 * deviation)
    assert _as_float(values, "bollinger_middle") == approximately(middle)
    assert _as_float(values, "bollinger_lower") == approximately(middle - 2 * deviation)
    assert _as_float(values, "bollinger_width") == approximately(widths[-1])
    assert _as_float(values, "bollinger_width_percentile") == approximately(
        100 * sum(width <= widths[-1] for width in widths) / len(widths)
    )


def test_keltner_is_one_and_a_half_atr_around_the_average() -> None:
    axis, reach = _ema(_CLOSES, 20)[-1], 1.5 * _wilder(_true_ranges(_BARS), 20)[-1]

    values = compute_indicators(_BARS)

    assert _as_float(values, "keltner_upper") == approximately(axis + reach)
    assert _as_float(values, "keltner_lower") == approximately(axis - reach)


def test_levels_come_from_the_last_ten_bars() -> None:
    values = compute_indicators(_BARS)

    assert values["momentum_10"] == _BARS[-1].close - _BARS[-11].close
    assert values["swing_high_10"] == max(bar.high for bar in _BARS[-10:])
    assert values["swing_low_10"] == min(bar.low for bar in _BARS[-10:])
    assert values["close"] == _BARS[-1].close


@pytest.mark.parametrize(
    ("lows", "highs", "expected"),
    [((1, 2, 3), (4, 5, 6), 1), ((3, 2, 1), (6, 5, 4), -1), ((1, 2, 3), (6, 5, 4), 0), ((1, 2, 2), (4, 5, 6), 0)],
)
def test_structure_needs_highs_and_lows_to_agree(lows: tuple[int, ...], highs: tuple[int, ...], expected: int) -> None:
    bars = [
        a_bar(START + minutes(place), "3.5", str(high), str(low), "3.5")
        for place, (low, high) in enumerate(zip(lows, highs, strict=True))
    ]

    assert compute_indicators(bars)["structure_3"] == expected


def test_the_volume_ratio_compares_the_last_bar_with_twenty() -> None:
    bars = [a_bar(START + minutes(place), volume="10") for place in range(24)]
    last = a_bar(START + minutes(24), volume="50")

    assert compute_indicators([*bars, last])["volume_ratio_20"] == Decimal("4.166666667")


def test_vwap_weighs_typical_prices_since_midnight() -> None:
    bars = [
        a_bar(START - minutes(1), "9", "9", "9", "9", volume="1000"),
        a_bar(START, "1", "3", "1", "2", volume="1"),
        a_bar(START + minutes(1), "2", "6", "2", "4", volume="3"),
    ]

    assert compute_indicators(bars)["vwap_day"] == Decimal("3.5")


def test_vwap_is_unknown_when_the_window_begins_after_midnight() -> None:
    assert compute_indicators(a_walk(30, start=START + minutes(5)))["vwap_day"] is None


def test_one_missing_volume_makes_what_needs_volume_unknown() -> None:
    bars = [*a_walk(30), a_bar(START + minutes(30), volume=None)]

    values = compute_indicators(bars)

    assert values["volume_ratio_20"] is None
    assert values["vwap_day"] is None
    assert values["rsi_14"] is not None


_NEEDS = {
    "ema_8": 8,
    "ema_200": 200,
    "ema_21_slope": 24,
    "rsi_14": 15,
    "macd": 34,
    "atr_14": 15,
    "atr_percentile": 64,
    "adx_14": 28,
    "plus_di_14": 15,
    "bollinger_upper": 20,
    "bollinger_width_percentile": 69,
    "keltner_upper": 21,
    "momentum_10": 11,
    "swing_high_10": 10,
    "structure_3": 3,
    "volume_ratio_20": 20,
}


@pytest.mark.parametrize(("name", "needed"), _NEEDS.items())
def test_a_value_is_unknown_until_the_bars_suffice(name: str, needed: int) -> None:
    assert compute_indicators(_BARS[: needed - 1])[name] is None
    assert compute_indicators(_BARS[:needed])[name] is not None


def test_in_a_market_that_never_moved_what_divides_by_movement_is_unknown() -> None:
    values = compute_indicators([a_bar(START + minutes(place)) for place in range(250)])

    assert [values[name] for name in ("rsi_14", "adx_14", "plus_di_14", "minus_di_14")] == [None] * 4
    assert values["atr_14"] == 0
    assert values["bollinger_upper"] == values["bollinger_lower"] == Decimal("1.1")


def test_the_higher_series_has_its_own_values() -> None:
    higher = a_walk(60, step="5m", seed=3)
    closes = [float(bar.close) for bar in higher]

    values = indicators.compute(a_window(_BARS, higher))

    assert _as_float(values, "higher_ema_21") == approximately(_ema(closes, 21)[-1])
    assert _as_float(values, "higher_ema_48") == approximately(_ema(closes, 48)[-1])
    assert values["higher_close"] == higher[-1].close
    assert values["bars"] == Decimal(250)
    assert values["higher_bars"] == Decimal(60)
