"""Routes of incidents: problems that need a person, and closing them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import fields
from werkzeug.exceptions import NotFound

from app.api import paging
from app.api.database_access import api_database
from app.api.fields import OutputSchema, json_object, text, utc_time, uuid
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import ReasonInputSchema, line_parameter
from app.api.resource import ApiResource
from app.api.responses import audit_context
from db import incidents
from domain.access import Scope
from operations import incidents as incident_operations
from operations.incidents import NotOpen

Document = dict[str, Any]
resource = ApiResource("incidents", "Problems that need a person.")


class IncidentQuerySchema(PageInputSchema):
    """Filters of the list of incidents."""

    kind = line_parameter("Only incidents of this kind.")
    subject = line_parameter("Only incidents with this subject.")
    open = fields.Boolean(metadata={"description": "Only open incidents, or only closed ones."})


class IncidentRowSchema(OutputSchema):
    """A row of the list of incidents."""

    incident_id = uuid("Unique id.")
    kind = text("Kind of incident.")
    subject = text("Subject, such as a source or symbol.")
    detail = json_object("Details of the observation.")
    opened_at = utc_time("Time it was opened.")
    closed_at = utc_time("Time it was closed.", null=True)


class ClosedSchema(OutputSchema):
    """The incident that was closed."""

    incident_id = uuid("Unique id.")
    status = text("`closed`.")


LIST_OUTPUT = ListOutput(name="incidents", query=incidents.INCIDENTS, item=IncidentRowSchema)


@resource.list_route("/incidents", needs=Scope.READ, item=IncidentRowSchema, query=IncidentQuerySchema)
def list_incidents(query: Document) -> Any:
    """List incidents, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.action_route(
    "/incidents/<uuid:incident_id>/close", needs=Scope.OPERATE, body=ReasonInputSchema, answer=ClosedSchema
)
def close_incident(body: Document, *, incident_id: UUID) -> Document:
    """Close an incident that was dealt with; a new one is opened when its cause occurs again."""
    audit = audit_context(body["reason"])
    try:
        return api_database().change(lambda session: incident_operations.close(session, incident_id, audit=audit))
    except NotOpen as error:
        raise NotFound(str(error)) from None
