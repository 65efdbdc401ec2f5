"""Quarantine: what could not be read, what would be right, and which fields keep messages from being read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging
from app.api.fields import Output, count, ident, mapping, moment, one_of, parts, text
from app.api.paging import PageInput, Shown
from app.api.reach import here
from app.api.request_schemas import Input, line, whole
from app.api.resource import Noun
from app.api.responses import as_is, found
from db import webhook_events
from db.webhook_events import EventKind
from domain.access import Scope
from domain.signal import Action, Direction, InstrumentKind
from operations import explain_message

Document = dict[str, Any]
noun = Noun("quarantine", "Messages that were not accepted, and why.")


class QuarantineQuery(PageInput):
    """Which messages are listed."""

    source = line("Only messages of this source.")
    book = line("Only messages for this book.")
    kind = fields.Enum(EventKind, by_value=True, metadata={"description": "Not understood, or too large."})
    redriven = fields.Boolean(metadata={"description": "Only messages that became signals since, or that did not."})


class FormatsQuery(Input):
    """Of which messages the failing fields are reported."""

    source = line("Only messages of this source.")
    days = whole("Of the last so many days.", least=1, most=3650, default=7)


class QuarantineRow(Output):
    """A message as it is listed."""

    event_id = ident("Its id.")
    source = text("Who sent it.")
    book = text("The book it was for.")
    kind = one_of(EventKind, "Not understood, or too large (its first 64 KB are kept).")
    received_at = moment("When it came, on its book's clock.")
    errors = mapping("What would be right, by field.")
    redriven_at = moment("When it was read after all.", null=True)
    redriven_signal_id = ident("The signal it became; the first, where there are several.", null=True)


class ReadToday(Output):
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


class Explanation(Output):
    """A message in quarantine, what was wrong with it, and what it would be read as today."""

    event_id = ident("Its id.")
    source = text("Who sent it.")
    received_at = fields.String(
        required=True, metadata={"description": "When it came, on its book's clock.", "format": "date-time"}
    )
    body = text("The message, with every word hidden that may be a secret.")
    errors = mapping("What was wrong, by field.")
    today = parts(ReadToday, "What it would be read as today.")
    redriven_signal_id = ident("The signal it became since.", null=True)


class Failing(Output):
    """A field that kept messages of a source from being read."""

    source = text("The source.")
    field = text("The field.")
    times = count("How often.")
    last_at = fields.String(required=True, metadata={"description": "When last.", "format": "date-time"})
    last_event = ident("The last of these messages.")


class Formats(Output):
    """Which fields keep messages from being read, the most frequent first."""

    failing = parts(Failing, "The fields.")


SHOWN = Shown(name="quarantine", of=webhook_events.EVENTS, item=QuarantineRow)


@noun.lists("/quarantine", needs=Scope.READ, item=QuarantineRow, query=QuarantineQuery)
def list_quarantine(query: Document) -> Any:
    """List messages that were not accepted, newest first."""
    return paging.answer(SHOWN, query)


@noun.shows("/quarantine/<uuid:event_id>", needs=Scope.READ, answer=Explanation)
def explain_event(event_id: UUID) -> Response:
    """Explain a message that was not understood; one that was too large is not kept whole and so not found here."""
    return as_is(
        found(here().read(lambda session: explain_message.explain(session, event_id)), what="message in quarantine")
    )


@noun.shows("/quarantine/formats", needs=Scope.READ, answer=Formats, query=FormatsQuery)
def report_formats(query: Document) -> Document:
    """Report which fields keep messages from being read, by source, the most frequent first."""
    since = datetime.now(UTC) - timedelta(days=query["days"])
    source = query.get("source")
    return {
        "failing": here().read(
            lambda session: explain_message.report_failing_fields(session, source=source, since=since)
        )
    }
