"""How a view becomes a context, and how contexts and windows are written and read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain import context_builder, indicators, snapshot_prices
from domain.context import ContextDepth, MarketContext, MarketView, Quality, Quote, Window
from tests.support.builders.markets import RULES, START, a_signal, a_walk, a_window, minutes

_AS_OF = START + minutes(300)
_EMPTY = Window(base=None, higher=None)


def _price(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def a_view(
    bid: str | None = None, ask: str | None = None, last: str | None = None, *, window: Window = _EMPTY
) -> MarketView:
    quote = Quote(at=_AS_OF, bid=_price(bid), ask=_price(ask), last=_price(last), quality=Quality.REPLAY)
    quality = dict.fromkeys(("bid", "ask", "last", "volume", "bars", "higher_bars"), Quality.REPLAY)
    return MarketView(quote=quote, window=window, quality=quality)


def build_context(view: MarketView, **signal: Any) -> MarketContext:
    return context_builder.build(a_signal(**signal), view, as_of=_AS_OF, rules=RULES)


@pytest.mark.parametrize(
    ("quote", "alert", "price", "quality"),
    [
        (("1.10", "1.12", "9"), "8", "1.11", Quality.REPLAY),
        ((None, "1.12", "1.115"), "8", "1.115", Quality.REPLAY),
        (("1.10", None, None), "8", "1.10", Quality.REPLAY),
        ((None, "1.12", None), "8", "1.12", Quality.REPLAY),
        ((None, None, None), "1.2", None, Quality.MISSING),
        ((None, None, None), None, None, Quality.MISSING),
        (("1.12", "1.10", "1.11"), "8", "1.11", Quality.REPLAY),
        (("1.12", "1.10", None), "1.2", None, Quality.MISSING),
    ],
)
def test_the_current_price_is_the_best_that_is_known(
    quote: tuple[str | None, str | None, str | None], alert: str | None, price: str | None, quality: Quality
) -> None:
    context = build_context(a_view(*quote), price=_price(alert))

    assert context.current_price == _price(price)
    assert context.quality["current_price"] is quality


def test_a_mid_is_only_as_good_as_its_worse_side() -> None:
    view = a_view("1.10", "1.12")
    view.quality["ask"] = Quality.DELAYED

    context = build_context(view)

    assert context.quality["current_price"] is Quality.DELAYED


def test_an_ask_below_the_bid_makes_both_missing_and_says_crossed() -> None:
    context = build_context(a_view("1.12", "1.10"))

    assert (context.quote.bid, context.quote.ask) == (None, None)
    assert context.quality["bid"] is context.quality["ask"] is context.quote.quality is Quality.CROSSED


def test_equal_bid_and_ask_are_not_crossed() -> None:
    context = build_context(a_view("1.10", "1.10"))

    assert context.current_price == Decimal("1.10")
    assert context.quality["bid"] is Quality.REPLAY


def test_what_is_not_known_is_marked_missing_whatever_the_provider_told() -> None:
    context = build_context(a_view("1.10"))

    assert {name for name, quality in context.quality.items() if quality is Quality.MISSING} == {
        "ask",
        "last",
        "volume",
        "bars",
        "higher_bars",
    }


def test_the_volume_is_the_last_closed_bars() -> None:
    bars = a_walk(5)

    context = build_context(a_view("1.10", window=a_window(bars)))

    assert context.volume == bars[-1].volume
    assert context.quality["volume"] is Quality.REPLAY


def test_a_context_carries_the_indicators_of_its_window() -> None:
    window = a_window(a_walk(250), a_walk(60, step="5m"))

    context = build_context(a_view("1.10", window=window))

    assert context.indicators == indicators.compute(window)


def test_many_signals_on_one_window_compute_its_indicators_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[Window] = []
    genuine = indicators.compute

    def compute_and_count(window: Window) -> indicators.Values:
        computed.append(window)
        return genuine(window)

    monkeypatch.setattr(indicators, "compute", compute_and_count)
    window = a_window(a_walk(250))

    contexts = [build_context(a_view("1.10", window=window), signal_id=UUID(int=n)) for n in range(64)]

    assert len(computed) == 1
    assert len({context.context_hash for context in contexts}) == 1


def test_changing_one_contexts_indicators_leaves_its_neighbours_alone() -> None:
    window = a_window(a_walk(30))

    first = build_context(a_view("1.10", window=window))
    first.indicators["close"] = None
    second = build_context(a_view("1.10", window=window))

    assert second.indicators["close"] is not None


def test_windows_with_equal_bars_have_equal_hashes_and_other_bars_have_another() -> None:
    bars = a_walk(30)
    changed = [*bars[:-1], replace(bars[-1], close=bars[-1].close + 1)]

    hashes = [build_context(a_view(window=a_window(series))).window_hash for series in (bars, list(bars), changed)]

    assert hashes[0] == hashes[1] != hashes[2]


_BASE = a_view("1.10", "1.12", window=a_window(a_walk(30)))


@pytest.mark.parametrize(
    ("view", "as_of", "rules", "signal"),
    [
        (replace(_BASE, quote=replace(_BASE.quote, bid=Decimal("1.101"))), _AS_OF, RULES, {}),
        (replace(_BASE, quality=_BASE.quality | {"bid": Quality.DELAYED}), _AS_OF, RULES, {}),
        (replace(_BASE, window=a_window(a_walk(29))), _AS_OF, RULES, {}),
        (replace(_BASE, depth=ContextDepth(base=251, higher=100)), _AS_OF, RULES, {}),
        (_BASE, _AS_OF + timedelta(microseconds=1), RULES, {}),
        (_BASE, _AS_OF, replace(RULES, lot=Decimal("0.1")), {}),
        (_BASE, _AS_OF, RULES, {"symbol": "GBPUSD"}),
    ],
)
def test_whatever_an_engine_can_see_changes_the_hash(
    view: MarketView, as_of: Any, rules: Any, signal: dict[str, Any]
) -> None:
    original = context_builder.build(a_signal(), _BASE, as_of=_AS_OF, rules=RULES)

    other = context_builder.build(a_signal(**signal), view, as_of=as_of, rules=rules)

    assert other.context_hash != original.context_hash


def test_stored_documents_give_back_the_context_and_their_hashes_recompute() -> None:
    window = a_window(a_walk(250), a_walk(60, step="5m"))
    context = build_context(a_view("1.10", None, "1.11", window=window))
    stored_window = json.loads(json.dumps(context_builder.window_to_document(window)))
    stored = json.loads(json.dumps(context_builder.context_to_document(context)))

    read = context_builder.context_from_document(stored, window=context_builder.window_from_document(stored_window))

    assert read == context
    assert context_builder.hash_window_document(stored_window) == context.window_hash
    assert context_builder.hash_context_document(stored) == context.context_hash


def test_a_context_without_anything_known_is_written_and_read_too() -> None:
    context = build_context(a_view())
    stored_window = json.loads(json.dumps(context_builder.window_to_document(_EMPTY)))
    stored = json.loads(json.dumps(context_builder.context_to_document(context)))

    assert (
        context_builder.context_from_document(stored, window=context_builder.window_from_document(stored_window))
        == context
    )


@pytest.mark.parametrize("path", [("current_price",), ("quote", "bid"), ("indicators", "close"), ("rules", "lot")])
def test_a_stored_context_that_was_tampered_with_does_not_fit_its_hash(path: tuple[str, ...]) -> None:
    context = build_context(_BASE)
    document = context_builder.context_to_document(context)
    inner: dict[str, Any] = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = "1.1000001"

    assert context_builder.hash_context_document(document) != context.context_hash


def test_bars_are_stored_as_compact_rows() -> None:
    document = context_builder.window_to_document(a_window(a_walk(1, seed=2)))

    row = document["base"]["bars"][0]

    assert row[0] == "2026-01-05T00:00:00.000000Z"
    assert len(row) == 6
    assert document["higher"] is None


def test_the_worst_quality_wins_and_none_is_missing() -> None:
    assert snapshot_prices.find_worst_quality(Quality.REPLAY, Quality.DELAYED) is Quality.DELAYED
    assert snapshot_prices.find_worst_quality() is Quality.MISSING
