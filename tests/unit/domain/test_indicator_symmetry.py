"""Indicators of markets turned upside down, written in other units, or beyond all reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import indicators
from domain.context import Bar
from tests.support.builders.markets import START, a_bar, a_walk, a_window, minutes, mirrored

_BARS = a_walk(250, seed=7)


def compute_indicators(bars: Sequence[Bar]) -> indicators.Values:
    return indicators.compute(a_window(bars))


def _as_float(values: indicators.Values, name: str) -> float:
    value = values[name]
    assert value is not None, name
    return float(value)


@pytest.mark.parametrize("factor", ["1E-12", "1E+12"])
def test_the_unit_of_price_does_not_matter(factor: str) -> None:
    scale = Decimal(factor)
    bars = [map_prices(bar, lambda price: price * scale) for bar in _BARS]

    values, scaled = compute_indicators(_BARS), compute_indicators(bars)

    for name in ("rsi_14", "adx_14", "bollinger_width", "atr_percentile", "ema_21_slope"):
        assert _as_float(scaled, name) == pytest.approx(_as_float(values, name), rel=1e-8)
    for name in ("ema_200", "atr_14", "bollinger_upper", "macd"):
        assert _as_float(scaled, name) == pytest.approx(_as_float(values, name) * float(scale), rel=1e-8)


def map_prices(bar: Bar, change: Callable[[Decimal], Decimal]) -> Bar:
    return Bar(
        open_time=bar.open_time,
        open=change(bar.open),
        high=change(bar.high),
        low=change(bar.low),
        close=change(bar.close),
        volume=bar.volume,
    )


@pytest.mark.parametrize("price", ["1E+400", "1E+300", "1E-400"])
def test_extreme_prices_give_values_or_none_but_never_an_error(price: str) -> None:
    bars = [map_prices(bar, lambda value: value * Decimal(price)) for bar in _BARS]

    values = compute_indicators(bars)

    assert all(value is None or value.is_finite() for value in values.values())


def test_prices_too_far_apart_for_floating_point_give_no_error() -> None:
    bars = [*_BARS, a_bar(START + minutes(250), "1E-30", "1E+400", "1E-30", "1E+399")]

    values = compute_indicators(bars)

    assert values["close"] == Decimal("1E+399")
    assert all(value is None or value.is_finite() for value in values.values())


def test_values_have_at_most_ten_significant_digits() -> None:
    values = compute_indicators(a_walk(250, seed=11))

    digits = [len(value.normalize().as_tuple().digits) for value in values.values() if value is not None]

    assert max(digits) == 10


_SWAPPED = {
    "plus_di_14": "minus_di_14",
    "minus_di_14": "plus_di_14",
    "swing_high_10": "swing_low_10",
    "bollinger_upper": "bollinger_lower",
    "keltner_lower": "keltner_upper",
}


@given(seed=st.integers(0, 1_000_000), count=st.integers(1, 250))
@settings(max_examples=100, deadline=None)
def test_a_mirrored_market_mirrors_every_indicator_that_has_a_direction(seed: int, count: int) -> None:
    bars = a_walk(count, seed=seed)

    values, turned = compute_indicators(bars), compute_indicators(mirrored(bars, around=Decimal(4)))

    def assert_mapped(name: str, expected: Callable[[float], float], *, of: str | None = None) -> None:
        value, other = values[of or name], turned[name]
        assert (value is None) == (other is None), name
        if value is not None and other is not None:
            assert float(other) == pytest.approx(expected(float(value)), rel=1e-9, abs=1e-12), name

    for name in ("close", "ema_8", "ema_21", "ema_48", "ema_200", "bollinger_middle"):
        assert_mapped(name, lambda price: 4 - price)
    for name in ("macd", "macd_signal", "macd_histogram", "momentum_10", "structure_3"):
        assert_mapped(name, lambda move: -move)
    for name, twin in _SWAPPED.items():
        assert_mapped(name, (lambda value: value) if name.endswith("di_14") else (lambda price: 4 - price), of=twin)
    for name in ("atr_14", "adx_14", "volume_ratio_20"):
        assert_mapped(name, lambda value: value)
    assert_mapped("rsi_14", lambda value: 100 - value)
