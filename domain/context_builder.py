"""Builds market contexts from market views, and converts contexts and windows to documents whose hashes recompute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from domain import canonical, indicators, price_jumps, snapshot_prices
from domain.context import (
    Bar,
    BarSeries,
    ContextDepth,
    InstrumentRules,
    MarketContext,
    MarketView,
    PriceBasis,
    PriceSide,
    Quality,
    Quote,
    Window,
)
from domain.intervals import Interval
from domain.money import PARITY, Conversion
from domain.price_jumps import JUMP
from domain.signal import Instrument, InstrumentKind, Signal

_UNHASHED = frozenset({"signal_id", "context_hash"})
_CACHED_WINDOWS = 64
_RATE = Context(prec=12)
_RULE_NUMBERS = ("lot", "reference_capital", "max_notional", "multiplier", "tick", "min_notional", "rate")


def build(signal: Signal, view: MarketView, *, as_of: datetime, rules: InstrumentRules) -> MarketContext:
    """Build the context of `signal` from the market view.

    The current price is the alert's where the view shows that, else the mid where both sides are known, else the last
    price, else the one known side, else None. For windows that are the same object, hash and indicators are computed
    once.
    """
    view = snapshot_prices.drop_crossed_sides(view)
    derived = _derive_from_window(_WindowKey(view.window))
    price, price_quality = snapshot_prices.find_current_price(view)
    volume, rules = _get_last_volume(view.window), _price_rules(rules, price)
    jump = price_jumps.find_newest(view.window.base, price, kind=signal.instrument_kind)
    context = MarketContext(
        signal_id=signal.signal_id,
        as_of=as_of,
        instrument=signal.instrument,
        current_price=price,
        quote=view.quote,
        volume=volume,
        indicators=dict(derived.indicators),
        window=view.window,
        window_hash=derived.digest,
        rules=rules,
        quality=_collect_qualities(view, volume=volume, current_price=price_quality)
        | _find_missing_rules(rules)
        | ({} if jump is None else {JUMP: Quality.IMPLAUSIBLE}),
        context_hash="",
        depth=view.depth,
    )
    return replace(context, context_hash=hash_context_document(context_to_document(context)))


def window_to_document(window: Window) -> dict[str, Any]:
    """Return a window as JSON values: for each series interval, side and bars as `[open_time, o, h, l, c, v]`."""
    document = _derive_from_window(_WindowKey(window)).document
    return {name: None if series is None else dict(series) for name, series in document.items()}


def window_from_document(document: Mapping[str, Any]) -> Window:
    """Return the window of a document made by `window_to_document`."""
    return Window(base=_series_from_document(document["base"]), higher=_series_from_document(document["higher"]))


def hash_window_document(document: Mapping[str, Any]) -> str:
    """Return the hash of a window's document."""
    return canonical.digest(document)


def context_to_document(context: MarketContext) -> dict[str, Any]:
    """Return a context as JSON values in canonical spelling, with the hash of its window instead of the bars."""
    return {
        "signal_id": str(context.signal_id),
        "as_of": canonical.format_time(context.as_of),
        "instrument": _instrument_to_document(context.instrument),
        "current_price": _format_optional(context.current_price),
        "quote": _quote_to_document(context.quote),
        "volume": _format_optional(context.volume),
        "indicators": {name: _format_optional(value) for name, value in context.indicators.items()},
        "window_hash": context.window_hash,
        "depth": {"base": str(context.depth.base), "higher": str(context.depth.higher)},
        "rules": _rules_to_document(context.rules),
        "quality": {name: quality.value for name, quality in context.quality.items()},
        "context_hash": context.context_hash,
    }


def context_from_document(document: Mapping[str, Any], *, window: Window) -> MarketContext:
    """Return the context of a document made by `context_to_document`, with its window; hashes are not recomputed."""
    return MarketContext(
        signal_id=UUID(document["signal_id"]),
        as_of=canonical.parse_time(document["as_of"]),
        instrument=_instrument_from_document(document["instrument"]),
        current_price=_parse_optional(document["current_price"]),
        quote=_quote_from_document(document["quote"]),
        volume=_parse_optional(document["volume"]),
        indicators={name: _parse_optional(value) for name, value in document["indicators"].items()},
        window=window,
        window_hash=document["window_hash"],
        rules=_rules_from_document(document["rules"]),
        quality={name: Quality(value) for name, value in document["quality"].items()},
        context_hash=document["context_hash"],
        depth=ContextDepth(**{name: int(value) for name, value in document["depth"].items()}),
    )


def hash_context_document(document: Mapping[str, Any]) -> str:
    """Return the hash of a context's document: over all fields except the signal's id and the hash itself."""
    return canonical.digest({name: value for name, value in document.items() if name not in _UNHASHED})


@dataclass(frozen=True, slots=True, eq=False)
class _WindowKey:
    """Key of the cache: compares windows by identity, as comparing hundreds of bars would cost more than it saves."""

    window: Window

    def __hash__(self) -> int:
        return id(self.window)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _WindowKey) and other.window is self.window


@dataclass(frozen=True, slots=True, kw_only=True)
class _DerivedFromWindow:
    """The values that depend on a window only."""

    document: Mapping[str, Any]
    digest: str
    indicators: indicators.Values


@lru_cache(maxsize=_CACHED_WINDOWS)
def _derive_from_window(key: _WindowKey) -> _DerivedFromWindow:
    window = key.window
    document = {"base": _series_to_document(window.base), "higher": _series_to_document(window.higher)}
    return _DerivedFromWindow(
        document=document, digest=hash_window_document(document), indicators=indicators.compute(window)
    )


def _get_last_volume(window: Window) -> Decimal | None:
    return window.base.bars[-1].volume if window.base is not None and window.base.bars else None


def _collect_qualities(view: MarketView, *, volume: Decimal | None, current_price: Quality) -> dict[str, Quality]:
    """Return the quality of each field of a context."""
    values = {
        "bid": view.quote.bid,
        "ask": view.quote.ask,
        "last": view.quote.last,
        "volume": volume,
        "bars": view.window.base,
        "higher_bars": view.window.higher,
    }
    qualities = {name: _choose_quality(view, name, is_known=value is not None) for name, value in values.items()}
    remarks = {name: quality for name, quality in view.quality.items() if quality is Quality.IMPLAUSIBLE}
    return qualities | {"current_price": current_price} | remarks


def _choose_quality(view: MarketView, name: str, *, is_known: bool) -> Quality:
    """Return the provider's quality of a known field; an unknown one is missing, or crossed."""
    quality = snapshot_prices.get_quality(view, name)
    if is_known:
        return quality
    return Quality.CROSSED if quality is Quality.CROSSED and name in ("bid", "ask") else Quality.MISSING


def _series_to_document(series: BarSeries | None) -> dict[str, Any] | None:
    if series is None:
        return None
    return {
        "interval": str(series.interval),
        "side": series.side.value,
        "bars": tuple(_bar_to_row(bar) for bar in series.bars),
    }


def _bar_to_row(bar: Bar) -> tuple[str | None, ...]:
    prices = (canonical.format_number(price) for price in (bar.open, bar.high, bar.low, bar.close))
    return (canonical.format_time(bar.open_time), *prices, _format_optional(bar.volume))


def _series_from_document(document: Mapping[str, Any] | None) -> BarSeries | None:
    if document is None:
        return None
    return BarSeries(
        interval=Interval.parse(document["interval"]),
        side=PriceSide(document["side"]),
        bars=tuple(_bar_from_row(row) for row in document["bars"]),
    )


def _bar_from_row(row: Sequence[str | None]) -> Bar:
    open_time, *prices, volume = row
    open_price, high, low, close = (Decimal(str(price)) for price in prices)
    return Bar(
        open_time=canonical.parse_time(str(open_time)),
        open=open_price,
        high=high,
        low=low,
        close=close,
        volume=_parse_optional(volume),
    )


def _instrument_to_document(instrument: Instrument) -> dict[str, str]:
    return {"symbol": instrument.symbol, "exchange": instrument.exchange, "kind": instrument.kind.value}


def _instrument_from_document(document: Mapping[str, str]) -> Instrument:
    return Instrument(symbol=document["symbol"], exchange=document["exchange"], kind=InstrumentKind(document["kind"]))


def _rules_to_document(rules: InstrumentRules) -> dict[str, str | None]:
    return {
        **{name: _format_optional(getattr(rules, name)) for name in _RULE_NUMBERS},
        "currency": rules.currency,
        "base_currency": rules.base_currency,
        "calendar": rules.calendar,
        "conversion": rules.conversion.value,
    }


def _rules_from_document(document: Mapping[str, Any]) -> InstrumentRules:
    """Return the rules of a document; one from before instruments had a currency has the three oldest fields only."""
    known: dict[str, Any] = {name: _parse_optional(document[name]) for name in _RULE_NUMBERS if name in document}
    known |= {name: document[name] for name in ("currency", "base_currency", "calendar") if name in document}
    return InstrumentRules(**known, conversion=Conversion(document.get("conversion", "same")))


def _price_rules(rules: InstrumentRules, price: Decimal | None) -> InstrumentRules:
    """Return the rules with the rate that the pair's own price implies, where it is the one that counts."""
    if rules.conversion is not Conversion.OWN_PRICE:
        return rules
    return replace(rules, rate=None if price is None else _RATE.divide(PARITY, price))


def _find_missing_rules(rules: InstrumentRules) -> dict[str, Quality]:
    """Return the quality `missing` of each rule without which an amount of money is not known."""
    values = {"currency": rules.currency, "multiplier": rules.multiplier, "rate": rules.rate}
    return {name: Quality.MISSING for name, value in values.items() if value is None}


def _quote_to_document(quote: Quote) -> dict[str, str | None]:
    prices = {
        "bid": _format_optional(quote.bid),
        "ask": _format_optional(quote.ask),
        "last": _format_optional(quote.last),
    }
    origin = {
        "basis": None if quote.basis is None else quote.basis.value,
        "priced_at": None if quote.priced_at is None else canonical.format_time(quote.priced_at),
    }
    return {"at": canonical.format_time(quote.at), "quality": quote.quality.value, **prices, **origin}


def _quote_from_document(document: Mapping[str, Any]) -> Quote:
    return Quote(
        at=canonical.parse_time(document["at"]),
        bid=_parse_optional(document["bid"]),
        ask=_parse_optional(document["ask"]),
        last=_parse_optional(document["last"]),
        quality=Quality(document["quality"]),
        basis=PriceBasis(document["basis"]) if document.get("basis") else None,
        priced_at=canonical.parse_time(document["priced_at"]) if document.get("priced_at") else None,
    )


def _format_optional(value: Decimal | None) -> str | None:
    return None if value is None else canonical.format_number(value)


def _parse_optional(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
