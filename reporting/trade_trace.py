"""One trade as a document and as text: its orders, fills and outcomes, and why it is still open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from db.core.session import Session
from db.queries import traces
from domain import order_states
from domain.trade import OrderState
from reporting import signal_trace
from reporting.formatting import replace_unprintable

Document = dict[str, Any]
_ENDED_UNFILLED = ("rejected", "cancelled", "expired")
_UNFINISHED = ("pending", "open")


def load_document(session: Session, trade_id: UUID) -> Document | None:
    """Return the parts of its signal's trace that belong to a trade; None when there is no such trade."""
    signal_id = traces.find_signal_of_trade(session, trade_id)
    if signal_id is None:
        return None
    trace = signal_trace.build_trace_document(traces.load(session, signal_id))
    (trade,), orders, outcomes = (
        [row for row in trace[table] if row["trade_id"] == str(trade_id)] for table in ("trades", "orders", "outcomes")
    )
    waiting = [str(alert) for alert in traces.find_waiting_exits(session, UUID(trade["experiment_id"]))]
    return {
        "signal_id": str(signal_id),
        "trade": trade,
        "orders": orders,
        "outcomes": outcomes,
        "open_because": list(_explain_open(trade, orders, _find_model(trade, trace), waiting)),
    }


def format_header() -> str:
    """Return the header of a list of trades."""
    return (
        f"{'TRADE':<36}  {'ENTERED':<19}  {'BOOK':<6} {'SOURCE':<14} {'SYMBOL':<12} {'SIDE':<5} {'QUANTITY':>14}"
        f"  ENGINE  LEDGER  STATUS"
    )


def format_line(row: Mapping[str, Any]) -> str:
    """Format a trade as one line of a list."""
    ledger = "model" if row["is_shadow"] else "real"
    status = "closing" if row["close_requested_at"] and row["status"] in _UNFINISHED else row["status"]
    why = f" ({row['denial']})" if row["denial"] else ""
    return replace_unprintable(
        f"{row['trade_id']}  {row['entry_at'][:19].replace('T', ' ')}  {row['book']:<6} {row['source']:<14}"
        f" {row['symbol']:<12} {row['side']:<5} {row['quantity']:>14}  {row['engine']:<6}  {ledger:<6}  {status}{why}"
    )


def iterate_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield a trade's document as lines of text."""
    trade = document["trade"]
    instrument = " ".join(part for part in (trade["exchange"], trade["symbol"], trade["instrument_kind"]) if part)
    strategy = f", strategy {trade['strategy']}" if trade["strategy"] else ""
    yield replace_unprintable(
        f"trade    {trade['trade_id']} ({trade['book']}, source {trade['source']}{strategy}): {instrument}"
    )
    yield from signal_trace.format_trade(trade, document)
    yield replace_unprintable(f"signal   {document['signal_id']}")
    for reason in document["open_because"]:
        yield replace_unprintable(f"open     {reason}")


def _find_model(trade: Mapping[str, Any], trace: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the model trade of the same engine; for a model trade, itself."""
    return next((row for row in trace["trades"] if row["engine"] == trade["engine"] and row["is_shadow"]), None)


def _explain_open(
    trade: Mapping[str, Any],
    orders: list[Document],
    model: Mapping[str, Any] | None,
    waiting: list[str],
) -> Iterator[str]:
    """Yield why a trade is still open: what is on its way, what it waits for, or the plan that it follows."""
    if trade["status"] not in _UNFINISHED:
        return
    if trade["close_requested_at"]:
        yield f"it is to be closed since {trade['close_requested_at']}: the exits worker does so at the first price"
    on_its_way = [_describe_order(order) for order in orders if not order_states.is_final(OrderState(order["state"]))]
    yield from on_its_way
    refused = [order for order in orders if order["intent"] == "exit" and order["state"] in _ENDED_UNFILLED]
    if refused and not on_its_way:
        yield f"the venue ended its exit unfilled ({refused[-1]['state']}); it is sent again"
    for alert in waiting:
        yield f"the alert {alert} closes it and waits for a price"
    if model is None or on_its_way or waiting or trade["close_requested_at"]:
        return
    if not Decimal(model["walk"]["remaining"]):
        yield "its model trade is closed; it owes that exit"
    elif trade["status"] == "open":
        yield from _describe_plan(model)


def _describe_order(order: Mapping[str, Any]) -> str:
    name = "entry" if order["intent"] == "entry" else f"exit {order['leg']}"
    return f"its {name} is {order['state']} at {order['venue']}"


def _describe_plan(model: Mapping[str, Any]) -> Iterator[str]:
    """Yield what ends a trade by its plan."""
    walk, targets = model["walk"], model["plan"]["targets"]
    left = targets[walk["targets_hit"] :]
    target = f", next target {left[0]['price']}" if left else ""
    limit = datetime.fromisoformat(model["time_limit_at"]).astimezone(UTC)
    yield f"no alert closed it; its plan goes on: stop {walk['stop']}{target}, time limit {limit:%Y-%m-%d %H:%M} UTC"
