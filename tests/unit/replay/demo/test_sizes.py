"""What decides the sizes of the demo's trades: their risk, not the cap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from alerts import understand
from domain import context_builder
from domain.context import InstrumentRules
from domain.instruments import default_lot
from domain.ports import Feed, ViewRequest
from domain.signal import InstrumentKind, NewSignal
from engines import sizing
from replay import alert_files, bar_files, demo
from replay.demo import DemoPart
from tests.support.builders.markets import BOOK, a_signal, a_stored_market
from tests.unit.replay.demo.test_demo import SOURCE

_CAPITAL = Decimal(100_000)
_MULTIPLIERS = {InstrumentKind.FUTURE: Decimal(50), InstrumentKind.FOREX: Decimal(1)}


@pytest.mark.parametrize("part", demo.PARTS, ids=lambda part: part.symbol)
def test_more_than_half_of_the_sizes_come_from_the_risk_and_not_from_the_cap(part: DemoPart) -> None:
    sizes = list(_iterate_sizes(part))

    below_cap = [quantity for quantity, most in sizes if quantity < most]

    assert len(sizes) > 50
    assert len(below_cap) > len(sizes) / 2


def _iterate_sizes(part: DemoPart) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield for each entry alert its full size, and the largest that the cap allows in whole lots."""
    file = bar_files.inspect_bar_file(bar_files.parse_spec(part.bars_spec))
    instrument = file.spec.instrument
    feed = Feed(book=BOOK, instrument=replace(instrument, exchange=""), interval=file.interval, side=file.spec.side)
    market = a_stored_market({feed: list(bar_files.read_bars(file))})
    rules = InstrumentRules(
        lot=default_lot(instrument.kind),
        reference_capital=_CAPITAL,
        max_notional=_CAPITAL * demo.MAX_LEVERAGE,
        currency="USD",
        multiplier=_MULTIPLIERS[instrument.kind],
    )
    for alert in alert_files.read_alert_file(part.alerts).alerts:
        (read,) = understand.understand(alert.body, SOURCE)
        assert isinstance(read, NewSignal)
        signal = a_signal(
            symbol=read.symbol,
            instrument_kind=read.instrument_kind,
            direction=read.direction,
            timeframe=read.timeframe,
            received_at=alert.fired_at,
            event_at=alert.fired_at,
            price=read.price,
        )
        (view,) = market.views([ViewRequest(signal=signal, as_of=alert.fired_at)])
        context = context_builder.build(signal, view, as_of=alert.fired_at, rules=rules)
        plan = sizing.size_entry(signal, context, share=Decimal(1)).plan
        assert plan is not None
        assert context.current_price is not None
        most = rules.max_notional / (context.current_price * _MULTIPLIERS[instrument.kind])
        yield plan.quantity, most // rules.lot * rules.lot
