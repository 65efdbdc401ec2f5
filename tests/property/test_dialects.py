"""Every dialect reads what was written in it, and no bytes at all break the reading (properties 38, 39)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.understand import DIALECT_NAMES, UnreadableAlert, understand
from domain.signal import Action, Direction, NewSignal, Position
from tests.unit.alerts.other_formats import BROKEN
from tests.unit.alerts.test_formats import FORMATS, SOURCE, UNCLEAR

MESSAGES = [one[1] for one in FORMATS] + [one[1] for one in BROKEN + UNCLEAR]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an alert is to say."""

    symbol: str
    direction: Direction
    action: Action
    price: Decimal

    @property
    def order(self) -> str:
        """The order that does it: buy or sell."""
        return "buy" if (self.direction is Direction.LONG) is (self.action is Action.ENTRY) else "sell"

    @property
    def after(self) -> str:
        """The position afterwards, in words."""
        return self.direction.value if self.action is Action.ENTRY else "flat"

    @property
    def before(self) -> str:
        """The position before, in words."""
        return "flat" if self.action is Action.ENTRY else self.direction.value

    @property
    def positions(self) -> tuple[Position, Position]:
        """The positions before and after the order."""
        return Position(self.before), Position(self.after)

    @property
    def words(self) -> str:
        """The action with its side: enter_long, exit_short, ..."""
        return f"{'enter' if self.action is Action.ENTRY else 'exit'}_{self.direction.value}"

    @property
    def share(self) -> str:
        """How much of the capital is put in, or of the position is closed: all of it."""
        return "5%" if self.action is Action.ENTRY else "100%"

    @property
    def size_after(self) -> int:
        """The position afterwards, as a signed size."""
        return self.direction.sign * 3 if self.action is Action.ENTRY else 0


def as_json(document: object) -> str:
    return json.dumps(document)


WRITERS: dict[str, Callable[[Wanted], str]] = {
    "hackingthemarkets": lambda one: as_json(
        {
            "ticker": one.symbol,
            "bar": {"close": str(one.price)},
            "strategy": {
                "order_action": one.order,
                "order_price": str(one.price),
                "market_position": one.after,
                "prev_market_position": one.before,
            },
        }
    ),
    "three_commas": lambda one: as_json(
        {"secret": "s", "tv_instrument": one.symbol, "trigger_price": str(one.price), "action": one.words}
    ),
    "pineconnector": lambda one: f"60123456,{one.words.replace('_', '')},{one.symbol},price={one.price}",
    "nested": lambda one: as_json(
        {
            "key": "k",
            "data": {
                "strategy-order-action": one.order,
                "ticker": one.symbol,
                "price": str(one.price),
                "strategy-market_position": one.after,
                "strategy-prev_market_position": one.before,
            },
        }
    ),
    "openalgo": lambda one: as_json(
        {
            "apikey": "k",
            "symbol": one.symbol,
            "action": one.order.upper(),
            "position_size": str(one.size_after),
            "price": str(one.price),
        }
    ),
    "strategy_sentence": lambda one: (
        f"Waves (14): order {one.order} @ 3 filled on {one.symbol}. New strategy position is {one.size_after}"
    ),
    "piped": lambda one: f"k|waves|{one.words}|{one.symbol}",
    "traderspost": lambda one: as_json(
        {"ticker": one.symbol, "action": one.order, "sentiment": one.after, "price": str(one.price)}
    ),
    "tradex": lambda one: as_json(
        {"PIN": "1", "ID": "a", "SYMBOL": one.symbol, "SIDE": one.words, "PRICE": str(one.price)}
    ),
    "octobot": lambda one: f"SYMBOL={one.symbol};SIGNAL={one.words};VOLUME=1;PRICE={one.price}",
    "thibaultyou": lambda one: as_json(
        {"symbol": one.symbol, "direction": one.words, "size": one.share, "price": str(one.price)}
    ),
    "dual_engine": lambda one: as_json(
        {"meta": {"ticker": one.symbol}, "signal": {"direction": one.words}, "price": str(one.price)}
    ),
    "general": lambda one: as_json({"symbol": one.symbol, "action": one.words, "price": str(one.price)}),
}
WITHOUT_PRICE = {"strategy_sentence", "piped"}
# Dialects whose messages tell where the strategy stood: before and after, or after only.
TELL_BOTH, TELL_AFTER = {"hackingthemarkets", "nested"}, {"traderspost", "openalgo", "strategy_sentence"}

wishes = st.builds(
    Wanted,
    symbol=st.from_regex(r"[B-DF-HJ-NP-TV-Z]{3,6}USDT", fullmatch=True),
    direction=st.sampled_from(Direction),
    action=st.sampled_from(Action),
    price=st.decimals("0.0001", "1000000", places=4),
)


@pytest.mark.property_id(39)
@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@given(wanted=wishes)
def test_what_is_written_in_a_dialect_is_read_as_it_was_meant(dialect: str, wanted: Wanted) -> None:
    [signal] = understand(WRITERS[dialect](wanted).encode(), SOURCE)

    assert isinstance(signal, NewSignal), signal
    assert signal.dialect == dialect
    assert (signal.symbol, signal.direction, signal.action) == (wanted.symbol, wanted.direction, wanted.action)
    assert signal.price == (None if dialect in WITHOUT_PRICE else wanted.price)
    before, after = wanted.positions
    assert signal.position_before is (before if dialect in TELL_BOTH else None)
    assert signal.position_after is (after if dialect in TELL_BOTH | TELL_AFTER else None)
    assert signal.sequence is None


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a message with some of its bytes taken away, doubled or replaced."""
    body = draw(st.sampled_from(MESSAGES)).encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 6)))
        body = body[:start] + draw(st.one_of(st.binary(max_size=6), st.just(body[start:end] * 2))) + body[end:]
    return body


@pytest.mark.property_id(39)
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda one: one.encode()), damaged()))
def test_whatever_the_bytes_each_part_is_a_signal_or_refused_with_its_bytes(body: bytes) -> None:
    found = understand(body, SOURCE)

    assert found
    for one in found:
        if isinstance(one, UnreadableAlert):
            assert one.errors
        else:
            assert one.raw_body
            assert {"symbol", "action"} <= one.read_from.keys()


@pytest.mark.property_id(39)
@given(wanted=wishes, number=st.integers(0, 2**53), name=st.sampled_from(["sequence", "seq", "alert_no"]))
def test_a_number_among_the_alerts_is_read_and_changes_nothing_else(wanted: Wanted, number: int, name: str) -> None:
    said = {"symbol": wanted.symbol, "action": wanted.words, "price": str(wanted.price), "id": "7"}

    [plain] = understand(as_json(said).encode(), SOURCE)
    [counted] = understand(as_json(said | {name: str(number)}).encode(), SOURCE)

    assert isinstance(plain, NewSignal)
    assert isinstance(counted, NewSignal)
    assert (plain.sequence, counted.sequence) == (None, number)
    assert plain.content_hash == counted.content_hash
    assert (plain.direction, plain.action) == (counted.direction, counted.action)


@pytest.mark.property_id(38)
@given(
    wanted=wishes, order=st.permutations(["symbol", "action", "price", "timenow"]), indent=st.sampled_from([None, 1, 4])
)
def test_the_order_of_the_fields_and_the_form_of_the_text_do_not_change_what_alert_it_is(
    wanted: Wanted, order: list[str], indent: int | None
) -> None:
    said = {
        "symbol": wanted.symbol,
        "action": wanted.words,
        "price": str(wanted.price),
        "timenow": "2026-03-04T12:00:00Z",
    }

    [plain] = understand(json.dumps(said).encode(), SOURCE)
    [other] = understand(json.dumps({name: said[name] for name in order}, indent=indent).encode(), SOURCE)
    [lines] = understand("\n".join(f"{name}={said[name]}" for name in order).encode(), SOURCE)

    assert isinstance(plain, NewSignal)
    assert isinstance(other, NewSignal)
    assert isinstance(lines, NewSignal)
    assert plain.content_hash == other.content_hash == lines.content_hash
