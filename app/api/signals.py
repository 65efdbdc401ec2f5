"""Routes of signals: list, trace, rerun of failed ones, redrive of quarantined messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging, trace_schemas
from app.api.database_access import api_database
from app.api.fields import (
    OpenOutputSchema,
    OutputSchema,
    boolean,
    decimal,
    enum_value,
    integer,
    json_object,
    nested_list,
    nested_object,
    number,
    text,
    text_list,
    utc_time,
    uuid,
)
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import ActInputSchema, line_parameter, time_parameter
from app.api.resource import ApiResource
from app.api.responses import audit_context, json_response, require_found, response_with_request_id
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
resource = ApiResource("signals", "Accepted alerts and their processing.")


class SignalQuerySchema(PageInputSchema):
    """Filters of the list of signals."""

    book = line_parameter("Only signals of this book.")
    source = line_parameter("Only signals of this source.")
    symbol = line_parameter("Only signals of this symbol, written as it is stored: base and quote in upper case.")
    action = fields.Enum(Action, by_value=True, metadata={"description": "Only entries, or only exits."})
    status = fields.Enum(SignalStatus, by_value=True, metadata={"description": "Only signals with this status."})
    since = time_parameter("Only signals received at this time or later, on their book's clock.")
    until = time_parameter("Only signals received before this time, on their book's clock.")


class SignalRowSchema(OutputSchema):
    """A row of the list of signals."""

    signal_id = uuid("Unique id.")
    received_at = utc_time("Time of arrival, on the book's clock.")
    book = text("Book.")
    source = text("Source that sent it.")
    strategy = text("Strategy, empty when the alert names none.")
    symbol = text("Symbol.")
    exchange = text("Exchange, empty when the alert names none.")
    instrument_kind = enum_value(InstrumentKind, "Kind of instrument.")
    direction = enum_value(Direction, "Direction; for an exit, the side that is closed.")
    action = enum_value(Action, "Entry or exit.")
    timeframe = text("Interval, such as `1h`.", null=True)
    price = decimal("Price in the alert.", null=True)
    stage = integer("Last finished stage, 0 to 5.")
    status = enum_value(SignalStatus, "Processing status.")
    attempts = integer("Failed attempts at the current stage.")
    flags = text_list("Flags, such as `stale`.")
    is_test = boolean("True when the alert is marked as a test.")
    last_error = text("Last error.", null=True)
    traceback_hash = text("Hash of the traceback; equal hashes have the same cause.", null=True)


class SignalSchema(OpenOutputSchema):
    """All columns of a signal but its raw bytes; secrets in its payload are hidden."""

    signal_id = uuid("Unique id.")
    seq = integer("Number in order of arrival.")
    source = text("Source that sent it.")
    strategy = text("Strategy, empty when the alert names none.")
    symbol = text("Symbol.")
    exchange = text("Exchange, empty when the alert names none.")
    instrument_kind = enum_value(InstrumentKind, "Kind of instrument.")
    direction = enum_value(Direction, "Direction; for an exit, the side that is closed.")
    action = enum_value(Action, "Entry or exit.")
    timeframe = text("Interval.", null=True)
    timestamp = utc_time("Time of the bar or alert, as the alert states it.", null=True)
    event_at = utc_time("Time the alert fired, as it states.", null=True)
    received_at = utc_time("Time of arrival, on the book's clock.")
    stored_at = utc_time("Time it was stored, by the database's clock.")
    price = decimal("Price in the alert.", null=True)
    confidence = number("Confidence of the alert, 0 to 100.", null=True)
    signal_hash = text("Hash that identifies the signal.")
    content_hash = text("Hash of the alert's content.")
    occurrence = integer("Number of the occurrence of that content.")
    dialect = text("Dialect it was read as.")
    read_from = json_object("Fields of the payload that each meaning was read from.")
    raw_payload = json_object("Payload, with secrets hidden.")
    flags = text_list("Flags.")
    book = text("Book.")
    is_test = boolean("True when the alert is marked as a test.")
    stage = integer("Last finished stage, 0 to 5.")
    status = enum_value(SignalStatus, "Processing status.")
    processed = boolean("True when processing is finished.")
    experiment_id = uuid("Experiment, for entries.", null=True)
    processing_lock = uuid("Token of the lease on it.", null=True)
    locked_by = text("Worker that holds the lease.", null=True)
    lock_expires_at = utc_time("End of the lease.", null=True)
    attempts = integer("Failed attempts at the current stage.")
    next_attempt_at = utc_time("Time of the next attempt.")
    last_error = text("Last error.", null=True)
    sequence = fields.Integer(allow_none=True, metadata={"description": "Sequence number body by the sender."})
    position_before = fields.Enum(
        Position, by_value=True, allow_none=True, metadata={"description": "Position of the strategy before."}
    )
    position_after = fields.Enum(
        Position, by_value=True, allow_none=True, metadata={"description": "Position of the strategy after."}
    )


class SignalTraceSchema(OpenOutputSchema):
    """Everything that was stored about a signal, from the alert to its outcomes."""

    signal = nested_object(SignalSchema, "Signal.")
    context = nested_object(trace_schemas.ContextSchema, "Market snapshot.", null=True)
    experiment = nested_object(trace_schemas.AssignmentSchema, "Assignment, for entries.", null=True)
    policy = nested_object(trace_schemas.PolicySchema, "Engine that trades for real.", null=True)
    decisions = nested_list(trace_schemas.DecisionSchema, "Decisions of the engines.")
    orders = nested_list(trace_schemas.OrderSchema, "Orders.")
    trades = nested_list(trace_schemas.TradeSchema, "Trades.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "Outcomes.")
    failures = nested_list(trace_schemas.FailureSchema, "Failed attempts.")
    stages = nested_list(trace_schemas.StageReachedSchema, "Stages reached, with their times.")
    exit_result = nested_object(trace_schemas.ExitResultSchema, "What became of it, if it closes a side.", null=True)


class RerunSchema(OutputSchema):
    """The signals that were rerun."""

    status = text("`rerun`.")
    signal_ids = fields.List(fields.UUID(), required=True, metadata={"description": "Signals that are due again."})
    enqueued = boolean(
        "True when they were sent to the pipeline; otherwise the broker is down and the sweep sends them."
    )
    request_id = text("Id of the request in the logs.")


class RerunRefusedSchema(OutputSchema):
    """The reasons of a refused rerun."""

    status = text("`refused`.")
    refused = json_object("Reasons by signal id.")
    request_id = text("Id of the request in the logs.")


class RedrivenEventSchema(OutputSchema):
    """The result for one message that was read again."""

    event_id = uuid("Id of the message.")
    status = text("`accepted`, `duplicate` (its signals existed before) or `quarantined`.")
    signal_ids = fields.List(fields.UUID(), metadata={"description": "Signals of the message."})
    stale = fields.Boolean(metadata={"description": "True when they are too old to be traded for real."})
    errors = fields.Dict(keys=fields.String(), metadata={"description": "Remaining errors, by field."})


class RedrivenEventsSchema(OutputSchema):
    """The results for all messages that were read again."""

    status = text("`redriven`, or `refused` when one of them still cannot be read.")
    enqueued = boolean("True when the new signals were sent to the pipeline; otherwise the sweep sends them.")
    events = nested_list(RedrivenEventSchema, "Results, one for each message.")
    request_id = text("Id of the request in the logs.")


LIST_OUTPUT = ListOutput(name="signals", query=traces.SIGNALS, item=SignalRowSchema)


@resource.list_route("/signals", needs=Scope.READ, item=SignalRowSchema, query=SignalQuerySchema)
def list_signals(query: Document) -> Any:
    """List signals, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/signals/<uuid:signal_id>", needs=Scope.READ, answer=SignalTraceSchema)
def show_signal(signal_id: UUID) -> Response:
    """Show the whole trace of a signal, from the alert to its outcomes."""
    return json_response(
        require_found(api_database().read(lambda session: load_trace_document(session, signal_id)), what="signal")
    )


@resource.action_route(
    "/signals/rerun",
    needs=Scope.OPERATE,
    body=ActInputSchema,
    answer=RerunSchema,
    refusal=RerunRefusedSchema,
    step_up=True,
)
def rerun_signals(body: Document) -> Response:
    """Reset the attempts of unfinished signals, so that they are processed again.

    Refused for all signals when one of them is unknown, done, being processed, or has an order at the venue: such an
    order is looked up and not sent again.
    """
    audit, database_access = audit_context(body["reason"]), api_database()
    return response_with_request_id(
        *database_access.run(lambda database: _rerun(database_access.settings, database, body["ids"], audit=audit))
    )


@resource.action_route(
    "/signals/redrive",
    needs=Scope.OPERATE,
    body=ActInputSchema,
    answer=RedrivenEventsSchema,
    refusal=RedrivenEventsSchema,
)
def redrive_events(body: Document) -> Response:
    """Read messages from quarantine again, after a fix.

    A message older than its source's maximum lag becomes a stale signal: traded in shadow, never for real.
    """
    audit, database_access = audit_context(body["reason"]), api_database()
    return response_with_request_id(
        *database_access.run(lambda database: _redrive(database_access.settings, database, body["ids"], audit=audit))
    )


def load_trace_document(session: Session, signal_id: UUID) -> Document | None:
    """Return the trace's document; None when there is no such signal."""
    try:
        return signal_trace.build_trace_document(traces.load(session, signal_id))
    except SignalUnknown:
        return None


def _rerun(settings: Settings, database: Database, ids: Sequence[UUID], *, audit: AuditContext) -> tuple[Document, int]:
    """Rerun signals; return the answer and its HTTP status."""
    try:
        return {"status": "rerun", **rerun(settings, database, ids, audit=audit)}, 200
    except RerunRefused as refused:
        reasons = {str(signal_id): reason for signal_id, reason in refused.reasons.items()}
        return {"status": "refused", "refused": reasons}, 409


def _redrive(
    settings: Settings, database: Database, ids: Sequence[UUID], *, audit: AuditContext
) -> tuple[Document, int]:
    """Redrive messages; return the answer and its HTTP status."""
    report = redrive(settings, database, ids, audit=audit)
    document = {
        "status": "redriven" if report.is_complete else "refused",
        "enqueued": report.enqueued,
        "events": [_format_message(message) for message in report.messages],
    }
    return document, 200 if report.is_complete else 409


def _format_message(message: RedrivenMessage) -> Document:
    """Return the result for one redriven message."""
    event_id = str(message.event_id)
    if message.errors:
        return {"event_id": event_id, "status": "quarantined", "errors": message.errors}
    return {
        "event_id": event_id,
        "status": "accepted" if message.new else "duplicate",
        "signal_ids": [str(signal_id) for signal_id in message.signal_ids],
        "stale": message.is_stale,
    }
