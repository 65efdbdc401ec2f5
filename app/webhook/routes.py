"""`POST /webhook/<token>`: reads the bytes, asks the receiver, writes the answer; nothing else.

A stranger's bytes are not waited for: whoever sends slowly would hold a thread that alerts need.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from flask import Blueprint, Response, g, request

from app.access.limits import TooManyFailures
from app.web import request_body
from app.webhook.authenticator import AuthUnavailable, Unauthorized
from app.webhook.receiver import MAX_BODY, Answer, Posted, Receiver
from app.webhook.writer import WriterUnavailable

_JSON = msgspec.json.Encoder()
Environ = Mapping[str, Any]

log = structlog.get_logger()


def blueprint(
    receiver: Receiver, *, may_send: Callable[[Environ], bool], origin: Callable[[Environ], str]
) -> Blueprint:
    """Return the blueprint of the webhook; who may not send is told what a stranger is told.

    `origin` names where a request comes from, for the count of those that failed.
    """
    made = Blueprint("webhook", __name__)

    @made.post("/webhook/<token>")
    def receive(token: str) -> Response:
        started = time.monotonic()
        environ = request.environ
        answer = _answer(receiver, token, started=started, is_listed=may_send(environ), origin=lambda: origin(environ))
        receiver.count(answer.document["status"])
        answer.document["request_id"] = g.request_id
        answer.document["processing_time_ms"] = round((time.monotonic() - started) * 1000, 3)
        body = _JSON.encode(answer.document) + b"\n"  # a terminal's prompt stands on a line of its own then
        return Response(body, status=answer.status, mimetype="application/json", headers=answer.headers)

    return made


def _answer(receiver: Receiver, token: str, *, started: float, is_listed: bool, origin: Callable[[], str]) -> Answer:
    try:
        source = receiver.authenticate(token, origin=origin, is_listed=is_listed)
        posted = Posted(raw=request_body.read(request.stream, most=MAX_BODY), content_type=request.content_type or "")
        return receiver.receive(posted, source, started=started)
    except Unauthorized:
        log.info("webhook.unauthorized", is_listed=is_listed)
        return Answer(status=401, document={"status": "unauthorized"})
    except TooManyFailures as error:
        log.info("webhook.too_many_failures", is_listed=is_listed)
        headers = {"Retry-After": str(error.retry_after_s)}
        return Answer(status=429, document={"status": "too_many_requests"}, headers=headers)
    except (AuthUnavailable, WriterUnavailable) as error:
        log.warning("webhook.unavailable", error=str(error))
        return Answer(status=503, document={"status": "unavailable"})
