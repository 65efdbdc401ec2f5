"""The identity of an alert: what may change without making another signal of it, and what may not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.understand import DIALECTS, understand
from db import intake
from domain.signal import NewSignal, Source, signal_id_for

SOURCE = Source(
    name="desk",
    book="paper",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
)

# Without letters: words are read wherever they stand, and some make an alert one that is refused.
plain_text = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Lu", "Ll"]), max_size=12)
numbers = st.integers(-(10**12), 10**12) | st.decimals(-1000, 1000, places=4, allow_nan=False, allow_infinity=False)
leaves = plain_text | numbers | st.booleans() | st.none()
extras = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,6}", fullmatch=True),
    leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.sampled_from(["p", "q"]), leaves, max_size=2),
    max_size=5,
)
prices = st.decimals("0.0001", 100_000, places=4, allow_nan=False, allow_infinity=False)
moments = st.integers(1_500_000_000, 1_800_000_000)


@st.composite
def alerts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an unambiguous alert with some fields nobody reads."""
    alert: dict[str, Any] = {"symbol": draw(st.sampled_from(["BTCUSDT", "ES1!", "EURUSD"]))}
    alert["action"] = draw(st.sampled_from(["buy", "short", "exit_long"]))
    for name, values in (("price", prices), ("time", moments), ("id", st.integers(0, 99) | plain_text)):
        if draw(st.booleans()):
            alert[name] = draw(values)
    return alert | draw(extras)


def spelled(draw: st.DrawFn, value: Any, *, key: str = "") -> str:
    """Write a value as JSON with drawn blanks, key order and number spellings."""
    blank = draw(st.sampled_from(["", " ", "\n", "\t "]))
    if isinstance(value, dict):
        pairs = draw(st.permutations(sorted(value.items())))
        inside = f",{blank}".join(f"{json.dumps(name)}{blank}:{spelled(draw, one, key=name)}" for name, one in pairs)
        return f"{blank}{{{inside}}}{blank}"
    if isinstance(value, list):
        return f"[{blank}" + ",".join(spelled(draw, one, key=key) for one in value) + f"]{blank}"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return number_spelled(draw, Decimal(value), may_be_text=key != "id")
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def number_spelled(draw: st.DrawFn, number: Decimal, *, may_be_text: bool) -> str:
    """Write a number as itself, with zeros behind it, as a power of ten, and perhaps as text."""
    fixed = format(number, "f")
    padded = f"{fixed}000" if "." in fixed else f"{fixed}.0"
    written = draw(st.sampled_from([fixed, padded, f"{fixed}e0", f"{padded}E+00"]))
    return f'"{written}"' if may_be_text and draw(st.booleans()) else written


@st.composite
def two_spellings(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw one alert in two spellings."""
    alert = draw(alerts())
    return spelled(draw, alert).encode(), spelled(draw, alert).encode()


def understood(body: bytes) -> NewSignal:
    [found] = understand(body, SOURCE)
    assert isinstance(found, NewSignal), found
    return found


def encoded(alert: dict[str, Any]) -> bytes:
    return json.dumps(alert, default=str).encode()


@pytest.mark.property_id(38)
@settings(max_examples=300, deadline=None)
@given(two_spellings())
def test_key_order_blanks_and_number_spelling_do_not_change_the_hash(bodies: tuple[bytes, bytes]) -> None:
    first, second = map(understood, bodies)

    assert first.content_hash == second.content_hash
    assert first.timeless == second.timeless


@pytest.mark.property_id(38)
@settings(max_examples=200, deadline=None)
@given(
    alerts(), st.sampled_from(["time", "price", "comment", "order_id", "id", "symbol", "action", "interval"]), st.data()
)
def test_another_bar_or_order_changes_the_hash(alert: dict[str, Any], field: str, data: st.DataObject) -> None:
    others: dict[str, list[Any]] = {
        "time": [1_400_000_000, 1_400_000_060],
        "price": ["0.00005", 200_000],
        "comment": ["a", "1.1", "1.10"],
        "order_id": ["L1", "L1.0", 7],
        "id": ["other", "2.10", "2.1"],
        "symbol": ["SOLUSDT", "BTCUSDT.P"],
        "action": ["long_exit", "exit_short"],
        "interval": ["5", "15"],
    }
    changes = data.draw(st.lists(st.sampled_from(others[field]), min_size=2, max_size=2, unique_by=str))

    hashes = {understood(encoded(alert | {field: change})).content_hash for change in changes}
    same_action = {understood(encoded(alert | {field: change})).direction for change in changes}

    assert len(hashes) == 2 or (field == "action" and len(same_action) == 1)


@pytest.mark.property_id(38)
@settings(max_examples=100, deadline=None)
@given(alerts(), alerts())
def test_two_alerts_share_a_hash_only_when_they_ask_for_the_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = understood(encoded(first)), understood(encoded(second))

    if one.content_hash == other.content_hash:
        for name in ("symbol", "direction", "action", "timestamp", "price"):
            assert getattr(one, name) == getattr(other, name)


@settings(max_examples=100, deadline=None)
@given(alerts(), st.integers(0, 5), st.integers(0, 5))
def test_book_source_and_occurrence_are_part_of_the_signal_id(alert: dict[str, Any], first: int, second: int) -> None:
    content = understood(encoded(alert)).content_hash

    ids = [
        signal_id_for(
            book="paper", source="s", signal_hash=intake.compute_signal_hash(content, source="s", occurrence=occurrence)
        )
        for occurrence in (first, second)
    ]

    assert (ids[0] == ids[1]) == (first == second)
    assert signal_id_for(book="test", source="s", signal_hash=content) != signal_id_for(
        book="paper", source="s", signal_hash=content
    )


@pytest.mark.property_id(39)
@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(plain_text, inner)).map(
        lambda value: json.dumps(value, default=str).encode()
    )
    | st.builds(
        lambda body, at, noise: body[:at] + noise + body[at:],
        alerts().map(encoded),
        st.integers(0, 80),
        st.binary(max_size=4),
    )
)
def test_no_bytes_at_all_crash_the_parser_and_none_vanish(body: bytes) -> None:
    found = understand(body, SOURCE)

    assert found
    for part in found:
        assert isinstance(part, NewSignal) or (part.errors and all(part.errors.values()))


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Draw a dialect, a message in it, and what it must be read as."""
    price, at = draw(prices), draw(moments)
    side, order = draw(st.sampled_from([("long", "buy"), ("short", "sell")]))
    read: dict[str, Any] = {"symbol": "BTCUSDT", "direction": side, "action": "entry", "price": price, "at": at}
    flips = {"long": "bullish", "short": "bearish"}
    written: dict[str, Any]
    match draw(st.sampled_from([dialect.name for dialect in DIALECTS])):
        case "hackingthemarkets":
            bar = {"time": at, "open": price, "high": price, "low": price, "close": price, "volume": 1}
            strategy = {"order_action": order, "order_price": price, "market_position": side}
            written = {"ticker": "BTCUSDT", "bar": bar, "strategy": strategy | {"prev_market_position": "flat"}}
            return "hackingthemarkets", written, read
        case "traderspost":
            written = {"ticker": "BTCUSDT", "action": order, "sentiment": flips[side], "price": price, "time": at}
            return "traderspost", written, read
        case "tradex":
            written = {"PIN": "1", "ID": "a", "SYMBOL": "BTCUSDT", "SIDE": side, "PRICE": price, "TIME": at}
            return "tradex", written, read
        case "dual_engine":
            written = {"meta": {"ticker": "BTCUSDT"}, "bias": flips[side], "price": price, "timestamp": at}
            return "dual_engine", written, read
        case _:
            return "general", {"pair": "BTC/USDT", "side": side, "last": price, "time": at}, read


@pytest.mark.property_id(39)
@settings(max_examples=200, deadline=None)
@given(messages())
def test_every_dialect_round_trips(drawn: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    dialect, written, read = drawn

    signal = understood(encoded(written))

    assert signal.dialect == dialect
    assert signal.timestamp is not None
    assert read == {
        "symbol": signal.symbol,
        "direction": signal.direction.value,
        "action": signal.action.value,
        "price": signal.price,
        "at": int(signal.timestamp.timestamp()),
    }
