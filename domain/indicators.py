"""Technical indicators of a context, computed from its closed bars by TA-Lib.

A value that the bars do not suffice for is None. Values that only compare or subtract prices are taken from the
decimals. The others are computed on whole ticks from the last close: differences of whole numbers are exact in
floating point, so that equal moves up and down are equal, whatever the size of the prices.
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
PERCENTILE_NEEDS = 50
_TEN_DIGITS = Context(prec=SIGNIFICANT_DIGITS)
_DAY = Interval.parse("1d")
_MOTIONLESS = 1e-12
_TIE = 1 + 1e-12


def compute(window: Window) -> Values:
    """Return every indicator of a context by name, rounded to 10 significant digits, None where unknown.

    All names are always present. Prices are in quote currency; slopes, widths and `atr_percent` in percent; the
    percentiles on 0..100; `structure_3` is -1, 0 or 1. Moving averages follow TA-Lib, which seeds with the mean of
    the first values of the window.
    """
    with np.errstate(all="ignore"):
        return _base(_bars(window.base)) | _higher(_bars(window.higher))


def _base(bars: Sequence[Bar]) -> Values:
    prices = _Prices.of(bars)
    return {
        **_averages(prices, "", (8, 21, 48, 200)),
        **_oscillators(prices),
        **_direction(prices),
        **_volatility(prices),
        **_channels(prices),
        **_levels(bars),
        **_volume(bars),
        "close": _rounded(bars[-1].close) if bars else None,
        "bars": Decimal(len(bars)),
    }


def _higher(bars: Sequence[Bar]) -> Values:
    return {
        **_averages(_Prices.of(bars), "higher_", (21, 48)),
        "higher_close": _rounded(bars[-1].close) if bars else None,
        "higher_bars": Decimal(len(bars)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """Prices of a series in ticks from an origin; `zero` is where price 0 lies."""

    high: Floats
    low: Floats
    close: Floats
    origin: Decimal
    tick: Decimal
    zero: float

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> _Prices:
        origin = bars[-1].close if bars else Decimal(0)
        tick = _tick([bar.high + bar.low + bar.close for bar in bars])
        high, low, close = (
            np.array([float((one - origin) / tick) for one in column], dtype=np.float64)
            for column in ([b.high for b in bars], [b.low for b in bars], [b.close for b in bars])
        )
        return cls(high=high, low=low, close=close, origin=origin, tick=tick, zero=float(-origin / tick))

    def price(self, ticks: float) -> Decimal | None:
        """Turn a measured price into quote currency."""
        return _rounded(Decimal(ticks) * self.tick + self.origin) if math.isfinite(ticks) else None

    def move(self, ticks: float) -> Decimal | None:
        """Turn a measured distance into quote currency."""
        return _rounded(Decimal(ticks) * self.tick) if math.isfinite(ticks) else None


def _tick(numbers: Sequence[Decimal]) -> Decimal:
    """Return the unit of the last decimal place that any of the numbers has: a sum has as many places as they."""
    exponent = sum(numbers[1:], numbers[0]).as_tuple().exponent if numbers else 0
    return Decimal((0, (1,), int(exponent)))


def _averages(prices: _Prices, prefix: str, periods: tuple[int, ...]) -> Values:
    lines = {period: talib.EMA(prices.close, period) for period in periods}
    out = {f"{prefix}ema_{period}": prices.price(_last(line)) for period, line in lines.items()}
    before, now = _last(lines[21], back=3), _last(lines[21])
    return out | {f"{prefix}ema_21_slope": _digits(_ratio(now - before, before - prices.zero) * 100)}


def _oscillators(prices: _Prices) -> Values:
    macd, signal, histogram = (_last(line) for line in talib.MACD(prices.close, 12, 26, 9))
    return {
        "rsi_14": _digits(_last(talib.RSI(prices.close, 14)) if _moves(prices.close) else math.nan),
        "macd": prices.move(macd),
        "macd_signal": prices.move(signal),
        "macd_histogram": prices.move(histogram),
    }


def _moves(close: Floats) -> bool:
    """Whether the closes' smoothed move is above zero; RSI divides by it."""
    return _last(talib.ATR(close, close, close, 14)) > _MOTIONLESS


def _direction(prices: _Prices) -> Values:
    columns = (prices.high, prices.low, prices.close)
    known = _last(talib.ATR(*columns, 14)) > _MOTIONLESS
    functions = {"adx_14": talib.ADX, "plus_di_14": talib.PLUS_DI, "minus_di_14": talib.MINUS_DI}
    return {name: _digits(_last(function(*columns, 14)) if known else math.nan) for name, function in functions.items()}


def _volatility(prices: _Prices) -> Values:
    atr = talib.ATR(prices.high, prices.low, prices.close, 14)
    percents = _ratios(atr, prices.close - prices.zero) * 100
    return {
        "atr_14": prices.move(_last(atr)),
        "atr_percent": _digits(_last(percents)),
        "atr_percentile": _digits(_percentile(percents)),
    }


def _channels(prices: _Prices) -> Values:
    upper, middle, lower = talib.BBANDS(prices.close, 20, 2, 2)
    widths = _ratios(upper - lower, middle - prices.zero) * 100
    axis, reach = _last(talib.EMA(prices.close, 20)), 1.5 * _last(talib.ATR(prices.high, prices.low, prices.close, 20))
    return {
        "bollinger_upper": prices.price(_last(upper)),
        "bollinger_middle": prices.price(_last(middle)),
        "bollinger_lower": prices.price(_last(lower)),
        "bollinger_width": _digits(_last(widths)),
        "bollinger_width_percentile": _digits(_percentile(widths)),
        "keltner_upper": prices.price(axis + reach),
        "keltner_lower": prices.price(axis - reach),
    }


def _levels(bars: Sequence[Bar]) -> Values:
    ten = bars[-10:] if len(bars) >= 10 else ()
    return {
        "momentum_10": _rounded(bars[-1].close - bars[-11].close) if len(bars) > 10 else None,
        "swing_high_10": _rounded(max(bar.high for bar in ten)) if ten else None,
        "swing_low_10": _rounded(min(bar.low for bar in ten)) if ten else None,
        "structure_3": _structure(bars[-3:]) if len(bars) >= 3 else None,
    }


def _structure(three: Sequence[Bar]) -> Decimal:
    one, two, last = three
    if one.high < two.high < last.high and one.low < two.low < last.low:
        return Decimal(1)
    if one.high > two.high > last.high and one.low > two.low > last.low:
        return Decimal(-1)
    return Decimal(0)


def _volume(bars: Sequence[Bar]) -> Values:
    return {"volume_ratio_20": _volume_ratio(bars[-20:]), "vwap_day": _vwap(bars)}


def _volume_ratio(twenty: Sequence[Bar]) -> Decimal | None:
    volumes = [bar.volume for bar in twenty if bar.volume is not None]
    total = sum(volumes, Decimal(0))
    if len(volumes) < 20 or total <= 0:
        return None
    return _rounded(volumes[-1] * 20 / total)


def _vwap(bars: Sequence[Bar]) -> Decimal | None:
    """Weigh the typical prices of the last bar's UTC day by volume; None when the window begins after midnight."""
    today = _today(bars)
    weights = [bar.volume for bar in today if bar.volume is not None]
    total = sum(weights, Decimal(0))
    if len(weights) < len(today) or total <= 0:
        return None
    money = sum(((b.high + b.low + b.close) * w for b, w in zip(today, weights, strict=True)), Decimal(0))
    return _rounded(money / (3 * total))


def _today(bars: Sequence[Bar]) -> list[Bar]:
    midnight = _DAY.floor(bars[-1].open_time) if bars else datetime.max.replace(tzinfo=UTC)
    if not bars or bars[0].open_time > midnight:
        return []
    return [bar for bar in bars if bar.open_time >= midnight]


def _percentile(values: Floats) -> float:
    """Return the share of the defined values that are at most the last one, in percent."""
    defined = values[np.isfinite(values)]
    if len(defined) < PERCENTILE_NEEDS or not math.isfinite(_last(values)):
        return math.nan
    return float(np.count_nonzero(defined <= _last(values) * _TIE)) * 100 / len(defined)


def _ratios(numerators: Floats, denominators: Floats) -> Floats:
    out: Floats = np.full_like(numerators, math.nan)
    np.divide(numerators, denominators, out=out, where=denominators > 0)
    return out


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.nan


def _last(values: Any, back: int = 0) -> float:
    return float(values[-1 - back]) if len(values) > back else math.nan


def _digits(value: float) -> Decimal | None:
    return Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0 if math.isfinite(value) else None


def _rounded(value: Decimal) -> Decimal:
    return _TEN_DIGITS.plus(value)


def _bars(series: BarSeries | None) -> tuple[Bar, ...]:
    return () if series is None else series.bars
