"""What an alert closes among the open trades of its source, and what it leaves open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.decision import EngineSlot
from domain.exit_matching import ClosingAlert, ExitResult, OpenTrade, TradeKey, match
from domain.signal import Action, Direction, Instrument, InstrumentKind, Position, Signal, Stage
from domain.stated_times import StatedTime

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
BTC = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)


def an_exit(*, knows_entry: bool = True, fired_s: int | None = None, **changes: Any) -> ClosingAlert:
    values: dict[str, Any] = {
        "signal_id": uuid4(),
        "book": "paper",
        "source": "desk",
        "strategy": "",
        "symbol": "BTCUSDT",
        "exchange": "BINANCE",
        "instrument_kind": InstrumentKind.SPOT,
        "direction": Direction.LONG,
        "action": Action.EXIT,
        "timeframe": None,
        "timestamp": None,
        "received_at": NOON,
        "price": None,
        "confidence": None,
        "signal_hash": "hash",
        "flags": (),
        "is_test": False,
        "stage": Stage.DISPATCHED,
        "attempts": 0,
    }
    return ClosingAlert(
        signal=Signal(**values | changes), stated=a_time(arrived_s=0, fired_s=fired_s), knows_entry=knows_entry
    )


def a_time(*, arrived_s: int, fired_s: int | None = None) -> StatedTime:
    fired_at = None if fired_s is None else NOON + timedelta(seconds=fired_s)
    return StatedTime(fired_at=fired_at, bar_at=None, timeframe=None, arrived_at=NOON + timedelta(seconds=arrived_s))


def a_pair(*, arrived_s: int = -3600, fired_s: int | None = None, **changes: Any) -> list[OpenTrade]:
    """Return an open model trade with its real one."""
    key = TradeKey(strategy="", instrument=BTC)
    model = OpenTrade(
        trade_id=uuid4(),
        experiment_id=uuid4(),
        engine=EngineSlot.A,
        is_shadow=True,
        key=key,
        side=Direction.LONG,
        entry=a_time(arrived_s=arrived_s, fired_s=fired_s),
        can_close=True,
        is_closing=False,
    )
    model = replace(model, **changes)
    return [model, replace(model, trade_id=uuid4(), is_shadow=False, can_close=False)]


def test_an_exit_closes_every_model_trade_of_its_key() -> None:
    first, second = a_pair(), a_pair()

    found = match(an_exit(), [*first, *second])

    assert (found.result, found.closes) == (ExitResult.CLOSES, (first[0].trade_id, second[0].trade_id))
    assert not found.is_loose


def test_a_trade_that_is_closing_is_neither_closed_again_nor_missed() -> None:
    model, real = a_pair()

    found = match(an_exit(), [replace(model, can_close=False), replace(real, is_closing=True)])

    assert (found.result, found.closes, found.missed) == (ExitResult.CLOSES, (), ())


@pytest.mark.parametrize("knows_entry", [False, True])
def test_another_key_is_closed_only_when_the_own_one_never_had_an_entry(knows_entry: bool) -> None:
    other = TradeKey(strategy="", instrument=replace(BTC, exchange=""))
    model, real = a_pair(key=other)

    found = match(an_exit(knows_entry=knows_entry), [model, real])

    if knows_entry:
        assert (found.result, found.missed) == (ExitResult.MISSED, (real,))
    else:
        assert (found.result, found.closes, found.differs) == (ExitResult.CLOSES, (model.trade_id,), ("exchange",))


def test_keys_without_anything_left_open_are_no_candidates() -> None:
    closing = a_pair(key=TradeKey(strategy="x", instrument=BTC), can_close=False)
    closing[1] = replace(closing[1], is_closing=True)
    model, real = a_pair(key=TradeKey(strategy="y", instrument=BTC))

    found = match(an_exit(knows_entry=False), [*closing, model, real])

    assert found.closes == (model.trade_id,)


def test_a_stale_exit_closes_nothing_and_misses_the_trade_it_is_later_than() -> None:
    model, real = a_pair(arrived_s=-3600, fired_s=-3600)

    found = match(an_exit(flags=("stale",), fired_s=-1800), [model, real])

    assert (found.result, found.closes, found.missed) == (ExitResult.MISSED, (), (real,))


@pytest.mark.parametrize("flags", [(), ("stale",)])
def test_an_exit_that_fired_before_the_entry_is_outdated(flags: tuple[str, ...]) -> None:
    found = match(an_exit(flags=flags, fired_s=-7200), a_pair(arrived_s=-3600, fired_s=-3600))

    assert (found.result, found.closes, found.missed) == (ExitResult.OUTDATED, (), ())


def test_nothing_open_is_said() -> None:
    assert match(an_exit(), []).result is ExitResult.NOTHING_OPEN


@pytest.mark.parametrize(
    ("entry_s", "position_after", "is_missed"),
    [(-10, None, False), (-10, Position.FLAT, True), (-61, None, True)],
)
def test_an_exit_of_the_side_that_was_just_reversed_is_explained(
    entry_s: int, position_after: Position | None, *, is_missed: bool
) -> None:
    pair = a_pair(arrived_s=entry_s, side=Direction.SHORT)

    found = match(an_exit(position_after=position_after), pair)

    assert (found.missed == (pair[1],)) is is_missed


def test_an_entry_misses_the_opposite_trade_of_its_strategy_only() -> None:
    opposite, other = (
        a_pair(key=TradeKey(strategy=strategy, instrument=replace(BTC, exchange="")), side=Direction.SHORT)
        for strategy in ("mine", "other")
    )

    found = match(an_exit(action=Action.ENTRY, strategy="mine"), [*opposite, *other])

    assert found.missed == (opposite[1],)


@pytest.mark.parametrize(("strategy", "is_missed"), [("", True), ("mine", True), ("other", False)])
def test_a_trade_of_the_same_strategy_under_another_label_is_missed_beside_what_is_closed(
    strategy: str, *, is_missed: bool
) -> None:
    closed = a_pair(key=TradeKey(strategy="mine", instrument=BTC))
    beside = a_pair(key=TradeKey(strategy=strategy, instrument=replace(BTC, exchange="")))

    found = match(an_exit(strategy="mine"), [*closed, *beside])

    assert (found.result, found.closes) == (ExitResult.CLOSES, (closed[0].trade_id,))
    assert (found.missed == (beside[1],)) is is_missed


def test_a_trade_whose_entry_came_after_the_exit_is_not_closed_by_it() -> None:
    found = match(an_exit(), a_pair(arrived_s=0, came_later=True))

    assert (found.result, found.closes, found.missed) == (ExitResult.OUTDATED, (), ())
