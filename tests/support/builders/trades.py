"""Builders of trades, bars, orders and fills: every value has a default, a test names what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from domain.context import (
    Bar,
    BarSeries,
    InstrumentRules,
    MarketContext,
    PriceBasis,
    PriceSide,
    Quality,
    Quote,
    Window,
)
from domain.decision import Decision, EngineAnswer, EngineSlot, Plan, Target, Trailing, Verdict
from domain.fills import build_trade_quote
from domain.intervals import Interval
from domain.money import Conversion, Denomination
from domain.policy import ExecutionMode, ExecutionPolicy
from domain.ports import WalkBars
from domain.signal import Action, Direction, Instrument, InstrumentKind, Signal, Stage
from domain.study import ExitClock, Study
from domain.trade import (
    Clock,
    Fill,
    Intent,
    Order,
    Pricing,
    QuoteBasis,
    Trade,
    TradeStatus,
    WalkState,
    client_order_id_for,
    order_id_for,
)
from domain.trade_opening import EntryTerms

MONDAY = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXPERIMENT_ID = UUID(int=7)
INSTRUMENT = Instrument(symbol="BTCUSD", exchange="KRAKEN", kind=InstrumentKind.SPOT)
ONE_MINUTE = Interval.parse("1m")
IN_DOLLARS = Denomination(currency="USD", multiplier=Decimal(1), conversion=Conversion.SAME, rate=Decimal(1))


def dec(value: str | int | Decimal) -> Decimal:
    """Read a decimal."""
    return Decimal(value)


def minute(number: int) -> datetime:
    """Return the moment `number` minutes after Monday 10:00 UTC."""
    return MONDAY + number * MINUTE


def a_plan(
    side: Direction = Direction.LONG,
    *,
    quantity: str = "10",
    stop: str | None = None,
    targets: Sequence[tuple[str, str]] = (),
    trailing: tuple[str, str] | None = None,
    max_hold: timedelta = timedelta(hours=8),
) -> Plan:
    """Make a plan around a price of 100: targets as (price, fraction), trailing as (activation, distance)."""
    return Plan(
        side=side,
        quantity=dec(quantity),
        stop=dec(stop or ("95" if side is Direction.LONG else "105")),
        targets=tuple(Target(price=dec(price), fraction=dec(fraction)) for price, fraction in targets),
        trailing=None if trailing is None else Trailing(activation=dec(trailing[0]), distance=dec(trailing[1])),
        max_hold=max_hold,
    )


def a_trade(plan: Plan | None = None, *, engine: EngineSlot = EngineSlot.A, **changes: Any) -> Trade:
    """Make an open model trade, entered on Monday 10:00 UTC with an hour-long chain of bars ahead."""
    plan = plan or a_plan()
    trade = Trade(
        trade_id=uuid5(EXPERIMENT_ID, f"{engine.value}{changes.get('is_shadow', True)}"),
        experiment_id=EXPERIMENT_ID,
        book="paper",
        engine=engine,
        is_shadow=True,
        status=TradeStatus.OPEN,
        instrument=INSTRUMENT,
        side=plan.side,
        quantity=plan.quantity,
        lot=dec("0.01"),
        plan=plan,
        entry_at=MONDAY,
        time_limit_at=MONDAY + plan.max_hold,
        walk=WalkState(stop=plan.stop, remaining=Decimal(1), targets_hit=0, best=None, legs=0, price=Decimal(100)),
        evaluated_to=changes.get("entry_at", MONDAY),
        denial=None,
        money=IN_DOLLARS,
    )
    return replace(trade, **changes)


def a_bar(number: int, prices: str) -> Bar:
    """Make the one-minute bar that opens at `minute(number)` from `open high low close`."""
    opened, high, low, close = (dec(price) for price in prices.split())
    return Bar(open_time=minute(number), open=opened, high=high, low=low, close=close, volume=None)


def walk_bars(
    *, bid: Sequence[Bar] = (), ask: Sequence[Bar] = (), mid: Sequence[Bar] = (), interval: Interval = ONE_MINUTE
) -> WalkBars:
    """Make the bars of a walk from those of each recorded side."""
    sides = {PriceSide.BID: bid, PriceSide.ASK: ask, PriceSide.MID: mid}
    return WalkBars(
        series=tuple(BarSeries(interval=interval, side=side, bars=tuple(bars)) for side, bars in sides.items() if bars)
    )


def an_order(
    *,
    is_buy: bool = True,
    pricing: Pricing = Pricing.MARKET,
    bid: str | None = "99",
    ask: str | None = "101",
    last: str | None = None,
    quantity: str = "10",
    leg: int = 0,
    at: datetime = MONDAY,
) -> Order:
    """Make an order with its own stored quote."""
    trade_id = a_trade().trade_id
    intent, clock = (Intent.ENTRY, Clock.BOTH) if leg == 0 else (Intent.EXIT, Clock.SYNCHRONIZED)
    client_order_id = client_order_id_for(
        book="paper", account="", trade_id=trade_id, intent=intent, clock=clock, leg=leg, attempt=1
    )
    sides = {
        name: None if price is None else dec(price) for name, price in {"bid": bid, "ask": ask, "last": last}.items()
    }
    return Order(
        order_id=order_id_for(trade_id, client_order_id),
        client_order_id=client_order_id,
        book="paper",
        trade_id=trade_id,
        intent=intent,
        clock=clock,
        leg=leg,
        attempt=1,
        is_buy=is_buy,
        quantity=dec(quantity),
        fraction=Decimal(1),
        pricing=pricing,
        reason="entry",
        venue="paper",
        quote=build_trade_quote("paper", INSTRUMENT, at=at, basis=PriceBasis.OPEN, **sides),
        is_final=False,
        money=IN_DOLLARS,
    )


def a_fill(
    intent: Intent,
    *,
    quantity: str | Decimal = "10",
    price: str | Decimal = "100",
    fee: str | Decimal = "0",
    at: datetime = MONDAY,
    clock: Clock | None = None,
    trade: Trade | None = None,
    rate: str | Decimal = "1",
) -> Fill:
    """Make a fill of a trade (long unless the trade says otherwise); exits count on the own clock by default."""
    trade = trade or a_trade()
    is_entry = intent is Intent.ENTRY
    return Fill(
        order_id=UUID(int=1),
        trade_id=trade.trade_id,
        clock=clock or (Clock.BOTH if is_entry else Clock.OWN),
        intent=intent,
        venue="model",
        venue_fill_id="1",
        is_buy=is_entry == (trade.side is Direction.LONG),
        quantity=dec(quantity),
        price=dec(price),
        fee=dec(fee),
        at=at,
        quote_id=UUID(int=2),
        basis=QuoteBasis.OBSERVED,
        price_basis=PriceBasis.OPEN,
        fill_model="fm1",
        currency=trade.money.currency,
        rate=dec(rate),
    )


def a_signal() -> Signal:
    """Make an entry signal that arrived on Monday 10:00 UTC."""
    return Signal(
        signal_id=UUID(int=3),
        book="paper",
        source="main",
        strategy="",
        symbol="BTCUSD",
        exchange="KRAKEN",
        instrument_kind=InstrumentKind.SPOT,
        direction=Direction.LONG,
        action=Action.ENTRY,
        timeframe=None,
        timestamp=None,
        received_at=MONDAY,
        price=None,
        confidence=None,
        signal_hash="hash",
        flags=(),
        is_test=False,
        stage=Stage.POLICY_RESOLVED,
        attempts=0,
    )


def a_context(*, bid: str | None = "99.99", ask: str | None = "100.01", lot: str = "0.01") -> MarketContext:
    """Make a context with a quote and nothing else."""
    quote = Quote(
        at=MONDAY - 5 * MINUTE,
        bid=None if bid is None else dec(bid),
        ask=None if ask is None else dec(ask),
        last=None,
        quality=Quality.REPLAY,
    )
    rules = InstrumentRules(lot=dec(lot), reference_capital=dec(100_000), max_notional=dec(100_000), currency="USD")
    return MarketContext(
        signal_id=UUID(int=3),
        as_of=MONDAY,
        instrument=INSTRUMENT,
        current_price=None,
        quote=quote,
        volume=None,
        indicators={},
        window=Window(base=None, higher=None),
        window_hash="",
        rules=rules,
        quality={},
        context_hash="c",
    )


def entries_at(quote: Quote | None, *, fill_by: datetime | None = None) -> dict[EngineSlot, EntryTerms]:
    """Make the terms on which both engines enter at a quote, or wait for one."""
    terms = EntryTerms(decided_at=MONDAY, quote=quote, fill_by=fill_by)
    return dict.fromkeys(EngineSlot, terms)


def an_answer(slot: EngineSlot, plan: Plan | None) -> EngineAnswer:
    """Make an engine's answer: ENTER with a plan, HOLD without one."""
    verdict = Verdict.HOLD if plan is None else Verdict.ENTER
    return EngineAnswer(
        slot=slot,
        engine="rules",
        version="1",
        context_hash="c",
        decision=Decision(verdict=verdict, reasons=(), rationale={}, plan=plan),
        latency_ms=Decimal(1),
    )


def a_policy(mode: ExecutionMode = ExecutionMode.SHADOW_ONLY, **allocations: str) -> ExecutionPolicy:
    """Make a resolved policy; allocations by slot name, as in `A="0.25"`."""
    return ExecutionPolicy(
        execution_mode=mode,
        allocations={EngineSlot(name): dec(share) for name, share in allocations.items()},
        reason=mode.value.lower(),
        policy_version="v1",
    )


def a_study(*, horizon_sessions: int = 5) -> Study:
    """Make a study of the paper book."""
    return Study(
        study_id=UUID(int=9),
        name="study",
        book="paper",
        salt="salt",
        horizon_sessions=horizon_sessions,
        exit_clock=ExitClock.SYNCHRONIZED,
        alpha=dec("0.05"),
    )
