"""Incidents: what needs a person, and saying that it was dealt with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import fields
from werkzeug.exceptions import NotFound

from app.api import paging
from app.api.fields import OutputSchema, json_object, text, utc_time, uuid
from app.api.paging import PageInputSchema, Shown
from app.api.reach import here
from app.api.request_schemas import ReasonInputSchema, line
from app.api.resource import Noun
from app.api.responses import audit_context
from db import incidents
from domain.access import Scope
from operations import incidents as incident_operations
from operations.incidents import NotOpen

Document = dict[str, Any]
noun = Noun("incidents", "What needs a person.")


class IncidentQuerySchema(PageInputSchema):
    """Which incidents are listed."""

    kind = line("Only incidents of this kind.")
    subject = line("Only incidents about this.")
    open = fields.Boolean(metadata={"description": "Only open incidents, or only closed ones."})


class IncidentRowSchema(OutputSchema):
    """An incident."""

    incident_id = uuid("Its id.")
    kind = text("What kind of incident.")
    subject = text("What it is about.")
    detail = json_object("What was seen.")
    opened_at = utc_time("When it was opened.")
    closed_at = utc_time("When it was closed.", null=True)


class ClosedSchema(OutputSchema):
    """Which incident was closed."""

    incident_id = uuid("Its id.")
    status = text("`closed`.")


SHOWN = Shown(name="incidents", of=incidents.INCIDENTS, item=IncidentRowSchema)


@noun.lists("/incidents", needs=Scope.READ, item=IncidentRowSchema, query=IncidentQuerySchema)
def list_incidents(query: Document) -> Any:
    """List incidents, newest first."""
    return paging.answer(SHOWN, query)


@noun.acts("/incidents/<uuid:incident_id>/close", needs=Scope.OPERATE, body=ReasonInputSchema, answer=ClosedSchema)
def close_incident(given: Document, *, incident_id: UUID) -> Document:
    """Close an incident that was dealt with; a new one is opened when its cause is seen again."""
    audit = audit_context(given["reason"])
    try:
        return here().change(lambda session: incident_operations.close(session, incident_id, audit=audit))
    except NotOpen as error:
        raise NotFound(str(error)) from None
