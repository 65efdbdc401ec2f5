"""From an alert to the outcome of its model trade, by the product's rules and market data, over bars in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain import (
    context_builder,
    delayed_entries,
    exit_orders,
    exits,
    fills,
    market_prices,
    outcomes,
    trade_opening,
    trading_hours,
)
from domain.context import Bar, ContextDepth, MarketContext, PriceBasis, PriceSide, Quote
from domain.decision import DEFAULT_LATENCY_S, EngineSlot, Plan
from domain.exits import ExitReason
from domain.intervals import Interval
from domain.market_prices import AlertPrice, FillRequest
from domain.policy import ExecutionMode
from domain.ports import Exposure, Feed, MarketData, ViewRequest
from domain.risk import Limits
from domain.signal import Direction, Instrument, InstrumentKind, Signal
from domain.study import ExitClock
from domain.trade import MODEL_VENUE, Clock, ExitEvent, Fill, Order, Outcome, RealVenue, Trade
from domain.trade_opening import EntryTerms, Opening
from tests.support.builders.markets import BOOK, RULES, a_signal, a_stored_market
from tests.support.builders.trades import a_policy, an_answer
from venues.stored_market_data import StoredMarketData

COIN = Instrument(symbol="BTCUSD", exchange="", kind=InstrumentKind.SPOT)
Planner = Callable[[Signal, MarketContext], Plan | None]

_LATENCY = timedelta(seconds=float(DEFAULT_LATENCY_S))
_LIMITS = Limits(max_open_per_symbol=1)
_MODEL = fills.DEFAULT


@dataclass(frozen=True, kw_only=True)
class TimedAlert:
    """An alert that fires at any moment, with the price of that moment or without one."""

    at: datetime
    direction: Direction
    price: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class FilledOrder:
    """A fill, and the middle of the market by the quote that it was made on."""

    fill: Fill
    middle: Decimal

    @property
    def cost(self) -> Decimal:
        """What the fill model takes: half the spread, slippage, and the fee."""
        return abs(self.fill.price - self.middle) * self.fill.quantity + self.fill.fee


@dataclass(frozen=True, kw_only=True)
class MeasuredTrade:
    """A trade that was entered and closed, with its fills, the entry first, and its outcome on its own clock."""

    trade: Trade
    filled: tuple[FilledOrder, ...]
    outcome: Outcome

    @property
    def result_bps(self) -> Decimal:
        """P&L in basis points of what was bought or sold."""
        return self.outcome.pnl / self._notional * 10_000

    @property
    def cost_bps(self) -> Decimal:
        """What all fills cost, in basis points of what was bought or sold."""
        return sum((filled.cost for filled in self.filled), Decimal(0)) / self._notional * 10_000

    @property
    def entry_basis(self) -> PriceBasis:
        """Where the price of the entry came from."""
        return self.filled[0].fill.price_basis

    @property
    def _notional(self) -> Decimal:
        return self.trade.quantity * self.outcome.entry_price


def measure(
    market: MarketData, alert: TimedAlert, planner: Planner, *, ends_at: datetime, exit_at: TimedAlert | None = None
) -> MeasuredTrade | None:
    """Enter by an alert and hold until the plan, an exit alert or the end of the data closes the trade.

    None where no trade came of it.
    """
    opening = _enter(market, alert, planner, until=ends_at if exit_at is None else min(ends_at, exit_at.at))
    if opening is None or opening.order is None or opening.fill is None:
        return None
    events = list(_exit(market, opening.trade, ends_at=ends_at, exit_at=exit_at))
    filled = (_pair_with_quote(opening.order, opening.fill), *_fill(opening.trade, events))
    outcome = outcomes.compute_outcome(
        opening.trade,
        [one.fill for one in filled],
        clock=ExitClock.OWN,
        equals_own=True,
        reference_notional=RULES.reference_capital,
        exit_reason=events[-1].reason,
    )
    return MeasuredTrade(trade=opening.trade, filled=filled, outcome=outcome)


def _enter(market: MarketData, alert: TimedAlert, planner: Planner, *, until: datetime) -> Opening | None:
    """Return the model trade at the price of its decision, or of the first bar that opens by `until`."""
    signal = a_signal(
        symbol=COIN.symbol,
        instrument_kind=COIN.kind,
        direction=alert.direction,
        received_at=alert.at,
        price=alert.price,
        event_at=alert.at,
    )
    (view,) = market.views([ViewRequest(signal=signal, as_of=alert.at)])
    context = context_builder.build(signal, view, as_of=alert.at, rules=RULES)
    plan = planner(signal, context)
    decided_at = alert.at + _LATENCY
    quote = _ask(market, decided_at, until=decided_at, alert=market_prices.read_alert_price(signal))
    entry = EntryTerms(
        decided_at=decided_at, quote=quote, fill_by=trading_hours.compute_fill_deadline(COIN, decided_at)
    )
    planned = trade_opening.plan_trades(
        (an_answer(EngineSlot.A, plan), an_answer(EngineSlot.B, None)),
        signal=signal,
        context=context,
        policy=a_policy(ExecutionMode.SHADOW_ONLY),
        entries={EngineSlot.A: entry},
        exposures={},
        limits=_LIMITS,
        model=_MODEL,
        experiment_id=UUID(int=7),
        venue=RealVenue(name=MODEL_VENUE),
    )
    if not planned.openings:
        return None
    (opening,) = planned.openings
    return opening if opening.trade.fill_by is None else _enter_later(market, opening.trade, until=until)


def _enter_later(market: MarketData, trade: Trade, *, until: datetime) -> Opening | None:
    quote = _ask(market, trade.entry_at, until=min(until, trade.fill_by or until))
    if quote is None:
        return None
    return delayed_entries.enter_at_quote(
        trade,
        quote,
        exposure=Exposure(open_in_symbol=0),
        limits=_LIMITS,
        model=_MODEL,
        venue=RealVenue(name=MODEL_VENUE),
    )


def _ask(market: MarketData, at: datetime, *, until: datetime, alert: AlertPrice | None = None) -> Quote | None:
    """Ask for the first price at which an order of a moment could have been filled."""
    (quote,) = market.fill_quotes([FillRequest(book=BOOK, instrument=COIN, at=at, until=until, alert=alert)])
    return quote


def _exit(market: MarketData, trade: Trade, *, ends_at: datetime, exit_at: TimedAlert | None) -> Iterator[ExitEvent]:
    """Yield the exits of the plan, then that of the alert or of the end of the data."""
    closing, reason = None, ExitReason.END_OF_DATA
    if exit_at is not None:
        alert = None if exit_at.price is None else AlertPrice(price=exit_at.price, fired_at=exit_at.at)
        closing, reason = _ask(market, exit_at.at, until=ends_at, alert=alert), ExitReason.EXIT_SIGNAL
    if closing is None:
        closing, reason = market.quote(BOOK, COIN, at=ends_at).quote, ExitReason.END_OF_DATA
    bars = market.walk_bars(BOOK, COIN, after=trade.evaluated_to, until=closing.at)
    walked = exits.walk(trade, bars, model=_MODEL, until=closing.at)
    yield from walked.events
    if walked.state.remaining:
        left = replace(trade, walk=walked.state, evaluated_to=walked.evaluated_to)
        yield exits.build_closing_event(left, quote=closing, at=closing.at, reason=reason)


def _fill(trade: Trade, events: Sequence[ExitEvent]) -> Iterator[FilledOrder]:
    closed = Decimal(0)
    for leg, event in enumerate(events, start=1):
        quantity = exit_orders.compute_exit_quantity(
            event, quantity=trade.quantity, lot=trade.lot, already_closed=closed
        )
        order = exit_orders.build_exit_order(
            trade, event, clock=Clock.OWN, leg=leg, quantity=quantity, venue=MODEL_VENUE
        )
        fill = fills.fill_order_by_model(order, model=_MODEL)
        assert fill is not None
        closed += quantity
        yield _pair_with_quote(order, fill)


def _pair_with_quote(order: Order, fill: Fill) -> FilledOrder:
    assert order.quote.last is not None
    return FilledOrder(fill=fill, middle=order.quote.last)


def stored_bars(bars_by_interval: Mapping[Interval, Sequence[Bar]], *, depth: int = 1) -> StoredMarketData:
    """Build market data of the coin, whose snapshots show as many bars as told."""
    series = {
        Feed(book=BOOK, instrument=COIN, interval=interval, side=PriceSide.MID): list(bars)
        for interval, bars in bars_by_interval.items()
    }
    return a_stored_market(series, depth=ContextDepth(base=depth, higher=1))
