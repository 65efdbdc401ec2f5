"""`/api/v1`: what operators do by HTTP. To a stranger nothing is revealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from flask import Blueprint, Response, abort, g, request
from marshmallow import ValidationError

from app import redrive, streams
from app.access import gate
from app.deadlines import Aside, DeadlineMissed
from app.redrive import Redriven
from app.schemas import ActInput
from config.settings import Settings
from db.errors import SQLAlchemyError
from db.session import Database
from domain.access import Scope

MAX_BODY = 64 * 1024
_WITHIN_S = 5.0
_PREFIX = "api/"
_JSON = msgspec.json.Encoder()

log = structlog.get_logger()
Document = dict[str, Any]
Act = Callable[[Document, str], tuple[Document, int]]


def blueprint(settings: Settings, database: Database) -> Blueprint:
    """Return the blueprint of the API."""
    made = Blueprint("api", __name__)
    acts: Aside[tuple[Document, int]] = Aside("api")

    @made.before_app_request
    def require_token() -> Response | None:
        # Slashes may be doubled: Flask would redirect such a path to the one it means, and so tell that it is one.
        if not request.path.lstrip("/").startswith(_PREFIX) or gate.principal() is not None:
            return None
        streams.drain(request.stream)
        log.info("api.unauthorized")
        return _answer({"status": "unauthorized"}, 401, headers={"WWW-Authenticate": "Bearer"})

    @made.post("/api/v1/signals/rerun")
    @gate.needs(Scope.OPERATE, step_up=True)
    def rerun_signals() -> Response:
        return _acted(acts, lambda given, actor: _rerun(settings, database, given, actor=actor))

    @made.post("/api/v1/signals/redrive")
    @gate.needs(Scope.OPERATE)
    def redrive_events() -> Response:
        return _acted(acts, lambda given, actor: _redrive(settings, database, given, actor=actor))

    return made


def _acted(acts: Aside[tuple[Document, int]], act: Act) -> Response:
    """Do what the body asks for and answer; a database that does not answer in time is said to be away."""
    try:
        given, who = _given(), gate.principal()
        actor = who.name if who is not None else ""
        return _answer(*acts.run(lambda: act(given, actor), within_s=_WITHIN_S))
    except ValidationError as error:
        return _answer({"status": "invalid", "errors": error.messages_dict}, 422)
    except (SQLAlchemyError, DeadlineMissed) as error:
        log.warning("api.unavailable", error=type(error).__name__)
        return _answer({"status": "unavailable"}, 503)


def _given() -> Document:
    body = streams.read(request.stream, most=MAX_BODY)
    if len(body) > MAX_BODY:
        abort(413)
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise ValidationError({"body": ["must be a JSON document"]}) from None
    if not isinstance(document, dict):
        raise ValidationError({"body": ["must be a JSON object"]})
    given: Document = ActInput().load(document)
    return given


def _rerun(settings: Settings, database: Database, given: Document, *, actor: str) -> tuple[Document, int]:
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and not every use of the app sends

    ids, at = given["ids"], datetime.now(UTC)
    try:
        sent = pipeline.rerun(settings, database, ids, actor=actor, reason=given["reason"], at=at)
    except pipeline.RerunRefused as refused:
        return {"status": "refused", "refused": {str(one): why for one, why in refused.reasons.items()}}, 409
    return {"status": "rerun", "signal_ids": [str(one) for one in ids], "enqueued": sent}, 200


def _redrive(settings: Settings, database: Database, given: Document, *, actor: str) -> tuple[Document, int]:
    from tasks import pipeline  # noqa: PLC0415 - as above

    done = redrive.redrive(database, given["ids"], actor=actor, reason=given["reason"], now=datetime.now(UTC))
    new = [signal_id for one in done for signal_id in one.new]
    sent = pipeline.announce(settings, new)
    is_complete = not any(one.errors for one in done)
    document = {
        "status": "redriven" if is_complete else "refused",
        "enqueued": sent,
        "events": [_told(one) for one in done],
    }
    return document, 200 if is_complete else 409


def _told(one: Redriven) -> Document:
    event_id = str(one.event_id)
    if one.errors:
        return {"event_id": event_id, "status": "quarantined", "errors": one.errors}
    status = "accepted" if one.new else "duplicate"
    return {
        "event_id": event_id,
        "status": status,
        "signal_ids": [str(i) for i in one.signal_ids],
        "stale": one.is_stale,
    }


def _answer(document: Document, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    encoded = _JSON.encode(document | {"request_id": g.request_id})
    return Response(encoded, status=status, mimetype="application/json", headers=dict(headers or {}))
