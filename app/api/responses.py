"""Helpers of the views: the audit context of a request, 404 for missing objects, JSON responses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import Response, g, jsonify
from werkzeug.exceptions import NotFound, Unauthorized

from app.access import permissions
from operations.audit_entry import AuditContext

T = TypeVar("T")


def require_actor() -> str:
    """Return the requester's name for the audit log.

    Raises:
        Unauthorized: without valid credentials.
    """
    principal = permissions.principal()
    if principal is None:
        raise Unauthorized
    return principal.name


def audit_context(reason: str) -> AuditContext:
    """Return the audit context of an operation that the caller asks for now."""
    return AuditContext(actor=require_actor(), reason=reason, at=datetime.now(UTC))


def require_found(value: T | None, *, what: str) -> T:
    """Return the value.

    Raises:
        NotFound: when it is None.
    """
    if value is None:
        raise NotFound(f"there is no such {what}")
    return value


def json_response(document: Mapping[str, Any]) -> Response:
    """Return a response with this document, which no schema filters."""
    return jsonify(document)


def response_with_request_id(document: Mapping[str, Any], status: int) -> Response:
    """Return a response with this document and the request's id."""
    response = jsonify({**document, "request_id": g.request_id})
    response.status_code = status
    return response
