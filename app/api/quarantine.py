"""Routes of the quarantine: messages that could not be read, their errors, and the most frequent failing fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.access import permissions
from app.api import paging
from app.api.database_access import api_database
from app.api.fields import OutputSchema, enum_value, integer, json_object, nested_list, text, utc_time, uuid
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import InputSchema, integer_parameter, line_parameter
from app.api.resource import ApiResource
from app.api.responses import json_response, require_found
from db import webhook_events
from db.webhook_events import EventKind
from domain.access import Scope
from domain.signal import Action, Direction, InstrumentKind
from operations import explain_message

Document = dict[str, Any]
resource = ApiResource("quarantine", "Messages that were not accepted, and their errors.")


class QuarantineQuerySchema(PageInputSchema):
    """Filters of the list of messages."""

    source = line_parameter("Only messages of this source.")
    book = line_parameter("Only messages for this book.")
    kind = fields.Enum(
        EventKind,
        by_value=True,
        metadata={"description": "Only messages that could not be read, or that were too large."},
    )
    redriven = fields.Boolean(metadata={"description": "Only messages that became signals since, or that did not."})


class FormatsQuerySchema(InputSchema):
    """Filters of the report about failing fields."""

    source = line_parameter("Only messages of this source.")
    days = integer_parameter("Number of days to look back.", least=1, most=3650, default=7)


class QuarantineRowSchema(OutputSchema):
    """A row of the list of messages."""

    event_id = uuid("Unique id.")
    source = text("Source that sent it.")
    book = text("Book it was for.")
    kind = enum_value(EventKind, "Could not be read, or too large (the first 64 KB are kept).")
    received_at = utc_time("Time of arrival, on the book's clock.")
    errors = json_object("Errors by field; each says what would be right.")
    redriven_at = utc_time("Time it was redriven.", null=True)
    redriven_signal_id = uuid("Signal it became; the first one of several.", null=True)


class ReadTodaySchema(OutputSchema):
    """One part of a message as today's dialects read it: the signal, or the errors."""

    dialect = fields.String(metadata={"description": "Dialect."})
    symbol = fields.String(metadata={"description": "Symbol; of a refused part for administrators only."})
    exchange = fields.String(metadata={"description": "Exchange, empty when the message names none."})
    instrument_kind = fields.Enum(InstrumentKind, by_value=True, metadata={"description": "Kind of instrument."})
    direction = fields.Enum(Direction, by_value=True, metadata={"description": "Direction."})
    action = fields.Enum(Action, by_value=True, metadata={"description": "Entry or exit."})
    price = fields.String(
        allow_none=True, metadata={"description": "Price, a decimal string; of a refused part like the symbol."}
    )
    timeframe = fields.String(allow_none=True, metadata={"description": "Interval, such as `1h`."})
    is_test = fields.Boolean(metadata={"description": "True when it is marked as a test."})
    bar = fields.Dict(
        keys=fields.String(), metadata={"description": "Bar that it brings, when it is of a bar feed and no signal."}
    )
    read_from = fields.Dict(keys=fields.String(), metadata={"description": "Fields that each meaning is read from."})
    errors = fields.Dict(
        keys=fields.String(), metadata={"description": "Errors by field; each says what would be right."}
    )


class ExplanationSchema(OutputSchema):
    """A message in quarantine with its errors and today's reading."""

    event_id = uuid("Unique id.")
    source = text("Source that sent it.")
    received_at = fields.String(
        required=True, metadata={"description": "Time of arrival, on the book's clock.", "format": "date-time"}
    )
    body = text("Message, with every word hidden that may be a secret.")
    errors = json_object("Errors by field.")
    today = nested_list(ReadTodaySchema, "Today's reading, one entry for each part.")
    redriven_signal_id = uuid("Signal it became since.", null=True)


class FailingSchema(OutputSchema):
    """A field that failed in messages of a source."""

    source = text("Source.")
    field = text("Field.")
    times = integer("Number of messages.")
    last_at = fields.String(required=True, metadata={"description": "Time of the last one.", "format": "date-time"})
    last_event = uuid("Id of the last message.")


class FormatsSchema(OutputSchema):
    """The failing fields, the most frequent first."""

    failing = nested_list(FailingSchema, "Failing fields.")


LIST_OUTPUT = ListOutput(name="quarantine", query=webhook_events.EVENTS, item=QuarantineRowSchema)


@resource.list_route("/quarantine", needs=Scope.READ, item=QuarantineRowSchema, query=QuarantineQuerySchema)
def list_quarantine(query: Document) -> Any:
    """List messages that were not accepted, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/quarantine/<uuid:event_id>", needs=Scope.READ, answer=ExplanationSchema)
def explain_event(event_id: UUID) -> Response:
    """Explain a message that could not be read, to administrators with the symbol and the price that it names.

    Messages that were too large are not kept whole and not found here.
    """
    explanation = require_found(
        api_database().read(lambda session: explain_message.explain(session, event_id)), what="message in quarantine"
    )
    principal = permissions.principal()
    is_admin = principal is not None and Scope.ADMIN in principal.scopes
    return json_response(explanation if is_admin else explain_message.hide_contents(explanation))


@resource.detail_route("/quarantine/formats", needs=Scope.READ, answer=FormatsSchema, query=FormatsQuerySchema)
def report_formats(query: Document) -> Document:
    """Report the fields that failed, by source, the most frequent first."""
    since = datetime.now(UTC) - timedelta(days=query["days"])
    source = query.get("source")
    return {
        "failing": api_database().read(
            lambda session: explain_message.report_failing_fields(session, source=source, since=since)
        )
    }
