"""The alerts that benchmarks post, as the webhook reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from alerts.understand import understand
from bench import alerts
from domain.signal import Action, Direction, InstrumentKind, NewSignal, Source

AT = datetime(2026, 3, 4, 12, 17, 5, tzinfo=UTC)
ENOUGH = 2 * len(alerts.SYMBOLS) * alerts.STRATEGIES
SOURCE = Source(
    name="default",
    book="paper",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
)


def read(*, run: str = "run", count: int = ENOUGH) -> list[NewSignal]:
    found = [
        part for body in islice(alerts.generate_bodies(run=run, at=AT), count) for part in understand(body, SOURCE)
    ]
    return [one for one in found if isinstance(one, NewSignal)]


def test_every_alert_is_understood_as_the_entry_its_number_stands_for() -> None:
    signals = read()

    asked = [alerts.build_order(number) for number in range(ENOUGH)]
    assert [(one.symbol, one.strategy) for one in signals] == [(one.symbol, one.strategy) for one in asked]
    assert [one.direction is Direction.LONG for one in signals] == [one.is_buy for one in asked]
    assert {one.action for one in signals} == {Action.ENTRY}
    assert {str(one.timeframe) for one in signals} == {alerts.INTERVAL}


def test_no_two_alerts_are_one_signal_within_a_run_or_between_runs() -> None:
    signals = [*read(run="first"), *read(run="other")]

    assert len({one.content_hash for one in signals}) == 2 * ENOUGH
    assert not any(one.timeless for one in signals)


def test_no_alert_closes_what_another_one_opens() -> None:
    sides: dict[tuple[str, str], set[Direction]] = {}

    for one in read():
        sides.setdefault((one.symbol, one.strategy), set()).add(one.direction)

    assert {len(found) for found in sides.values()} == {1}
    assert set.union(*sides.values()) == set(Direction)


def test_an_alert_brings_the_bar_that_closed_before_it_fired() -> None:
    (signal,) = read(count=1)

    assert signal.bar is not None
    assert signal.bar.open_time == datetime(2026, 3, 4, 11, tzinfo=UTC)
    assert signal.event_at == AT
    assert signal.instrument_kind is InstrumentKind.SPOT
