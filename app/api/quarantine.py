"""Quarantine: what could not be read, what would be right, and which fields keep messages from being read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging
from app.api.fields import OutputSchema, enum_value, integer, json_object, nested_list, text, utc_time, uuid
from app.api.paging import PageInputSchema, Shown
from app.api.reach import here
from app.api.request_schemas import InputSchema, line, whole
from app.api.resource import Noun
from app.api.responses import as_is, found
from db import webhook_events
from db.webhook_events import EventKind
from domain.access import Scope
from domain.signal import Action, Direction, InstrumentKind
from operations import explain_message

Document = dict[str, Any]
noun = Noun("quarantine", "Messages that were not accepted, and why.")


class QuarantineQuerySchema(PageInputSchema):
    """Which messages are listed."""

    source = line("Only messages of this source.")
    book = line("Only messages for this book.")
    kind = fields.Enum(EventKind, by_value=True, metadata={"description": "Not understood, or too large."})
    redriven = fields.Boolean(metadata={"description": "Only messages that became signals since, or that did not."})


class FormatsQuerySchema(InputSchema):
    """Of which messages the failing fields are reported."""

    source = line("Only messages of this source.")
    days = whole("Of the last so many days.", least=1, most=3650, default=7)


class QuarantineRowSchema(OutputSchema):
    """A message as it is listed."""

    event_id = uuid("Its id.")
    source = text("Who sent it.")
    book = text("The book it was for.")
    kind = enum_value(EventKind, "Not understood, or too large (its first 64 KB are kept).")
    received_at = utc_time("When it came, on its book's clock.")
    errors = json_object("What would be right, by field.")
    redriven_at = utc_time("When it was read after all.", null=True)
    redriven_signal_id = uuid("The signal it became; the first, where there are several.", null=True)


class ReadTodaySchema(OutputSchema):
    """What a part of a message would be read as today, or what would still be wrong."""

    dialect = fields.String(metadata={"description": "The form of message it is."})
    symbol = fields.String(metadata={"description": "The symbol."})
    exchange = fields.String(metadata={"description": "The exchange, empty where none is named."})
    instrument_kind = fields.Enum(InstrumentKind, by_value=True, metadata={"description": "What kind of instrument."})
    direction = fields.Enum(Direction, by_value=True, metadata={"description": "Which way."})
    action = fields.Enum(Action, by_value=True, metadata={"description": "Entry or exit."})
    price = fields.String(allow_none=True, metadata={"description": "The price, a decimal string."})
    timeframe = fields.String(allow_none=True, metadata={"description": "The interval, such as `1h`."})
    is_test = fields.Boolean(metadata={"description": "Whether it calls itself a test."})
    read_from = fields.Dict(keys=fields.String(), metadata={"description": "From which fields each meaning is read."})
    errors = fields.Dict(keys=fields.String(), metadata={"description": "What would be right, by field."})


class ExplanationSchema(OutputSchema):
    """A message in quarantine, what was wrong with it, and what it would be read as today."""

    event_id = uuid("Its id.")
    source = text("Who sent it.")
    received_at = fields.String(
        required=True, metadata={"description": "When it came, on its book's clock.", "format": "date-time"}
    )
    body = text("The message, with every word hidden that may be a secret.")
    errors = json_object("What was wrong, by field.")
    today = nested_list(ReadTodaySchema, "What it would be read as today.")
    redriven_signal_id = uuid("The signal it became since.", null=True)


class FailingSchema(OutputSchema):
    """A field that kept messages of a source from being read."""

    source = text("The source.")
    field = text("The field.")
    times = integer("How often.")
    last_at = fields.String(required=True, metadata={"description": "When last.", "format": "date-time"})
    last_event = uuid("The last of these messages.")


class FormatsSchema(OutputSchema):
    """Which fields keep messages from being read, the most frequent first."""

    failing = nested_list(FailingSchema, "The fields.")


SHOWN = Shown(name="quarantine", of=webhook_events.EVENTS, item=QuarantineRowSchema)


@noun.lists("/quarantine", needs=Scope.READ, item=QuarantineRowSchema, query=QuarantineQuerySchema)
def list_quarantine(query: Document) -> Any:
    """List messages that were not accepted, newest first."""
    return paging.answer(SHOWN, query)


@noun.shows("/quarantine/<uuid:event_id>", needs=Scope.READ, answer=ExplanationSchema)
def explain_event(event_id: UUID) -> Response:
    """Explain a message that was not understood; one that was too large is not kept whole and so not found here."""
    return as_is(
        found(here().read(lambda session: explain_message.explain(session, event_id)), what="message in quarantine")
    )


@noun.shows("/quarantine/formats", needs=Scope.READ, answer=FormatsSchema, query=FormatsQuerySchema)
def report_formats(query: Document) -> Document:
    """Report which fields keep messages from being read, by source, the most frequent first."""
    since = datetime.now(UTC) - timedelta(days=query["days"])
    source = query.get("source")
    return {
        "failing": here().read(
            lambda session: explain_message.report_failing_fields(session, source=source, since=since)
        )
    }
