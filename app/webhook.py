"""`POST /webhook/<token>`: reads the bytes, asks the receiver, writes the answer; nothing else."""

from __future__ import annotations

import time

import msgspec
import structlog
from flask import Blueprint, Response, g, request

from app import streams
from app.auth import AuthUnavailable, Unauthorized
from app.receiver import MAX_BODY, Answer, Posted, Receiver
from app.writer import WriterUnavailable

_JSON = msgspec.json.Encoder()

log = structlog.get_logger()


def blueprint(receiver: Receiver) -> Blueprint:
    """Return the blueprint of the webhook."""
    made = Blueprint("webhook", __name__)

    @made.post("/webhook/<token>")
    def receive(token: str) -> Response:
        started = time.monotonic()
        answer = _answer(receiver, token, started=started)
        receiver.count(answer.document["status"])
        answer.document["request_id"] = g.request_id
        answer.document["processing_time_ms"] = round((time.monotonic() - started) * 1000, 3)
        return Response(_JSON.encode(answer.document), status=answer.status, mimetype="application/json")

    return made


def _answer(receiver: Receiver, token: str, *, started: float) -> Answer:
    try:
        source = receiver.authenticate(token)
        posted = Posted(raw=streams.read(request.stream, most=MAX_BODY), content_type=request.content_type or "")
        return receiver.receive(posted, source, started=started)
    except Unauthorized:
        streams.drain(request.stream)
        log.info("webhook.unauthorized")
        return Answer(status=401, document={"status": "unauthorized"})
    except (AuthUnavailable, WriterUnavailable) as error:
        log.warning("webhook.unavailable", error=str(error))
        return Answer(status=503, document={"status": "unavailable"})
