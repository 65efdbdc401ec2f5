"""Signals: which came, what became of one, and a fresh start for those that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging, trace_schemas
from app.api.fields import (
    OpenOutputSchema,
    OutputSchema,
    boolean,
    decimal,
    enum_value,
    integer,
    json_object,
    nested,
    nested_list,
    number,
    text,
    text_list,
    utc_time,
    uuid,
)
from app.api.paging import PageInputSchema, Shown
from app.api.reach import here
from app.api.request_schemas import a_time, line
from app.api.resource import Noun
from app.api.responses import as_is, audit_context, found, with_id
from app.api.source_schemas import ActInputSchema
from config.settings import Settings
from db.core.session import Database, Session
from db.queries import traces
from db.queries.traces import SignalUnknown
from domain.access import Scope
from domain.signal import Action, Direction, InstrumentKind, Position, SignalStatus
from operations.audit_entry import AuditContext
from operations.redrive import RedrivenMessage, redrive
from operations.rerun import RerunRefused, rerun
from reporting import signal_trace

Document = dict[str, Any]
noun = Noun("signals", "Accepted alerts, and what became of each.")


class SignalQuerySchema(PageInputSchema):
    """Which signals are listed."""

    book = line("Only signals of this book.")
    source = line("Only signals of this source.")
    symbol = line("Only signals of this symbol, written as it is stored: base and quote in upper case.")
    action = fields.Enum(Action, by_value=True, metadata={"description": "Only entries, or only exits."})
    status = fields.Enum(SignalStatus, by_value=True, metadata={"description": "Only signals in this state."})
    since = a_time("Only signals received at this time or later, on their book's clock.")
    until = a_time("Only signals received before this time, on their book's clock.")


class SignalRowSchema(OutputSchema):
    """A signal as it is listed."""

    signal_id = uuid("Its id.")
    received_at = utc_time("When it came, on its book's clock.")
    book = text("Its book.")
    source = text("Who sent it.")
    strategy = text("The strategy, empty where none was named.")
    symbol = text("The symbol.")
    exchange = text("The exchange, empty where none was named.")
    instrument_kind = enum_value(InstrumentKind, "What kind of instrument.")
    direction = enum_value(Direction, "Which way; of an exit, the side that is closed.")
    action = enum_value(Action, "Entry or exit.")
    timeframe = text("The interval, such as `1h`.", null=True)
    price = decimal("The price the alert told.", null=True)
    stage = integer("How far it has come, 0 to 5.")
    status = enum_value(SignalStatus, "Whether work remains.")
    attempts = integer("Failed attempts at the present stage.")
    flags = text_list("Remarks, such as `stale`.")
    is_test = boolean("Whether the alert called itself a test.")
    last_error = text("What went wrong last.", null=True)
    traceback_hash = text("Where it went wrong: equal hashes have one cause.", null=True)


class SignalSchema(OpenOutputSchema):
    """All columns of a signal but its raw bytes; secrets in its payload are hidden."""

    signal_id = uuid("Its id.")
    seq = integer("Its number in order of arrival.")
    source = text("Who sent it.")
    strategy = text("The strategy, empty where none was named.")
    symbol = text("The symbol.")
    exchange = text("The exchange, empty where none was named.")
    instrument_kind = enum_value(InstrumentKind, "What kind of instrument.")
    direction = enum_value(Direction, "Which way; of an exit, the side that is closed.")
    action = enum_value(Action, "Entry or exit.")
    timeframe = text("The interval.", null=True)
    timestamp = utc_time("The bar's or alert's time, as the alert told it.", null=True)
    event_at = utc_time("When the alert fired, as it told.", null=True)
    received_at = utc_time("When it came, on its book's clock.")
    stored_at = utc_time("When it was stored, by the database's clock.")
    price = decimal("The price the alert told.", null=True)
    confidence = number("How sure the alert is, 0 to 100.", null=True)
    signal_hash = text("The hash that makes it this signal.")
    content_hash = text("The hash of what the alert said.")
    occurrence = integer("Which occurrence of that content it is.")
    dialect = text("The form of message it was read as.")
    read_from = json_object("From which fields of the payload each meaning was read.")
    raw_payload = json_object("The payload, secrets hidden.")
    flags = text_list("Remarks.")
    book = text("Its book.")
    is_test = boolean("Whether the alert called itself a test.")
    stage = integer("How far it has come, 0 to 5.")
    status = enum_value(SignalStatus, "Whether work remains.")
    processed = boolean("Whether it is done.")
    experiment_id = uuid("Its experiment, of an entry.", null=True)
    processing_lock = uuid("The lease that works on it.", null=True)
    locked_by = text("The worker that holds the lease.", null=True)
    lock_expires_at = utc_time("When the lease ends.", null=True)
    attempts = integer("Failed attempts at the present stage.")
    next_attempt_at = utc_time("When it is due.")
    last_error = text("What went wrong last.", null=True)
    sequence = fields.Integer(allow_none=True, metadata={"description": "The order in which its sender numbered it."})
    position_before = fields.Enum(
        Position, by_value=True, allow_none=True, metadata={"description": "Where the strategy stood before."}
    )
    position_after = fields.Enum(
        Position, by_value=True, allow_none=True, metadata={"description": "Where the strategy stands after."}
    )


class SignalTraceSchema(OpenOutputSchema):
    """Everything that was stored about a signal, from the alert to its outcomes."""

    signal = nested(SignalSchema, "The signal.")
    context = nested(trace_schemas.ContextSchema, "The market it was seen in.", null=True)
    experiment = nested(trace_schemas.AssignmentSchema, "Its assignment, of an entry.", null=True)
    policy = nested(trace_schemas.PolicySchema, "Who trades for real.", null=True)
    decisions = nested_list(trace_schemas.DecisionSchema, "What the engines said.")
    orders = nested_list(trace_schemas.OrderSchema, "Its orders.")
    trades = nested_list(trace_schemas.TradeSchema, "Its trades.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "How it ended.")
    failures = nested_list(trace_schemas.FailureSchema, "Failed attempts.")
    stages = nested_list(trace_schemas.StageReachedSchema, "When it reached each stage.")


class RerunSchema(OutputSchema):
    """What was rerun."""

    status = text("`rerun`.")
    signal_ids = fields.List(fields.UUID(), required=True, metadata={"description": "The signals that are due again."})
    enqueued = boolean("Whether they were sent on; else the broker is away and the sweep sends them.")
    request_id = text("Names the request in the logs.")


class RerunRefusedSchema(OutputSchema):
    """Why nothing was rerun."""

    status = text("`refused`.")
    refused = json_object("Why, by id.")
    request_id = text("Names the request in the logs.")


class RedrivenEventSchema(OutputSchema):
    """What became of one message."""

    event_id = uuid("The message.")
    status = text("`accepted`, `duplicate` (its signals were there before) or `quarantined`.")
    signal_ids = fields.List(fields.UUID(), metadata={"description": "The signals it is."})
    stale = fields.Boolean(metadata={"description": "Whether they are too old to be traded for real."})
    errors = fields.Dict(keys=fields.String(), metadata={"description": "What is still wrong, by field."})


class RedrivenEventsSchema(OutputSchema):
    """What became of each message."""

    status = text("`redriven`, or `refused` when one of them still cannot be read.")
    enqueued = boolean("Whether the new signals were sent on; else the sweep sends them.")
    events = nested_list(RedrivenEventSchema, "Each message.")
    request_id = text("Names the request in the logs.")


SHOWN = Shown(name="signals", of=traces.SIGNALS, item=SignalRowSchema)


@noun.lists("/signals", needs=Scope.READ, item=SignalRowSchema, query=SignalQuerySchema)
def list_signals(query: Document) -> Any:
    """List signals, newest first."""
    return paging.answer(SHOWN, query)


@noun.shows("/signals/<uuid:signal_id>", needs=Scope.READ, answer=SignalTraceSchema)
def show_signal(signal_id: UUID) -> Response:
    """Show the whole trace of a signal, from the alert to its outcomes."""
    return as_is(found(here().read(lambda session: trace_of(session, signal_id)), what="signal"))


@noun.acts(
    "/signals/rerun",
    needs=Scope.OPERATE,
    body=ActInputSchema,
    answer=RerunSchema,
    refusal=RerunRefusedSchema,
    step_up=True,
)
def rerun_signals(given: Document) -> Response:
    """Give signals that are not done fresh attempts.

    Refused for all that are named when it is refused for one: it is done, being worked on, unknown, or has an order at
    the venue, which is looked up and not sent again.
    """
    audit, reach = audit_context(given["reason"]), here()
    return with_id(*reach.act(lambda database: _rerun(reach.settings, database, given["ids"], audit=audit)))


@noun.acts(
    "/signals/redrive",
    needs=Scope.OPERATE,
    body=ActInputSchema,
    answer=RedrivenEventsSchema,
    refusal=RedrivenEventsSchema,
)
def redrive_events(given: Document) -> Response:
    """Read messages from quarantine again, after a fix.

    What is older than its source's lag becomes a stale signal: recorded in shadow, never traded for real.
    """
    audit, reach = audit_context(given["reason"]), here()
    return with_id(*reach.act(lambda database: _redrive(reach.settings, database, given["ids"], audit=audit)))


def trace_of(session: Session, signal_id: UUID) -> Document | None:
    """Return the trace's document; None when there is no such signal."""
    try:
        return signal_trace.build_trace_document(traces.load(session, signal_id))
    except SignalUnknown:
        return None


def _rerun(settings: Settings, database: Database, ids: Sequence[UUID], *, audit: AuditContext) -> tuple[Document, int]:
    try:
        return {"status": "rerun", **rerun(settings, database, ids, audit=audit)}, 200
    except RerunRefused as refused:
        reasons = {str(signal_id): reason for signal_id, reason in refused.reasons.items()}
        return {"status": "refused", "refused": reasons}, 409


def _redrive(
    settings: Settings, database: Database, ids: Sequence[UUID], *, audit: AuditContext
) -> tuple[Document, int]:
    report = redrive(settings, database, ids, audit=audit)
    document = {
        "status": "redriven" if report.is_complete else "refused",
        "enqueued": report.enqueued,
        "events": [_format_message(message) for message in report.messages],
    }
    return document, 200 if report.is_complete else 409


def _format_message(message: RedrivenMessage) -> Document:
    event_id = str(message.event_id)
    if message.errors:
        return {"event_id": event_id, "status": "quarantined", "errors": message.errors}
    return {
        "event_id": event_id,
        "status": "accepted" if message.new else "duplicate",
        "signal_ids": [str(signal_id) for signal_id in message.signal_ids],
        "stale": message.is_stale,
    }
