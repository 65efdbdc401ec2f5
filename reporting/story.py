"""A signal's trace as JSON, and as a story told from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from db.queries.traces import Trace
from domain import canonical
from domain.signal import Stage
from reporting.plain import NOTHING, clean

Document = dict[str, Any]
_RATIO_COLUMNS = frozenset({"return_ratio", "split_percentage", "fraction", "confidence", "latency_ms"})


def document(trace: Trace) -> Document:
    """Return the trace as JSON values: money as decimal strings, ratios as numbers, times in UTC."""
    return {table.name: _table(getattr(trace, table.name)) for table in fields(trace)}


def rows(found: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Return rows as JSON values."""
    return [_row(row) for row in found]


def tell(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the story of a trace's document; what came from outside is made printable."""
    yield from _alert(told["signal"])
    yield from _way(told["stages"])
    yield from _snapshot(told["context"])
    yield from _assignment(told["experiment"], told["policy"])
    for decision in told["decisions"]:
        yield from _decision(decision)
    for trade in told["trades"]:
        yield from _trade(trade, told)
    yield from _endings_without_trade(told["outcomes"])
    for failure in told["failures"]:
        dead = ", given up" if failure["dead"] else ""
        what = f"{failure['error']}{_trace(failure)}"
        yield clean(f"failed   attempt {failure['attempt']} at {failure['stage']}{dead}: {what}")


def listed(row: Mapping[str, Any]) -> str:
    """Return one line for a signal in a list."""
    what = f"{row['action']} {row['direction']} {row['symbol']}"
    stage = _stage(row["stage"])
    end = f", attempts {row['attempts']}: {row['last_error']}{_trace(row)}" if row["last_error"] else ""
    return clean(
        f"{row['signal_id']}  {_at(row['received_at'])}  {row['book']:<20} {what:<24} {row['status']} ({stage}){end}"
    )


def _alert(signal: Mapping[str, Any]) -> Iterator[str]:
    flags = f", flags {', '.join(signal['flags'])}" if signal["flags"] else ""
    yield clean(f"signal   {signal['signal_id']} (book {signal['book']}, source {signal['source']}{flags})")
    what = f"{signal['action']} {signal['direction']} {signal['symbol']}"
    price = f" at {signal['price']}" if signal["price"] else ""
    yield clean(f"alert    {_at(signal['received_at'])}  {what}{price}, strategy {signal['strategy'] or NOTHING}")
    yield from _stood(signal)
    yield clean(f"read     as {signal['dialect']}: {_fields(signal['read_from'])}")
    error = f": {signal['last_error']}" if signal["last_error"] else ""
    yield clean(f"state    {signal['status']}, {_stage(signal['stage'])}, attempts {signal['attempts']}{error}")


def _stood(signal: Mapping[str, Any]) -> Iterator[str]:
    """Say where the strategy stood, and the alert's number, when the alert told either."""
    before, after, number = signal["position_before"], signal["position_after"], signal["sequence"]
    told = [f"{before or NOTHING} to {after or NOTHING}"] if before or after else []
    told += [f"alert number {number}"] if number is not None else []
    if told:
        yield clean(f"position {', '.join(told)}")


def _fields(read_from: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{meaning} from {' and '.join(paths)}" for meaning, paths in read_from.items()) or NOTHING


def _way(stages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if stages:
        yield clean("stages   " + ", ".join(f"{_stage(one['stage'])} {one['at'][11:23]}" for one in stages))


def _snapshot(context: Mapping[str, Any] | None) -> Iterator[str]:
    if context is None:
        return
    sides = ", ".join(f"{name} {context[name] or 'missing'}" for name in ("bid", "ask", "current_price"))
    yield clean(f"snapshot {_at(context['timestamp'])}  {sides.replace('_', ' ')}, hash {context['context_hash'][:12]}")


def _assignment(experiment: Mapping[str, Any] | None, policy: Mapping[str, Any] | None) -> Iterator[str]:
    if experiment is not None:
        yield clean(
            f"assigned variant {experiment['variant']} in study {experiment['study']}"
            f" (bucket {experiment['bucket']}, split {experiment['split_percentage']})"
        )
    if policy is not None:
        yield clean(
            f"policy   {policy['execution_mode']} ({policy['policy_version']}): {policy['executed_engine']} trades for"
            f" real, {policy['shadow_engine']} in shadow; {policy['reason']}"
        )


def _decision(decision: Mapping[str, Any]) -> Iterator[str]:
    reasons = ", ".join(map(str, decision["reasons"])) or decision["error"] or NOTHING
    wanted = f" {decision['side']} {decision['quantity']}, stop {decision['stop']}" if decision["side"] else ""
    yield clean(f"engine {decision['engine']} {decision['action']}{wanted}: {reasons}")


def _trade(trade: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[str]:
    ledger = "model" if trade["is_shadow"] else "real"
    why = f": {trade['denial']}" if trade["denial"] else ""
    yield clean(
        f"trade    engine {trade['engine']} {ledger} {trade['side']} {trade['quantity']}, {trade['status']}{why}"
    )
    for order in told["orders"]:
        if order["trade_id"] == trade["trade_id"]:
            yield from _order(order)
    for outcome in told["outcomes"]:
        if outcome["trade_id"] == trade["trade_id"] and outcome["entry_price"]:
            same = " (the own clock's, by definition)" if outcome["equals_own"] and _is_sync(outcome) else ""
            yield clean(
                f"  ended  {_at(outcome['exit_time'])}  {outcome['exit_clock']} clock{same}:"
                f" P&L {outcome['pnl']}, {outcome['exit_reason']}"
            )


def _order(order: Mapping[str, Any]) -> Iterator[str]:
    name = "entry" if order["intent"] == "entry" else f"exit {order['leg']} on the {order['exit_clock']} clock"
    yield clean(f"  order  {name}: {order['side']} {order['quantity']} at {order['venue']}, {order['state']}")
    for fill in order["fills"]:
        yield clean(
            f"  fill   {_at(fill['filled_at'])}  {fill['quantity']} at {fill['price']} ({fill['quote_basis']}),"
            f" fee {fill['fee']}"
        )


def _endings_without_trade(outcomes: list[Mapping[str, Any]]) -> Iterator[str]:
    for outcome in outcomes:
        if not outcome["entry_price"] and _is_sync(outcome):
            yield clean(f"ended    engine {outcome['engine']} with 0: {outcome['exit_reason']}")


def _is_sync(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["exit_clock"] == "synchronized")


def _trace(row: Mapping[str, Any]) -> str:
    return f" (trace {row['traceback_hash']})" if row["traceback_hash"] else ""


def _stage(number: int) -> str:
    return Stage(number).name.lower().replace("_", " ")


def _at(text: str | None) -> str:
    return NOTHING if text is None else text[:19].replace("T", " ")


def _table(stored: Any) -> Any:
    """Return the row or the rows of one table as JSON values; None where nothing is stored."""
    if stored is None:
        return None
    return rows(stored) if isinstance(stored, list) else _row(stored)


def _row(row: Mapping[str, Any]) -> Document:
    """Return a row as JSON values.

    Only the row's own columns are ratios by their name: a document within it may be a sender's or an engine's, who may
    use the same names for anything.
    """
    return {column: _column(column, value) for column, value in row.items()}


def _column(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _RATIO_COLUMNS:
        return float(value)
    return _plan(value) if name == "plan" else _plain(value)


def _plan(plan: Mapping[str, Any]) -> Document:
    """Return a stored plan (`db.plans` writes it) with its targets' fractions as numbers."""
    targets = [target | {"fraction": float(target["fraction"])} for target in plan["targets"]]
    return {**plan, "targets": targets}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal():
            return canonical.format_number(value)
        case datetime():
            return canonical.format_time(value.astimezone(UTC))
        case UUID() | float():
            # A sender's number may be larger than any float, which JSON cannot hold.
            return value if isinstance(value, float) and isfinite(value) else str(value)
        case _:
            return value
