"""Signals and contexts for tests of the engines: builders, a mirror, and Hypothesis strategies."""

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


def uptrend(**changes: str | None) -> Indicators:
    """Return the rising market's indicators with some of them changed, None making one missing."""
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
        indicators=uptrend() if values is None else values,
        window=Window(base=None, higher=None),
        window_hash="ab" * 32,
        rules=InstrumentRules(
            lot=Decimal("0.001"), reference_capital=Decimal(100_000), max_notional=Decimal(1_000_000)
        ),
        quality={"current_price": Quality.LIVE},
        context_hash="cd" * 32,
    )
    return replace(context, **changes)


def mirrored_signal(signal: Signal) -> Signal:
    """Return the signal of the opposite direction."""
    return replace(signal, direction=signal.direction.opposite)


def mirrored(context: MarketContext) -> MarketContext:
    """Return the market upside down: each price p becomes 2 x close - p, so that percentages of the close hold."""
    indicators = context.indicators
    return replace(
        context,
        indicators=mirrored_indicators(indicators),
        current_price=_reflected(context.current_price, indicators.get("close")),
        quote=replace(
            context.quote,
            bid=_reflected(context.quote.ask, indicators.get("close")),
            ask=_reflected(context.quote.bid, indicators.get("close")),
        ),
    )


def mirrored_indicators(indicators: Indicators) -> Indicators:
    """Return the indicators that the market upside down would have."""
    close, higher = indicators.get("close"), indicators.get("higher_close")
    out = dict(indicators)
    for name in _NEGATED:
        out[name] = _minus(indicators.get(name))
    for name in _PRICES:
        out[name] = _reflected(indicators.get(name), close)
    for upper, lower in _SWAPPED_PRICES:
        out[upper], out[lower] = _reflected(indicators.get(lower), close), _reflected(indicators.get(upper), close)
    for name, other in _SWAPPED:
        out[name], out[other] = indicators.get(other), indicators.get(name)
    for name in ("higher_ema_21", "higher_ema_48"):
        out[name] = _reflected(indicators.get(name), higher)
    rsi = indicators.get("rsi_14")
    out["rsi_14"] = None if rsi is None else 100 - rsi
    return out


def _minus(value: Decimal | None) -> Decimal | None:
    return None if value is None else -value


def _reflected(price: Decimal | None, around: Decimal | None) -> Decimal | None:
    return price if price is None or around is None else 2 * around - price


def _number(low: str, high: str) -> st.SearchStrategy[Decimal | None]:
    return _mostly(st.decimals(low, high, places=2))


def _mostly(values: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Decimal | None]:
    return st.one_of(values, values, values, st.none())


def _kinds() -> dict[str, st.SearchStrategy[Decimal | None]]:
    level, percent, move = _number("97", "103"), _number("0", "100"), _number("-2", "2")
    kinds = dict.fromkeys(UPTREND, level)
    percents = ("rsi_14", "atr_percentile", "adx_14", "plus_di_14", "minus_di_14", "bollinger_width_percentile")
    kinds |= dict.fromkeys(percents, percent) | dict.fromkeys(_NEGATED, move)
    return kinds | {
        "close": st.just(Decimal(100)),
        "higher_close": _mostly(st.just(Decimal(101))),
        "structure_3": _mostly(st.sampled_from((Decimal(-1), Decimal(0), Decimal(1)))),
        "atr_14": _number("0.05", "3"),
        "atr_percent": _number("0.05", "3"),
        "volume_ratio_20": _number("0", "3"),
        "bars": _mostly(st.sampled_from((Decimal(199), Decimal(200), Decimal(250)))),
    }


_KINDS = _kinds()


@st.composite
def indicator_values(draw: st.DrawFn) -> Indicators:
    """Draw the rising or the falling market with a few values changed or missing, or values that make no picture."""
    trend = draw(st.sampled_from((uptrend(), mirrored_indicators(uptrend()))))
    few = st.sets(st.sampled_from(sorted(UPTREND)), max_size=4)
    changed = draw(st.one_of(few, few, st.just(set(UPTREND))))
    return {name: draw(_KINDS[name]) if name in changed else trend[name] for name in UPTREND}


@st.composite
def contexts(draw: st.DrawFn) -> MarketContext:
    """Draw a context around a close of 100, now and then without a price or a quote."""
    half = draw(_mostly(st.decimals("0.001", "0.2", places=3)))
    price = draw(_mostly(st.decimals("99", "101", places=2)))
    quote = Quote(
        at=AS_OF,
        bid=None if half is None else 100 - half,
        ask=None if half is None else 100 + half,
        last=price,
        quality=Quality.LIVE,
    )
    return a_context(draw(indicator_values()), current_price=price, quote=quote)


def signals() -> st.SearchStrategy[Signal]:
    """Draw entries of every horizon, with and without a confidence, most of them fresh and with an interval."""
    intervals = [Interval.parse(text) for text in ("5m", "1h", "1h", "1d", "1w", "1mo")]
    return st.builds(
        a_signal,
        st.sampled_from(Direction),
        timeframe=st.sampled_from([*intervals, None]),
        confidence=st.none() | st.decimals(40, 100, places=1),
        flags=st.sampled_from(((), (), (), (Flag.STALE.value,))),
    )


@st.composite
def walked_contexts(draw: st.DrawFn) -> MarketContext:
    """Draw a context whose bars are a random walk, with a drift or without, and its computed indicators."""
    hour = Interval.parse("1h")
    count, drift = draw(st.sampled_from((0, 1, 30, 250, 250, 250))), draw(st.integers(-12, 12))
    chance = draw(st.randoms(use_true_random=False))
    steps = [drift + chance.randint(-40, 40) for _ in range(count)]
    base = _walk(steps, interval=hour)
    window = Window(base=base, higher=_walk(steps[::4], interval=hour.next))
    price = base.bars[-1].close if base.bars else None
    return a_context(
        indicators.compute(window),
        current_price=price,
        quote=Quote(at=AS_OF, bid=None, ask=None, last=price, quality=Quality.REPLAY),
        window=window,
    )


def _walk(steps: list[int], *, interval: Interval) -> BarSeries:
    bars, price = [], Decimal("1.3000")
    for at, step in enumerate(steps):
        close = price + Decimal(step) / 10_000
        wick = Decimal(abs(step) % 7 + 1) / 10_000
        bars.append(
            Bar(
                open_time=AS_OF - (len(steps) - at) * interval.approximate,
                open=price,
                high=max(price, close) + wick,
                low=min(price, close) - wick,
                close=close,
                volume=None,
            )
        )
        price = close
    return BarSeries(interval=interval, side=PriceSide.MID, bars=tuple(bars))
