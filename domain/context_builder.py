"""Freeze a market view into the context both engines see, and write contexts and windows so that hashes recompute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from domain import canonical, indicators
from domain.context import (
    Bar,
    BarSeries,
    ContextDepth,
    InstrumentRules,
    MarketContext,
    MarketView,
    PriceSide,
    Quality,
    Quote,
    Window,
)
from domain.intervals import Interval
from domain.signal import Instrument, InstrumentKind, Signal

_UNHASHED = frozenset({"signal_id", "context_hash"})
_WINDOWS_KEPT = 64
_FROM_BEST_TO_WORST = (
    Quality.LIVE,
    Quality.REPLAY,
    Quality.ALERT,
    Quality.DELAYED,
    Quality.CROSSED,
    Quality.MISSING,
)


def build(signal: Signal, view: MarketView, *, as_of: datetime, rules: InstrumentRules) -> MarketContext:
    """Freeze what `view` shows into the context of `signal`.

    The current price is the mid where both sides are known, else the last price, else the one known side, else
    the price the alert carried (quality `alert`), else None. Windows that are the same object are worked on once.
    """
    view = drop_crossed_sides(view)
    window = _worked(_Same(view.window))
    price, price_quality = _current_price(view, alert_price=signal.price)
    volume = _last_volume(view.window)
    context = MarketContext(
        signal_id=signal.signal_id,
        as_of=as_of,
        instrument=signal.instrument,
        current_price=price,
        quote=view.quote,
        volume=volume,
        indicators=dict(window.indicators),
        window=view.window,
        window_hash=window.digest,
        rules=rules,
        quality=_qualities(view, volume=volume, current_price=price_quality),
        context_hash="",
        depth=view.depth,
    )
    return replace(context, context_hash=hash_context_document(context_to_document(context)))


def drop_crossed_sides(view: MarketView) -> MarketView:
    """Treat both sides as missing, with quality `crossed`, where the ask is below the bid; else leave the view."""
    quote = view.quote
    if quote.bid is None or quote.ask is None or quote.ask >= quote.bid:
        return view
    return replace(
        view,
        quote=replace(quote, bid=None, ask=None, quality=Quality.CROSSED),
        quality=view.quality | {"bid": Quality.CROSSED, "ask": Quality.CROSSED},
    )


def find_worst_quality(*qualities: Quality) -> Quality:
    """Return the least trustworthy of the qualities; `missing` when there are none."""
    return max(qualities, key=_FROM_BEST_TO_WORST.index, default=Quality.MISSING)


def window_to_document(window: Window) -> dict[str, Any]:
    """Write a window as JSON values: per series interval, side and bars as `[open_time, o, h, l, c, v]`."""
    document = _worked(_Same(window)).document
    return {name: None if series is None else dict(series) for name, series in document.items()}


def window_from_document(document: Mapping[str, Any]) -> Window:
    """Read what `window_document` wrote."""
    return Window(base=_series_from(document["base"]), higher=_series_from(document["higher"]))


def hash_window_document(document: Mapping[str, Any]) -> str:
    """Return the hash that belongs to a window's document."""
    return canonical.digest(document)


def context_to_document(context: MarketContext) -> dict[str, Any]:
    """Write a context as JSON values in canonical spelling, its window by hash only."""
    return {
        "signal_id": str(context.signal_id),
        "as_of": canonical.format_time(context.as_of),
        "instrument": _instrument_document(context.instrument),
        "current_price": _number(context.current_price),
        "quote": _quote_document(context.quote),
        "volume": _number(context.volume),
        "indicators": {name: _number(value) for name, value in context.indicators.items()},
        "window_hash": context.window_hash,
        "depth": {"base": str(context.depth.base), "higher": str(context.depth.higher)},
        "rules": _rules_document(context.rules),
        "quality": {name: quality.value for name, quality in context.quality.items()},
        "context_hash": context.context_hash,
    }


def context_from_document(document: Mapping[str, Any], *, window: Window) -> MarketContext:
    """Read what `context_document` wrote, with the window it refers to; hashes are taken as written."""
    return MarketContext(
        signal_id=UUID(document["signal_id"]),
        as_of=canonical.parse_time(document["as_of"]),
        instrument=_instrument_from(document["instrument"]),
        current_price=_decimal(document["current_price"]),
        quote=_quote_from(document["quote"]),
        volume=_decimal(document["volume"]),
        indicators={name: _decimal(value) for name, value in document["indicators"].items()},
        window=window,
        window_hash=document["window_hash"],
        rules=InstrumentRules(**{name: Decimal(value) for name, value in document["rules"].items()}),
        quality={name: Quality(value) for name, value in document["quality"].items()},
        context_hash=document["context_hash"],
        depth=ContextDepth(**{name: int(value) for name, value in document["depth"].items()}),
    )


def hash_context_document(document: Mapping[str, Any]) -> str:
    """Return the hash that belongs to a context's document: over all of it but the signal's id and the hash."""
    return canonical.digest({name: value for name, value in document.items() if name not in _UNHASHED})


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A window compared by identity: comparing hundreds of bars would cost more than it saves."""

    window: Window

    def __hash__(self) -> int:
        return id(self.window)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.window is self.window


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worked:
    document: Mapping[str, Any]
    digest: str
    indicators: indicators.Values


@lru_cache(maxsize=_WINDOWS_KEPT)
def _worked(same: _Same) -> _Worked:
    document = {"base": _series_document(same.window.base), "higher": _series_document(same.window.higher)}
    return _Worked(document=document, digest=hash_window_document(document), indicators=indicators.compute(same.window))


def _current_price(view: MarketView, *, alert_price: Decimal | None) -> tuple[Decimal | None, Quality]:
    quote, quality = view.quote, view.quality
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2, find_worst_quality(_field(view, "bid"), _field(view, "ask"))
    for name, price in (("last", quote.last), ("bid", quote.bid), ("ask", quote.ask)):
        if price is not None:
            return price, quality.get(name, quote.quality)
    return (None, Quality.MISSING) if alert_price is None else (alert_price, Quality.ALERT)


def _field(view: MarketView, name: str) -> Quality:
    return view.quality.get(name, view.quote.quality)


def _last_volume(window: Window) -> Decimal | None:
    return window.base.bars[-1].volume if window.base is not None and window.base.bars else None


def _qualities(view: MarketView, *, volume: Decimal | None, current_price: Quality) -> dict[str, Quality]:
    values = {
        "bid": view.quote.bid,
        "ask": view.quote.ask,
        "last": view.quote.last,
        "volume": volume,
        "bars": view.window.base,
        "higher_bars": view.window.higher,
    }
    told = {name: _told(view, name, is_known=value is not None) for name, value in values.items()}
    return told | {"current_price": current_price}


def _told(view: MarketView, name: str, *, is_known: bool) -> Quality:
    quality = _field(view, name)
    if is_known:
        return quality
    return Quality.CROSSED if quality is Quality.CROSSED and name in ("bid", "ask") else Quality.MISSING


def _series_document(series: BarSeries | None) -> dict[str, Any] | None:
    if series is None:
        return None
    return {
        "interval": str(series.interval),
        "side": series.side.value,
        "bars": tuple(_row(bar) for bar in series.bars),
    }


def _row(bar: Bar) -> tuple[str | None, ...]:
    prices = (canonical.format_number(one) for one in (bar.open, bar.high, bar.low, bar.close))
    return (canonical.format_time(bar.open_time), *prices, _number(bar.volume))


def _series_from(document: Mapping[str, Any] | None) -> BarSeries | None:
    if document is None:
        return None
    return BarSeries(
        interval=Interval.parse(document["interval"]),
        side=PriceSide(document["side"]),
        bars=tuple(_bar_from(row) for row in document["bars"]),
    )


def _bar_from(row: Sequence[str | None]) -> Bar:
    opened, *prices, volume = row
    first, high, low, close = (Decimal(str(price)) for price in prices)
    return Bar(
        open_time=canonical.parse_time(str(opened)),
        open=first,
        high=high,
        low=low,
        close=close,
        volume=_decimal(volume),
    )


def _instrument_document(instrument: Instrument) -> dict[str, str]:
    return {"symbol": instrument.symbol, "exchange": instrument.exchange, "kind": instrument.kind.value}


def _instrument_from(document: Mapping[str, str]) -> Instrument:
    return Instrument(symbol=document["symbol"], exchange=document["exchange"], kind=InstrumentKind(document["kind"]))


def _rules_document(rules: InstrumentRules) -> dict[str, str]:
    names = ("lot", "reference_capital", "max_notional")
    return {name: canonical.format_number(getattr(rules, name)) for name in names}


def _quote_document(quote: Quote) -> dict[str, str | None]:
    prices = {"bid": _number(quote.bid), "ask": _number(quote.ask), "last": _number(quote.last)}
    return {"at": canonical.format_time(quote.at), "quality": quote.quality.value, **prices}


def _quote_from(document: Mapping[str, Any]) -> Quote:
    return Quote(
        at=canonical.parse_time(document["at"]),
        bid=_decimal(document["bid"]),
        ask=_decimal(document["ask"]),
        last=_decimal(document["last"]),
        quality=Quality(document["quality"]),
    )


def _number(value: Decimal | None) -> str | None:
    return None if value is None else canonical.format_number(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
