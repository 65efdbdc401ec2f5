"""`POST /webhook/<token>`: the HTTP side of the receiver.

The token is checked before the body is looked at, so senders with a wrong one learn nothing more. A body that did not
arrive whole is refused with 503, so that the sender sends the alert again: a part of it may mean something else.
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
from app.web.request_body import BodyIncomplete
from app.webhook.authenticator import AuthUnavailable, Unauthorized
from app.webhook.receiver import MAX_BODY, PostedBody, Receiver, WebhookAnswer
from app.webhook.writer import WriterUnavailable

_JSON = msgspec.json.Encoder()
Environ = Mapping[str, Any]

log = structlog.get_logger()


def make_blueprint(
    receiver: Receiver, *, is_allowed_sender: Callable[[Environ], bool], origin: Callable[[Environ], str]
) -> Blueprint:
    """Return the webhook's blueprint.

    Senders for which `is_allowed_sender` is false get the same 401 as an unknown token. `origin` returns the name under
    which failed requests of a sender are counted.
    """
    blueprint = Blueprint("webhook", __name__)

    @blueprint.post("/webhook/<token>")
    def receive(token: str) -> Response:
        started = time.monotonic()
        environ = request.environ
        answer = _receive_alert(
            receiver,
            token,
            started=started,
            is_allowed_sender=is_allowed_sender(environ),
            origin=lambda: origin(environ),
        )
        receiver.count_answer(answer.document["status"])
        answer.document["request_id"] = g.request_id
        answer.document["processing_time_ms"] = round((time.monotonic() - started) * 1000, 3)
        body = _JSON.encode(answer.document) + b"\n"  # so that a terminal's prompt begins on a line of its own
        return Response(body, status=answer.status, mimetype="application/json", headers=answer.headers)

    return blueprint


def _receive_alert(
    receiver: Receiver, token: str, *, started: float, is_allowed_sender: bool, origin: Callable[[], str]
) -> WebhookAnswer:
    """Authenticate, read and store an alert; map refusals and outages to their HTTP statuses."""
    try:
        source = receiver.authenticate(token, origin=origin, is_allowed_sender=is_allowed_sender)
        posted = PostedBody(
            raw=request_body.read(request.stream, max_bytes=MAX_BODY), content_type=request.content_type or ""
        )
        return receiver.receive(posted, source, started=started)
    except Unauthorized:
        log.info("webhook.unauthorized", is_listed=is_allowed_sender)
        return WebhookAnswer(status=401, document={"status": "unauthorized"})
    except TooManyFailures as error:
        log.info("webhook.too_many_failures", is_listed=is_allowed_sender)
        headers = {"Retry-After": str(error.retry_after_s)}
        return WebhookAnswer(status=429, document={"status": "too_many_requests"}, headers=headers)
    except BodyIncomplete as error:
        log.warning("webhook.incomplete", reason=error.description)
        return WebhookAnswer(status=503, document={"status": "incomplete", "errors": {"body": [error.description]}})
    except (AuthUnavailable, WriterUnavailable) as error:
        log.warning("webhook.unavailable", error=str(error))
        return WebhookAnswer(status=503, document={"status": "unavailable"})
