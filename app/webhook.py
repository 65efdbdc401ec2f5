"""`POST /webhook/<token>`: reads the bytes, asks the receiver, writes the answer; nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from flask import Blueprint, Response, g, request

from app import streams
from app.auth import AuthUnavailable, Unauthorized
from app.receiver import MAX_BODY, Answer, Posted, Receiver
from app.writer import WriterUnavailable

_JSON = msgspec.json.Encoder()

log = structlog.get_logger()


def blueprint(receiver: Receiver, *, may_send: Callable[[Mapping[str, Any]], bool]) -> Blueprint:
    """Return the blueprint of the webhook; who may not send is told what a stranger is told."""
    made = Blueprint("webhook", __name__)

    @made.post("/webhook/<token>")
    def receive(token: str) -> Response:
        started = time.monotonic()
        answer = _answer(receiver, token, started=started, is_listed=may_send(request.environ))
        receiver.count(answer.document["status"])
        answer.document["request_id"] = g.request_id
        answer.document["processing_time_ms"] = round((time.monotonic() - started) * 1000, 3)
        return Response(_JSON.encode(answer.document), status=answer.status, mimetype="application/json")

    return made


def _answer(receiver: Receiver, token: str, *, started: float, is_listed: bool) -> Answer:
    try:
        if not is_listed:
            raise Unauthorized
        source = receiver.authenticate(token)
        posted = Posted(raw=streams.read(request.stream, most=MAX_BODY), content_type=request.content_type or "")
        return receiver.receive(posted, source, started=started)
    except Unauthorized:
        streams.drain(request.stream)
        log.info("webhook.unauthorized", is_listed=is_listed)
        return Answer(status=401, document={"status": "unauthorized"})
    except (AuthUnavailable, WriterUnavailable) as error:
        log.warning("webhook.unavailable", error=str(error))
        return Answer(status=503, document={"status": "unavailable"})
