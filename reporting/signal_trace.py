"""The trace of a signal: everything that is stored about it, as a JSON document and as lines of text."""

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
from domain.signal import Action, SignalStatus, Stage
from reporting.formatting import NOTHING, replace_unprintable

Document = dict[str, Any]
_RATIO_COLUMNS = frozenset({"return_ratio", "split_percentage", "fraction", "confidence", "latency_ms"})


def build_trace_document(trace: Trace) -> Document:
    """Build the trace as JSON values: money as decimal strings, ratios as numbers, times in UTC."""
    return {table.name: _convert_table(getattr(trace, table.name)) for table in fields(trace)}


def convert_rows(stored: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Convert rows to JSON values."""
    return [_convert_row(row) for row in stored]


def iterate_trace_lines(trace: Mapping[str, Any]) -> Iterator[str]:
    """Yield a trace document as lines of text, in the order of events; foreign text is made printable."""
    yield from _format_alert(trace["signal"])
    yield from _format_stages(trace["stages"])
    yield from _format_snapshot(trace["context"])
    yield from _format_exit_result(trace["exit_result"])
    yield from _format_assignment(trace["experiment"], trace["policy"])
    for decision in trace["decisions"]:
        yield from _format_decision(decision)
    for trade in trace["trades"]:
        yield from format_trade(trade, trace)
    yield from _format_zero_outcomes(trace["outcomes"])
    for failure in trace["failures"]:
        dead = ", given up" if failure["dead"] else ""
        what = f"{failure['error']}{_format_traceback_hash(failure)}"
        yield replace_unprintable(f"failed   attempt {failure['attempt']} at {failure['stage']}{dead}: {what}")


def format_signal_header() -> str:
    """Return the header of a list of signals."""
    return f"{'SIGNAL':<36}  {'RECEIVED':<19}  {'BOOK':<20} {'ALERT':<24} RESULT"


def format_signal_line(row: Mapping[str, Any], trades: Sequence[Mapping[str, Any]]) -> str:
    """Format a signal as one line of a list; `trades` are those it opened, with engine, shadow flag and status."""
    what = f"{row['action']} {row['direction']} {row['symbol']}"
    return replace_unprintable(
        f"{row['signal_id']}  {_format_second(row['received_at'])}  {row['book']:<20} {what:<24}"
        f" {_format_result(row, trades)}"
    )


def _format_result(row: Mapping[str, Any], trades: Sequence[Mapping[str, Any]]) -> str:
    """Format the state of a signal, its flags, the trades it opened and its last error."""
    parts = [f"{row['status']} ({_format_stage(row['stage'])})", *row["flags"]]
    parts += [f"{trade['engine']} {'shadow' if trade['is_shadow'] else 'real'} {trade['status']}" for trade in trades]
    if row["status"] == SignalStatus.DONE.value and row["action"] == Action.ENTRY.value and not trades:
        parts.append("no trade")
    if row["last_error"]:
        parts.append(f"attempts {row['attempts']}: {row['last_error']}{_format_traceback_hash(row)}")
    return ", ".join(parts)


def _format_alert(signal: Mapping[str, Any]) -> Iterator[str]:
    """Yield the signal's id, alert, positions, reading and state, as lines."""
    flags = f", flags {', '.join(signal['flags'])}" if signal["flags"] else ""
    yield replace_unprintable(
        f"signal   {signal['signal_id']} (book {signal['book']}, source {signal['source']}{flags})"
    )
    what = f"{signal['action']} {signal['direction']} {signal['symbol']}"
    price = f" at {signal['price']}" if signal["price"] else ""
    yield replace_unprintable(
        f"alert    {_format_second(signal['received_at'])}  {what}{price}, strategy {signal['strategy'] or NOTHING}"
    )
    yield from _format_positions(signal)
    yield replace_unprintable(f"read     as {signal['dialect']}: {_format_read_from(signal['read_from'])}")
    error = f": {signal['last_error']}" if signal["last_error"] else ""
    yield replace_unprintable(
        f"state    {signal['status']}, {_format_stage(signal['stage'])}, attempts {signal['attempts']}{error}"
    )


def _format_positions(signal: Mapping[str, Any]) -> Iterator[str]:
    """Yield the strategy's position before and after, and the alert's number, when the alert carried them."""
    before, after, number = signal["position_before"], signal["position_after"], signal["sequence"]
    parts = [f"{before or NOTHING} to {after or NOTHING}"] if before or after else []
    parts += [f"alert number {number}"] if number is not None else []
    if parts:
        yield replace_unprintable(f"position {', '.join(parts)}")


def _format_read_from(read_from: Mapping[str, Sequence[str]]) -> str:
    """Format the fields of the alert from which each meaning (such as symbol) was read."""
    return ", ".join(f"{meaning} from {' and '.join(paths)}" for meaning, paths in read_from.items()) or NOTHING


def _format_stages(stages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line with the time at which each stage was reached."""
    if stages:
        yield replace_unprintable(
            "stages   " + ", ".join(f"{_format_stage(stage['stage'])} {stage['at'][11:23]}" for stage in stages)
        )


def _format_snapshot(context: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield a line with the prices and hash of the market context, if there is one."""
    if context is None:
        return
    sides = ", ".join(f"{name} {context[name] or 'missing'}" for name in ("bid", "ask", "current_price"))
    yield replace_unprintable(
        f"snapshot {_format_second(context['timestamp'])}  {sides.replace('_', ' ')},"
        f" hash {context['context_hash'][:12]}"
    )


def _format_exit_result(result: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield a line with what an alert closed, or why it closed nothing."""
    if result is None:
        return
    differs = f", matched loosely: another {' and '.join(result['differs'])}" if result["differs"] else ""
    waits = ", waiting for a price" if result["waits_since"] and not result["settled_at"] else ""
    trades = f" {', '.join(result['trade_ids'])}" if result["trade_ids"] else ""
    yield replace_unprintable(f"exit     {result['result'].replace('_', ' ')}{trades}{differs}{waits}")


def _format_assignment(experiment: Mapping[str, Any] | None, policy: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield lines with the assigned variant and the resolved policy, as far as they exist."""
    if experiment is not None:
        yield replace_unprintable(
            f"assigned variant {experiment['variant']} in study {experiment['study']}"
            f" (bucket {experiment['bucket']}, split {experiment['split_percentage']})"
        )
    if policy is not None:
        yield replace_unprintable(
            f"policy   {policy['execution_mode']} ({policy['policy_version']}): {policy['executed_engine']} trades for"
            f" real, {policy['shadow_engine']} in shadow; {policy['reason']}"
        )


def _format_decision(decision: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line with an engine's decision and its reasons."""
    reasons = ", ".join(map(str, decision["reasons"])) or decision["error"] or NOTHING
    wanted = f" {decision['side']} {decision['quantity']}, stop {decision['stop']}" if decision["side"] else ""
    yield replace_unprintable(f"engine {decision['engine']} {decision['action']}{wanted}: {reasons}")


def format_trade(trade: Mapping[str, Any], trace: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a trade: itself, its orders with fills, and its outcomes."""
    ledger = "model" if trade["is_shadow"] else "real"
    why = f": {trade['denial']}" if trade["denial"] else ""
    yield replace_unprintable(
        f"trade    engine {trade['engine']} {ledger} {trade['side']} {trade['quantity']}, {trade['status']}{why}"
    )
    for order in trace["orders"]:
        if order["trade_id"] == trade["trade_id"]:
            yield from _format_order(order)
    for outcome in trace["outcomes"]:
        if outcome["trade_id"] == trade["trade_id"] and outcome["entry_price"]:
            same = (
                " (the own clock's, by definition)"
                if outcome["equals_own"] and _is_on_synchronized_clock(outcome)
                else ""
            )
            yield replace_unprintable(
                f"  ended  {_format_second(outcome['exit_time'])}  {outcome['exit_clock']} clock{same}:"
                f" P&L {outcome['pnl']}, {outcome['exit_reason']}"
            )


def _format_order(order: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an order: itself and its fills."""
    name = "entry" if order["intent"] == "entry" else f"exit {order['leg']} on the {order['exit_clock']} clock"
    yield replace_unprintable(
        f"  order  {name}: {order['side']} {order['quantity']} at {order['venue']}, {order['state']}"
    )
    for fill in order["fills"]:
        yield replace_unprintable(
            f"  fill   {_format_second(fill['filled_at'])}  {fill['quantity']} at {fill['price']}"
            f" ({fill['quote_basis']}), fee {fill['fee']}"
        )


def _format_zero_outcomes(outcomes: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each engine that ended with 0 because it did not trade."""
    for outcome in outcomes:
        if not outcome["entry_price"] and _is_on_synchronized_clock(outcome):
            yield replace_unprintable(f"ended    engine {outcome['engine']} with 0: {outcome['exit_reason']}")


def _is_on_synchronized_clock(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["exit_clock"] == "synchronized")


def _format_traceback_hash(row: Mapping[str, Any]) -> str:
    return f" (trace {row['traceback_hash']})" if row["traceback_hash"] else ""


def _format_stage(number: int) -> str:
    return Stage(number).name.lower().replace("_", " ")


def _format_second(text: str | None) -> str:
    return NOTHING if text is None else text[:19].replace("T", " ")


def _convert_table(stored: Any) -> Any:
    """Return the row or the rows of one table as JSON values; None where nothing is stored."""
    if stored is None:
        return None
    return convert_rows(stored) if isinstance(stored, list) else _convert_row(stored)


def _convert_row(row: Mapping[str, Any]) -> Document:
    """Return a row as JSON values.

    Only the row's own columns are ratios by their name: a document within it may be a sender's or an engine's, who may
    use the same names for anything.
    """
    return {column: _convert_column(column, value) for column, value in row.items()}


def _convert_column(name: str, value: Any) -> Any:
    """Convert a column to a JSON value: ratios to numbers, a plan by its own rules, others by type."""
    if value is None:
        return None
    if name in _RATIO_COLUMNS:
        return float(value)
    return _convert_plan(value) if name == "plan" else _convert_value(value)


def _convert_plan(plan: Mapping[str, Any]) -> Document:
    """Return a stored plan (`db.plans` writes it) with its targets' fractions as numbers."""
    targets = [target | {"fraction": float(target["fraction"])} for target in plan["targets"]]
    return {**plan, "targets": targets}


def _convert_value(value: Any) -> Any:
    """Convert a value to JSON: decimals and ids to strings, times to UTC text, containers item by item."""
    match value:
        case dict():
            return {key: _convert_value(item) for key, item in value.items()}
        case list() | tuple():
            return [_convert_value(item) for item in value]
        case Decimal():
            return canonical.format_number(value)
        case datetime():
            return canonical.format_time(value.astimezone(UTC))
        case UUID() | float():
            # A sender's number may be larger than any float, which JSON cannot hold.
            return value if isinstance(value, float) and isfinite(value) else str(value)
        case _:
            return value
