"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from flask import Response, g, request
from marshmallow import fields
from werkzeug.exceptions import HTTPException, InternalServerError, UnprocessableEntity

from app.access.permissions import StepUpNeeded
from app.api.fields import OutputSchema
from app.web import request_body

MEDIA_TYPE = "application/problem+json"
STEP_UP = "urn:trading-orchestrator:step-up-needed"
UNTYPED = "about:blank"
_PREFIX = "api/"
_KEPT_HEADERS = ("Allow", "Retry-After")
_JSON = msgspec.json.Encoder()

log = structlog.get_logger()


class InvalidInput(UnprocessableEntity):
    """The input is invalid; `errors` says by field what would be right."""

    description = "the input is not as it must be; `errors` says what would be right, by field"

    def __init__(self, errors: Mapping[str, Any]) -> None:
        super().__init__()
        self.errors = errors


class ProblemSchema(OutputSchema):
    """An error of the API as problem details (RFC 9457)."""

    type = fields.String(
        required=True,
        metadata={"description": f"`{UNTYPED}`, or `{STEP_UP}` when a 403 asks for the password once more."},
    )
    title = fields.String(required=True, metadata={"description": "The status in words.", "examples": ["Not Found"]})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status.", "examples": [404]})
    detail = fields.String(required=True, metadata={"description": "What went wrong, in words."})
    errors = fields.Dict(
        keys=fields.String(),
        metadata={
            "description": "What would be right, by field; of a 422 only.",
            "examples": [{"limit": ["Must be greater than or equal to 1 and less than or equal to 500."]}],
        },
    )
    request_id = fields.String(required=True, metadata={"description": "Names the request in the logs."})


def is_api_path(path: str) -> bool:
    """Return whether a path belongs to the API, however many slashes it begins with."""
    return path.lstrip("/").startswith(_PREFIX)


def error_response(error: Exception) -> Response:
    """Return the response for an error; an unexpected one is logged in full and answered without details.

    For authenticated requests the rest of the body is read first, so that the client sees the answer; others could
    hold the thread by sending slowly.
    """
    if g.get("principal") is not None:
        request_body.drain(request.stream)
    if not isinstance(error, HTTPException):
        log.error("request.failed", exc_info=error)
        error = InternalServerError("this was not expected; the log has it under this request_id")
    status = HTTPStatus(error.code or 500)
    document = {
        "type": STEP_UP if isinstance(error, StepUpNeeded) else UNTYPED,
        "title": error.name,
        "status": status.value,
        "detail": _detail(error, status),
        **({"errors": error.errors} if isinstance(error, InvalidInput) else {}),
        "request_id": g.get("request_id", ""),
    }
    return Response(_JSON.encode(document), status=status, content_type=MEDIA_TYPE, headers=_headers(error, status))


def _detail(error: HTTPException, status: HTTPStatus) -> str:
    """Return the error's description; 401 has always the same."""
    if status is HTTPStatus.UNAUTHORIZED:
        return "this needs a token: Authorization: Bearer ..."
    return error.description or status.description or status.phrase


def _headers(error: HTTPException, status: HTTPStatus) -> dict[str, str]:
    """Return the headers of the error's response: the challenge of a 401, else those worth keeping."""
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    headers = dict(error.get_headers())
    return {name: headers[name] for name in _KEPT_HEADERS if name in headers}
