"""What views share: who acts, what is not there, and documents that are answered as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import Response, g, jsonify
from werkzeug.exceptions import NotFound, Unauthorized

from app.access import permissions
from operations.audit_entry import AuditContext

T = TypeVar("T")


def actor() -> str:
    """Return the name of who asks, as it goes into the audit log."""
    who = permissions.principal()
    if who is None:
        raise Unauthorized
    return who.name


def audit_context(reason: str) -> AuditContext:
    """Return the audit context of an operation that the caller asks for now."""
    return AuditContext(actor=actor(), reason=reason, at=datetime.now(UTC))


def found(value: T | None, *, what: str) -> T:
    """Return what was looked for.

    Raises:
        NotFound: when it is None.
    """
    if value is None:
        raise NotFound(f"there is no such {what}")
    return value


def as_is(document: Mapping[str, Any]) -> Response:
    """Answer a document that was made elsewhere, with all it holds."""
    return jsonify(document)


def with_id(document: Mapping[str, Any], status: int) -> Response:
    """Answer a document that also names the request."""
    answer = jsonify({**document, "request_id": g.request_id})
    answer.status_code = status
    return answer
