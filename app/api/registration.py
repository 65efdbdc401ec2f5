"""Registration of the API: its routes, its OpenAPI document, and 401 for requests without valid credentials."""

from __future__ import annotations

import weakref
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import structlog
from flask import Flask, Response, request
from flask_smorest import Api
from marshmallow import fields
from marshmallow.fields import Field
from werkzeug.exceptions import Unauthorized

from app.access import permissions
from app.api import (
    experiments,
    health,
    incidents,
    policies,
    problems,
    quarantine,
    signals,
    sources,
    studies,
    trades,
)
from app.api.database_access import EXTENSION, ApiDatabase
from app.api.resource import PREFIX, ApiResource
from app.web.deadlines import Deadlines
from config.settings import Settings
from domain.access import Scope

RESOURCES = (sources, signals, quarantine, experiments, trades, policies, studies, incidents, health)
_DESCRIPTION = f"""\
Every path needs a token: `Authorization: Bearer ...`. Requests without a valid token get 401 on every path.

Money and quantities are decimal strings, times ISO 8601 in UTC, ratios numbers or null. Errors are
`{problems.MEDIA_TYPE}`; 405, for a method that a path does not have, is one of them.

Lists come in pages: `next` is the `cursor` of the next one. `format=csv` gives a whole list as CSV.
"""

log = structlog.get_logger()
_RESPONSES = "#/components/responses/"
# Python 3.13 renamed these members of HTTPStatus, after which the document names its error responses.
_STABLE_NAMES = {
    "CONTENT_TOO_LARGE": "REQUEST_ENTITY_TOO_LARGE",
    "URI_TOO_LONG": "REQUEST_URI_TOO_LONG",
    "RANGE_NOT_SATISFIABLE": "REQUESTED_RANGE_NOT_SATISFIABLE",
    "UNPROCESSABLE_CONTENT": "UNPROCESSABLE_ENTITY",
}


class OpenApi(Api):  # type: ignore[misc]  # it has no types
    """flask-smorest's registry of routes and their OpenAPI document; the application itself answers errors."""

    ERROR_SCHEMA = problems.ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def register_resource(self, resource: ApiResource) -> None:
        """Register a resource's routes in the application and in the document."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][resource.name] = self
        self._app.register_blueprint(resource)
        resource.register_views_in_doc(self, self._app, self.spec, name=resource.name, parameters=None)
        self.spec.tag({"name": resource.tag, "description": resource.description})

    def _register_error_handlers(self) -> None:
        """Leave errors to the application."""

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                self.spec.components.response(status.name, _describe_error(status), lazy=True)


def mount(app: Flask, settings: Settings, deadlines: Deadlines) -> None:
    """Add the API to the web application; nothing connects before the first request."""
    app.extensions[EXTENSION] = database = ApiDatabase(settings, deadlines)
    weakref.finalize(app, database.close)
    app.before_request(_require_credentials)
    api = OpenApi(app, spec_kwargs=_spec_options())
    api.ma_plugin.converter.add_attribute_function(_type_of_enum)
    for module in RESOURCES:
        api.register_resource(module.resource)

    @app.get(f"{PREFIX}/openapi.json", endpoint="api_document")
    @permissions.needs(Scope.READ)
    def document() -> dict[str, Any]:
        """Describe the API."""
        openapi: dict[str, Any] = _rename_responses(api.spec.to_dict())
        return openapi


def _rename_responses(document: Any) -> Any:
    """Replace the names of error responses that newer Pythons spell differently, as keys and in references."""
    if isinstance(document, dict):
        return {_STABLE_NAMES.get(key, key): _rename_responses(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_rename_responses(item) for item in document]
    if isinstance(document, str) and document.startswith(_RESPONSES):
        name = document.removeprefix(_RESPONSES)
        return _RESPONSES + _STABLE_NAMES.get(name, name)
    return document


def _require_credentials() -> Response | None:
    """Answer 401 on every API path without valid credentials: routing would reveal which paths exist."""
    if not problems.is_api_path(request.path) or permissions.principal() is not None:
        return None
    log.info("api.unauthorized")
    return problems.error_response(Unauthorized())


def _type_of_enum(_: Any, field: Field[Any], **__: Any) -> dict[str, Any]:
    """Give enum fields the type string, which apispec leaves out."""
    if not isinstance(field, fields.Enum):
        return {}
    return {"type": ["string", "null"] if field.allow_none else "string"}


def _spec_options() -> dict[str, Any]:
    """Return title, version and security scheme of the OpenAPI document."""
    return {
        "title": "Trading orchestrator",
        "version": version("trading-orchestrator"),
        "openapi_version": "3.1.0",
        "info": {"description": _DESCRIPTION},
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _describe_error(status: HTTPStatus) -> dict[str, Any]:
    """Return the OpenAPI response of an error status."""
    response: dict[str, Any] = {
        "description": status.phrase,
        "content": {problems.MEDIA_TYPE: {"schema": problems.ProblemSchema}},
    }
    if status is HTTPStatus.UNAUTHORIZED:
        response["headers"] = {
            "WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": {"type": "string"}}
        }
    return response
