"""What holds for the context of any signal, whatever the market shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import context_builder
from domain.context import MarketContext, MarketView, Quality, Quote
from tests.support.builders.markets import RULES, a_signal, a_walk, a_window

_prices = st.none() | st.decimals(min_value="0.0000000001", max_value="1E+15", allow_nan=False, allow_infinity=False)
_moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis takes naive limits
_WINDOWS = [a_window(), a_window(a_walk(3)), a_window(a_walk(40)), a_window(a_walk(250), a_walk(100, step="5m"))]


@st.composite
def _views(draw: st.DrawFn) -> MarketView:
    bid, ask, last = draw(_prices), draw(_prices), draw(_prices)
    quality = draw(st.sampled_from([Quality.REPLAY, Quality.LIVE, Quality.DELAYED]))
    quote = Quote(at=draw(_moments), bid=bid, ask=ask, last=last, quality=quality)
    told = dict.fromkeys(("bid", "ask", "last", "volume", "bars", "higher_bars"), quality)
    return MarketView(quote=quote, window=draw(st.sampled_from(_WINDOWS)), quality=told)


def _built(view: MarketView, *, as_of: datetime, price: Decimal | None, number: int = 1) -> MarketContext:
    return context_builder.build(a_signal(signal_id=UUID(int=number), price=price), view, as_of=as_of, rules=RULES)


@pytest.mark.property_id(2)
@given(view=_views(), as_of=_moments, price=_prices)
@settings(max_examples=200, deadline=None)
def test_every_context_says_for_each_field_either_a_value_or_why_there_is_none(
    view: MarketView, as_of: datetime, price: Decimal | None
) -> None:
    context = _built(view, as_of=as_of, price=price)

    values = {
        "bid": context.quote.bid,
        "ask": context.quote.ask,
        "last": context.quote.last,
        "current_price": context.current_price,
        "volume": context.volume,
        "bars": context.window.base,
        "higher_bars": context.window.higher,
    }
    absent = (Quality.MISSING, Quality.CROSSED)
    assert context.quality.keys() - {"price_jump"} == values.keys()
    assert {name for name, quality in context.quality.items() if quality in absent} == {
        name for name, value in values.items() if value is None
    }
    assert context.quote.bid is None or context.quote.ask is None or context.quote.bid <= context.quote.ask


@pytest.mark.property_id(3)
@given(view=_views(), as_of=_moments, price=_prices)
@settings(max_examples=100, deadline=None)
def test_the_same_market_gives_the_same_hash_to_any_signal_and_numbers_may_be_spelled_otherwise(
    view: MarketView, as_of: datetime, price: Decimal | None
) -> None:
    context = _built(view, as_of=as_of, price=price)
    spelled = replace(view, quote=replace(view.quote, last=_respelled(view.quote.last)))

    other = _built(spelled, as_of=as_of, price=_respelled(price), number=2)

    assert other.context_hash == context.context_hash
    assert replace(other, signal_id=context.signal_id) == context


def _respelled(price: Decimal | None) -> Decimal | None:
    return None if price is None else Decimal(f"{price:f}" + ("000" if "." in f"{price:f}" else ".000"))


@pytest.mark.property_id(5)
@given(view=_views(), as_of=_moments, price=_prices)
@settings(max_examples=100, deadline=None)
def test_a_stored_context_has_its_time_and_a_hash_that_recomputes_from_what_is_stored(
    view: MarketView, as_of: datetime, price: Decimal | None
) -> None:
    context = _built(view, as_of=as_of, price=price)
    stored = json.loads(
        json.dumps([context_builder.context_to_document(context), context_builder.window_to_document(view.window)])
    )

    read = context_builder.context_from_document(stored[0], window=context_builder.window_from_document(stored[1]))

    assert read == context
    assert read.as_of == as_of
    assert context_builder.hash_context_document(context_builder.context_to_document(read)) == context.context_hash
    assert context_builder.hash_window_document(context_builder.window_to_document(read.window)) == context.window_hash
