"""The API put together: its routes, the document that describes them, and what a stranger meets."""

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
from app.api.reach import EXTENSION, Reach
from app.api.resource import PREFIX, Noun
from app.web.deadlines import Deadlines
from config.settings import Settings
from domain.access import Scope

NOUNS = (sources, signals, quarantine, experiments, trades, policies, studies, incidents, health)
_DESCRIPTION = f"""\
Every path needs a token: `Authorization: Bearer ...`. A stranger is answered 401, whatever the path.

Money and quantities are decimal strings, times ISO 8601 in UTC, ratios numbers or null. Errors are
`{problems.MEDIA_TYPE}`; 405, for a method that a path does not have, is one of them.

Lists come in pages: `next` is the `cursor` of the next one. `format=csv` gives a whole list as CSV.
"""

log = structlog.get_logger()


class Mounted(Api):  # type: ignore[misc]  # it has no types
    """The routes and their document; errors are answered by the application."""

    ERROR_SCHEMA = problems.ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def add(self, noun: Noun) -> None:
        """Register a noun's routes, in the application and in the document."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][noun.name] = self
        self._app.register_blueprint(noun)
        noun.register_views_in_doc(self, self._app, self.spec, name=noun.name, parameters=None)
        self.spec.tag({"name": noun.noun, "description": noun.description})

    def _register_error_handlers(self) -> None:
        """Leave errors to the application."""

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                self.spec.components.response(status.name, _described(status), lazy=True)


def mount(app: Flask, settings: Settings, deadlines: Deadlines) -> None:
    """Put the API into the web application; nothing connects before the first request."""
    app.extensions[EXTENSION] = reach = Reach(settings, deadlines)
    weakref.finalize(app, reach.close)
    app.before_request(_stop_strangers)
    made = Mounted(app, spec_kwargs=_terms())
    made.ma_plugin.converter.add_attribute_function(_type_of_enum)
    for module in NOUNS:
        made.add(module.noun)

    @app.get(f"{PREFIX}/openapi.json", endpoint="api_document")
    @permissions.needs(Scope.READ)
    def document() -> dict[str, Any]:
        """Describe the API."""
        described: dict[str, Any] = made.spec.to_dict()
        return described


def _stop_strangers() -> Response | None:
    """Answer a stranger the same for each path: Flask would tell apart those that are there, redirects among them."""
    if not problems.concerns(request.path) or permissions.principal() is not None:
        return None
    log.info("api.unauthorized")
    return problems.answer(Unauthorized())


def _type_of_enum(_: Any, field: Field[Any], **__: Any) -> dict[str, Any]:
    """Say that our enums are text, which the library leaves open."""
    if not isinstance(field, fields.Enum):
        return {}
    return {"type": ["string", "null"] if field.allow_none else "string"}


def _terms() -> dict[str, Any]:
    return {
        "title": "Trading orchestrator",
        "version": version("trading-orchestrator"),
        "openapi_version": "3.1.0",
        "info": {"description": _DESCRIPTION},
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _described(status: HTTPStatus) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": status.phrase,
        "content": {problems.MEDIA_TYPE: {"schema": problems.ProblemSchema}},
    }
    if status is HTTPStatus.UNAUTHORIZED:
        told["headers"] = {
            "WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": {"type": "string"}}
        }
    return told
