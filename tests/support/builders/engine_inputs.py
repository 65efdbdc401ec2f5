"""Signals and contexts for tests of the engines: builders, their mirror images, and Hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from domain import indicators
from domain.context import Bar, BarSeries, InstrumentRules, MarketContext, PriceSide, Quality, Quote, Window
from domain.intervals import Interval
from domain.signal import Action, Direction, Flag, Instrument, InstrumentKind, Signal, Stage

Indicators = dict[str, Decimal | None]

AS_OF = datetime(2024, 3, 5, 14, tzinfo=UTC)
EURUSD = Instrument(symbol="EURUSD", exchange="FX", kind=InstrumentKind.FOREX)

# A calm market that rises on both intervals, 100 being the last close.
UPTREND = {
    "close": "100",
    "ema_8": "99.6",
    "ema_21": "99.2",
    "ema_48": "98.5",
    "ema_200": "96",
    "ema_21_slope": "0.3",
    "rsi_14": "62",
    "macd": "0.3",
    "macd_signal": "0.2",
    "macd_histogram": "0.1",
    "atr_14": "0.5",
    "atr_percent": "0.5",
    "atr_percentile": "60",
    "adx_14": "32",
    "plus_di_14": "30",
    "minus_di_14": "14",
    "bollinger_upper": "100.8",
    "bollinger_middle": "99.3",
    "bollinger_lower": "97.8",
    "bollinger_width": "3",
    "bollinger_width_percentile": "60",
    "keltner_upper": "100.1",
    "keltner_lower": "98.5",
    "momentum_10": "1.1",
    "swing_high_10": "100.2",
    "swing_low_10": "98.8",
    "structure_3": "1",
    "volume_ratio_20": "1.3",
    "vwap_day": "99.4",
    "bars": "250",
    "higher_close": "100",
    "higher_ema_21": "98",
    "higher_ema_48": "96.5",
    "higher_ema_21_slope": "0.8",
    "higher_bars": "100",
}

_NEGATED = (
    "ema_21_slope",
    "macd",
    "macd_signal",
    "macd_histogram",
    "momentum_10",
    "structure_3",
    "higher_ema_21_slope",
)
_SWAPPED = (("plus_di_14", "minus_di_14"),)
_PRICES = ("ema_8", "ema_21", "ema_48", "ema_200", "bollinger_middle", "vwap_day")
_SWAPPED_PRICES = (
    ("bollinger_upper", "bollinger_lower"),
    ("keltner_upper", "keltner_lower"),
    ("swing_high_10", "swing_low_10"),
)


def uptrend_indicators(**changes: str | None) -> Indicators:
    """Return the indicators of a rising market with some of them changed; None makes one missing."""
    values: dict[str, str | None] = {**UPTREND, **changes}
    return {name: None if value is None else Decimal(value) for name, value in values.items()}


def a_signal(direction: Direction = Direction.LONG, **changes: Any) -> Signal:
    """Return an hourly entry without a confidence of its own."""
    signal = Signal(
        signal_id=UUID(int=1),
        book="paper",
        source="tv",
        strategy="cross",
        symbol=EURUSD.symbol,
        exchange=EURUSD.exchange,
        instrument_kind=EURUSD.kind,
        direction=direction,
        action=Action.ENTRY,
        timeframe=Interval.parse("1h"),
        timestamp=AS_OF,
        received_at=AS_OF,
        price=Decimal(100),
        confidence=None,
        signal_hash="5e" * 32,
        flags=(),
        is_test=False,
        stage=Stage.POLICY_RESOLVED,
        attempts=0,
    )
    return replace(signal, **changes)


def a_context(values: Indicators | None = None, **changes: Any) -> MarketContext:
    """Return a context at a price of 100 with a spread of 0.02, the rising market's indicators and no bars."""
    context = MarketContext(
        signal_id=UUID(int=1),
        as_of=AS_OF,
        instrument=EURUSD,
        current_price=Decimal(100),
        quote=Quote(at=AS_OF, bid=Decimal("99.99"), ask=Decimal("100.01"), last=None, quality=Quality.LIVE),
        volume=None,
        indicators=uptrend_indicators() if values is None else values,
        window=Window(base=None, higher=None),
        window_hash="ab" * 32,
        rules=InstrumentRules(
            lot=Decimal("0.001"), reference_capital=Decimal(100_000), max_notional=Decimal(1_000_000)
        ),
        quality={"current_price": Quality.LIVE},
        context_hash="cd" * 32,
    )
    return replace(context, **changes)


def opposite_signal(signal: Signal) -> Signal:
    """Return the signal of the opposite direction."""
    return replace(signal, direction=signal.direction.opposite)


def mirror_context(context: MarketContext) -> MarketContext:
    """Return the context of the mirrored market: each price p becomes 2 x close - p, the same distance away."""
    indicators = context.indicators
    return replace(
        context,
        indicators=mirror_indicators(indicators),
        current_price=_mirror_price(context.current_price, indicators.get("close")),
        quote=replace(
            context.quote,
            bid=_mirror_price(context.quote.ask, indicators.get("close")),
            ask=_mirror_price(context.quote.bid, indicators.get("close")),
        ),
    )


def mirror_indicators(indicators: Indicators) -> Indicators:
    """Return the indicators of the mirrored market."""
    close, higher = indicators.get("close"), indicators.get("higher_close")
    mirrored = dict(indicators)
    for name in _NEGATED:
        mirrored[name] = _negate(indicators.get(name))
    for name in _PRICES:
        mirrored[name] = _mirror_price(indicators.get(name), close)
    for upper, lower in _SWAPPED_PRICES:
        mirrored[upper], mirrored[lower] = (
            _mirror_price(indicators.get(lower), close),
            _mirror_price(indicators.get(upper), close),
        )
    for name, other in _SWAPPED:
        mirrored[name], mirrored[other] = indicators.get(other), indicators.get(name)
    for name in ("higher_ema_21", "higher_ema_48"):
        mirrored[name] = _mirror_price(indicators.get(name), higher)
    rsi = indicators.get("rsi_14")
    mirrored["rsi_14"] = None if rsi is None else 100 - rsi
    return mirrored


def _negate(value: Decimal | None) -> Decimal | None:
    return None if value is None else -value


def _mirror_price(price: Decimal | None, around: Decimal | None) -> Decimal | None:
    return price if price is None or around is None else 2 * around - price


def _optional_decimals(low: str, high: str) -> st.SearchStrategy[Decimal | None]:
    return _sometimes_missing(st.decimals(low, high, places=2))


def _sometimes_missing(values: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Decimal | None]:
    return st.one_of(values, values, values, st.none())


def _strategy_by_indicator() -> dict[str, st.SearchStrategy[Decimal | None]]:
    level, percent, move = (
        _optional_decimals("97", "103"),
        _optional_decimals("0", "100"),
        _optional_decimals("-2", "2"),
    )
    strategies = dict.fromkeys(UPTREND, level)
    percents = ("rsi_14", "atr_percentile", "adx_14", "plus_di_14", "minus_di_14", "bollinger_width_percentile")
    strategies |= dict.fromkeys(percents, percent) | dict.fromkeys(_NEGATED, move)
    return strategies | {
        "close": st.just(Decimal(100)),
        "higher_close": _sometimes_missing(st.just(Decimal(101))),
        "structure_3": _sometimes_missing(st.sampled_from((Decimal(-1), Decimal(0), Decimal(1)))),
        "atr_14": _optional_decimals("0.05", "3"),
        "atr_percent": _optional_decimals("0.05", "3"),
        "volume_ratio_20": _optional_decimals("0", "3"),
        "bars": _sometimes_missing(st.sampled_from((Decimal(199), Decimal(200), Decimal(250)))),
    }


_STRATEGY_BY_INDICATOR = _strategy_by_indicator()


@st.composite
def indicator_values(draw: st.DrawFn) -> Indicators:
    """Draw the indicators of a rising or falling market with a few values changed or missing, or unrelated values."""
    trend = draw(st.sampled_from((uptrend_indicators(), mirror_indicators(uptrend_indicators()))))
    few = st.sets(st.sampled_from(sorted(UPTREND)), max_size=4)
    changed = draw(st.one_of(few, few, st.just(set(UPTREND))))
    return {name: draw(_STRATEGY_BY_INDICATOR[name]) if name in changed else trend[name] for name in UPTREND}


@st.composite
def contexts(draw: st.DrawFn) -> MarketContext:
    """Draw a context around a close of 100, sometimes without a price or a quote."""
    half = draw(_sometimes_missing(st.decimals("0.001", "0.2", places=3)))
    price = draw(_sometimes_missing(st.decimals("99", "101", places=2)))
    quote = Quote(
        at=AS_OF,
        bid=None if half is None else 100 - half,
        ask=None if half is None else 100 + half,
        last=price,
        quality=Quality.LIVE,
    )
    return a_context(draw(indicator_values()), current_price=price, quote=quote)


def signals() -> st.SearchStrategy[Signal]:
    """Draw entries of every horizon, with and without a confidence; most are not stale and have an interval."""
    intervals = [Interval.parse(text) for text in ("5m", "1h", "1h", "1d", "1w", "1mo")]
    return st.builds(
        a_signal,
        st.sampled_from(Direction),
        timeframe=st.sampled_from([*intervals, None]),
        confidence=st.none() | st.decimals(40, 100, places=1),
        flags=st.sampled_from(((), (), (), (Flag.STALE.value,))),
    )


@st.composite
def random_walk_contexts(draw: st.DrawFn) -> MarketContext:
    """Draw a context whose bars are a random walk, with a drift or without, and its computed indicators."""
    hour = Interval.parse("1h")
    count, drift = draw(st.sampled_from((0, 1, 30, 250, 250, 250))), draw(st.integers(-12, 12))
    chance = draw(st.randoms(use_true_random=False))
    steps = [drift + chance.randint(-40, 40) for _ in range(count)]
    base = _build_random_walk(steps, interval=hour)
    window = Window(base=base, higher=_build_random_walk(steps[::4], interval=hour.next))
    price = base.bars[-1].close if base.bars else None
    return a_context(
        indicators.compute(window),
        current_price=price,
        quote=Quote(at=AS_OF, bid=None, ask=None, last=price, quality=Quality.REPLAY),
        window=window,
    )


def _build_random_walk(steps: list[int], *, interval: Interval) -> BarSeries:
    bars, price = [], Decimal("1.3000")
    for index, step in enumerate(steps):
        close = price + Decimal(step) / 10_000
        wick = Decimal(abs(step) % 7 + 1) / 10_000
        bars.append(
            Bar(
                open_time=AS_OF - (len(steps) - index) * interval.approximate,
                open=price,
                high=max(price, close) + wick,
                low=min(price, close) - wick,
                close=close,
                volume=None,
            )
        )
        price = close
    return BarSeries(interval=interval, side=PriceSide.MID, bars=tuple(bars))
