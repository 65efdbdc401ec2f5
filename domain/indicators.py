"""Technical indicators of a context, computed from its closed bars by TA-Lib.

A value is None when there are too few bars for it. Values that only compare or subtract prices are computed in
decimals. The others are computed in whole ticks from the last close: differences of whole numbers are exact in
floating point, so that equal moves up and down give equal values, whatever the size of the prices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.context import Bar, BarSeries, Window
from domain.intervals import Interval
from domain.plain_talib import talib

Floats: TypeAlias = NDArray[np.float64]
Values: TypeAlias = dict[str, Decimal | None]

SIGNIFICANT_DIGITS = 10
MIN_VALUES_OF_PERCENTILE = 50
_TEN_DIGITS = Context(prec=SIGNIFICANT_DIGITS)
_DAY = Interval.parse("1d")
# Smoothed moves up to this many ticks count as none: TA-Lib divides by them.
_NO_MOVE = 1e-12
# Values that differ by rounding only count as equal in a percentile.
_TIE_TOLERANCE = 1 + 1e-12


def compute(window: Window) -> Values:
    """Return every indicator of a context by name, rounded to 10 significant digits, None where unknown.

    All names are always present. Prices are in quote currency; slopes, widths and `atr_percent` in percent; the
    percentiles on 0..100; `structure_3` is -1, 0 or 1. Moving averages follow TA-Lib, which seeds with the mean of
    the first values of the window.
    """
    with np.errstate(all="ignore"):
        return _compute_base(_get_bars(window.base)) | _compute_higher(_get_bars(window.higher))


def _compute_base(bars: Sequence[Bar]) -> Values:
    prices = _Prices.of(bars)
    return {
        **_compute_averages(prices, "", (8, 21, 48, 200)),
        **_compute_oscillators(prices),
        **_compute_direction(prices),
        **_compute_volatility(prices),
        **_compute_channels(prices),
        **_compute_levels(bars),
        **_compute_volume(bars),
        "close": _round_decimal(bars[-1].close) if bars else None,
        "bars": Decimal(len(bars)),
    }


def _compute_higher(bars: Sequence[Bar]) -> Values:
    return {
        **_compute_averages(_Prices.of(bars), "higher_", (21, 48)),
        "higher_close": _round_decimal(bars[-1].close) if bars else None,
        "higher_bars": Decimal(len(bars)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """Prices of a series in ticks from an origin, the last close; `zero` is price 0 in this unit."""

    high: Floats
    low: Floats
    close: Floats
    origin: Decimal
    tick: Decimal
    zero: float

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> _Prices:
        origin = bars[-1].close if bars else Decimal(0)
        tick = _find_tick([bar.high + bar.low + bar.close for bar in bars])
        high, low, close = (
            np.array([float((price - origin) / tick) for price in column], dtype=np.float64)
            for column in ([b.high for b in bars], [b.low for b in bars], [b.close for b in bars])
        )
        return cls(high=high, low=low, close=close, origin=origin, tick=tick, zero=float(-origin / tick))

    def to_price(self, ticks: float) -> Decimal | None:
        """Convert a price from ticks to quote currency; None when it is not finite."""
        return _round_decimal(Decimal(ticks) * self.tick + self.origin) if math.isfinite(ticks) else None

    def to_difference(self, ticks: float) -> Decimal | None:
        """Convert a difference of prices from ticks to quote currency; None when it is not finite."""
        return _round_decimal(Decimal(ticks) * self.tick) if math.isfinite(ticks) else None


def _find_tick(numbers: Sequence[Decimal]) -> Decimal:
    """Return the unit of the last decimal place that any of the numbers has; a sum has as many places as its terms."""
    exponent = sum(numbers[1:], numbers[0]).as_tuple().exponent if numbers else 0
    return Decimal((0, (1,), int(exponent)))


def _compute_averages(prices: _Prices, prefix: str, periods: tuple[int, ...]) -> Values:
    lines = {period: talib.EMA(prices.close, period) for period in periods}
    averages = {f"{prefix}ema_{period}": prices.to_price(_get_last(line)) for period, line in lines.items()}
    before, now = _get_last(lines[21], back=3), _get_last(lines[21])
    return averages | {f"{prefix}ema_21_slope": _to_decimal(_divide(now - before, before - prices.zero) * 100)}


def _compute_oscillators(prices: _Prices) -> Values:
    macd, signal, histogram = (_get_last(line) for line in talib.MACD(prices.close, 12, 26, 9))
    return {
        "rsi_14": _to_decimal(_get_last(talib.RSI(prices.close, 14)) if _has_moves(prices.close) else math.nan),
        "macd": prices.to_difference(macd),
        "macd_signal": prices.to_difference(signal),
        "macd_histogram": prices.to_difference(histogram),
    }


def _has_moves(close: Floats) -> bool:
    """Return whether the smoothed move of the closes is above zero; RSI divides by it."""
    return _get_last(talib.ATR(close, close, close, 14)) > _NO_MOVE


def _compute_direction(prices: _Prices) -> Values:
    columns = (prices.high, prices.low, prices.close)
    has_moves = _get_last(talib.ATR(*columns, 14)) > _NO_MOVE
    functions = {"adx_14": talib.ADX, "plus_di_14": talib.PLUS_DI, "minus_di_14": talib.MINUS_DI}
    return {
        name: _to_decimal(_get_last(function(*columns, 14)) if has_moves else math.nan)
        for name, function in functions.items()
    }


def _compute_volatility(prices: _Prices) -> Values:
    atr = talib.ATR(prices.high, prices.low, prices.close, 14)
    percents = _divide_arrays(atr, prices.close - prices.zero) * 100
    return {
        "atr_14": prices.to_difference(_get_last(atr)),
        "atr_percent": _to_decimal(_get_last(percents)),
        "atr_percentile": _to_decimal(_compute_percentile(percents)),
    }


def _compute_channels(prices: _Prices) -> Values:
    upper, middle, lower = talib.BBANDS(prices.close, 20, 2, 2)
    widths = _divide_arrays(upper - lower, middle - prices.zero) * 100
    axis, reach = (
        _get_last(talib.EMA(prices.close, 20)),
        1.5 * _get_last(talib.ATR(prices.high, prices.low, prices.close, 20)),
    )
    return {
        "bollinger_upper": prices.to_price(_get_last(upper)),
        "bollinger_middle": prices.to_price(_get_last(middle)),
        "bollinger_lower": prices.to_price(_get_last(lower)),
        "bollinger_width": _to_decimal(_get_last(widths)),
        "bollinger_width_percentile": _to_decimal(_compute_percentile(widths)),
        "keltner_upper": prices.to_price(axis + reach),
        "keltner_lower": prices.to_price(axis - reach),
    }


def _compute_levels(bars: Sequence[Bar]) -> Values:
    last_ten = bars[-10:] if len(bars) >= 10 else ()
    return {
        "momentum_10": _round_decimal(bars[-1].close - bars[-11].close) if len(bars) > 10 else None,
        "swing_high_10": _round_decimal(max(bar.high for bar in last_ten)) if last_ten else None,
        "swing_low_10": _round_decimal(min(bar.low for bar in last_ten)) if last_ten else None,
        "structure_3": _find_structure(bars[-3:]) if len(bars) >= 3 else None,
    }


def _find_structure(last_three: Sequence[Bar]) -> Decimal:
    """Return 1 for three bars with rising highs and lows, -1 for falling ones, else 0."""
    first, second, third = last_three
    if first.high < second.high < third.high and first.low < second.low < third.low:
        return Decimal(1)
    if first.high > second.high > third.high and first.low > second.low > third.low:
        return Decimal(-1)
    return Decimal(0)


def _compute_volume(bars: Sequence[Bar]) -> Values:
    return {"volume_ratio_20": _compute_volume_ratio(bars[-20:]), "vwap_day": _compute_vwap(bars)}


def _compute_volume_ratio(last_twenty: Sequence[Bar]) -> Decimal | None:
    volumes = [bar.volume for bar in last_twenty if bar.volume is not None]
    total = sum(volumes, Decimal(0))
    if len(volumes) < 20 or total <= 0:
        return None
    return _round_decimal(volumes[-1] * 20 / total)


def _compute_vwap(bars: Sequence[Bar]) -> Decimal | None:
    """Return the volume-weighted typical price of the last bar's UTC day; None when its first bars are missing."""
    today = _select_bars_of_last_day(bars)
    weights = [bar.volume for bar in today if bar.volume is not None]
    total = sum(weights, Decimal(0))
    if len(weights) < len(today) or total <= 0:
        return None
    weighted = ((bar.high + bar.low + bar.close) * weight for bar, weight in zip(today, weights, strict=True))
    return _round_decimal(sum(weighted, Decimal(0)) / (3 * total))


def _select_bars_of_last_day(bars: Sequence[Bar]) -> list[Bar]:
    """Return the bars since midnight UTC of the last bar's day; none when the series begins later than that."""
    midnight = _DAY.floor(bars[-1].open_time) if bars else datetime.max.replace(tzinfo=UTC)
    if not bars or bars[0].open_time > midnight:
        return []
    return [bar for bar in bars if bar.open_time >= midnight]


def _compute_percentile(values: Floats) -> float:
    """Return the share of the defined values that are at most the last one, in percent."""
    defined = values[np.isfinite(values)]
    if len(defined) < MIN_VALUES_OF_PERCENTILE or not math.isfinite(_get_last(values)):
        return math.nan
    return float(np.count_nonzero(defined <= _get_last(values) * _TIE_TOLERANCE)) * 100 / len(defined)


def _divide_arrays(numerators: Floats, denominators: Floats) -> Floats:
    ratios: Floats = np.full_like(numerators, math.nan)
    np.divide(numerators, denominators, out=ratios, where=denominators > 0)
    return ratios


def _divide(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.nan


def _get_last(values: Any, back: int = 0) -> float:
    """Return the value `back` places before the last; NaN when there are too few."""
    return float(values[-1 - back]) if len(values) > back else math.nan


def _to_decimal(value: float) -> Decimal | None:
    """Return the value with 10 significant digits; None when it is not finite."""
    return Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0 if math.isfinite(value) else None


def _round_decimal(value: Decimal) -> Decimal:
    return _TEN_DIGITS.plus(value)


def _get_bars(series: BarSeries | None) -> tuple[Bar, ...]:
    return () if series is None else series.bars
