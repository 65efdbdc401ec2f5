"""Registration of routes with their authorization, their input and output schemas, and their documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema

from app.access import permissions
from app.api import csv_export, paging
from app.api.paging import PageInputSchema
from app.api.request_schemas import StrictParser, refuse_query_parameters
from domain.access import Scope

PREFIX = "/api/v1"
_ALWAYS_DOCUMENTED = (401, 403, 422, 429, 503)
_WITH_BODY = (413, 415)
_PATH_PARAMETERS = {
    "name": "name of the source",
    "signal_id": "id of the signal",
    "event_id": "id of the message",
    "experiment_id": "id of the experiment",
    "trade_id": "id of the trade",
    "study_id": "id of the study",
    "incident_id": "id of the incident",
}

View = Callable[..., Any]


class ApiResource(Blueprint):  # type: ignore[misc]  # it has no types
    """Blueprint of one kind of object; its decorators register views with their scope and schemas."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(f"api_{name}", __name__, url_prefix=PREFIX, description=description)
        self.tag = name

    def list_route(
        self, rule: str, *, needs: Scope, item: type[Schema], query: type[PageInputSchema]
    ) -> Callable[[View], View]:
        """Register a view that returns a list, as pages of JSON or as CSV."""

        def decorate(view: View) -> View:
            wrapped = self.arguments(query, location="query")(view)
            wrapped = self.response(200, paging.page_of(item), headers=paging.LINK)(wrapped)
            wrapped = self.alt_response(200, schema={"type": "string"}, content_type=csv_export.MEDIA_TYPE)(wrapped)
            return self._register(wrapped, rule, method="GET", needs=needs)

        return decorate

    def detail_route(
        self,
        rule: str,
        *,
        needs: Scope,
        answer: type[Schema],
        query: type[Schema] | None = None,
        errors: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """Register a view that returns one document; without a `query` schema, query parameters are refused."""

        def decorate(view: View) -> View:
            wrapped = self.response(200, answer)(view)
            wrapped = (
                refuse_query_parameters(wrapped) if query is None else self.arguments(query, location="query")(wrapped)
            )
            return self._register(wrapped, rule, method="GET", needs=needs, errors=errors)

        return decorate

    def action_route(
        self,
        rule: str,
        *,
        needs: Scope,
        body: type[Schema],
        answer: type[Schema],
        status: int = 200,
        refusal: type[Schema] | None = None,
        step_up: bool = False,
        errors: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """Register a view that changes something; `refusal` is the schema of its answer 409."""

        def decorate(view: View) -> View:
            wrapped = self.response(status, answer)(view)
            if refusal is not None:
                wrapped = self.alt_response(409, schema=refusal)(wrapped)
            wrapped = refuse_query_parameters(
                self.arguments(body, location="json", required=_has_required_field(body))(wrapped)
            )
            return self._register(
                wrapped, rule, method="POST", needs=needs, step_up=step_up, errors=(*_WITH_BODY, *errors)
            )

        return decorate

    def _register(
        self, view: View, rule: str, *, method: str, needs: Scope, step_up: bool = False, errors: Sequence[int] = ()
    ) -> View:
        """Add the documented errors, require the scope, and add the route."""
        not_found = (404,) if "<" in rule else ()
        for status in sorted({*_ALWAYS_DOCUMENTED, *not_found, *errors}):
            view = self.alt_response(status, HTTPStatus(status).name)(view)
        view = self.doc(operationId=view.__name__, security=[{"bearer": [needs.value]}])(view)
        authorized = permissions.needs(needs, step_up=step_up)(view)
        registered: View = self.route(rule, methods=[method], tags=[self.tag], parameters=_path_parameters(rule))(
            authorized
        )
        return registered


def _path_parameters(rule: str) -> list[dict[str, str]]:
    """Return the OpenAPI descriptions of the parameters in a rule."""
    names = [part.strip("<>").rpartition(":")[2] for part in rule.split("/") if part.startswith("<")]
    return [{"in": "path", "name": name, "description": f"The {_PATH_PARAMETERS[name]}."} for name in names]


def _has_required_field(body: type[Schema]) -> bool:
    return any(field.required for field in body().fields.values())
