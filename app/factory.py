"""The web application and its wiring: one of the two places where parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from flask import Flask, g, jsonify, request
from flask.typing import ResponseReturnValue
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.exceptions import HTTPException

from app import api, health, senders, webhook
from app.access import gate, identity
from app.api import problems
from app.auth import Authenticator
from app.console import page
from app.publisher import Enqueue, Publisher
from app.receiver import Receiver
from app.writer import Reach, Writer
from config import logging
from config.settings import Settings
from db.session import Database

RECEIVER = "orchestrator.receiver"
_STATEMENT_TIMEOUT_S = 0.9
_CONNECT_TIMEOUT_S = 1
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
)

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()


def create_app(settings: Settings, *, enqueue: Enqueue | None = None) -> Flask:
    """Return the web application; nothing connects or starts a thread before the first request.

    `enqueue` is told which signals were committed together (default: the pipeline).
    """
    logging.configure(settings)
    app = Flask(__name__, static_folder=None)
    app.config["SETTINGS"] = settings
    app.config["DATABASE"] = Database(settings.sqlalchemy_url, pool_size=1, connect_timeout_s=_CONNECT_TIMEOUT_S)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    receiver = _receiver(settings, enqueue or _pipeline(settings))
    app.extensions[RECEIVER] = receiver
    may_send = senders.allowed_by(settings.sender_addresses, trusted_proxies=settings.trusted_proxies or 0)
    app.extensions[gate.IDENTIFIER] = identity.identifier(settings)
    app.register_blueprint(webhook.blueprint(receiver, may_send=may_send))
    app.register_blueprint(health.blueprint(settings))
    app.register_blueprint(page.blueprint)
    app.before_request(_begin(uuid4().hex[:20]))
    api.mount(app, settings)
    app.wsgi_app = _with_headers(app.wsgi_app)  # type: ignore[method-assign, assignment]  # Flask's own way to wrap it
    app.register_error_handler(Exception, _failure)
    return app


def _receiver(settings: Settings, enqueue: Enqueue) -> Receiver:
    return Receiver(
        Authenticator(_impatient(settings, pool_size=2)),
        Writer(_impatient(settings, pool_size=1), Publisher(enqueue), reach=_failpoints(settings)),
    )


def _impatient(settings: Settings, *, pool_size: int) -> Database:
    return Database(
        settings.sqlalchemy_url,
        pool_size=pool_size,
        statement_timeout_s=_STATEMENT_TIMEOUT_S,
        lock_timeout_s=_STATEMENT_TIMEOUT_S,
        connect_timeout_s=_CONNECT_TIMEOUT_S,
    )


def _pipeline(settings: Settings) -> Enqueue:
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and not every use of the app sends

    pipeline.connect(settings)
    return pipeline.enqueue


def _failpoints(settings: Settings) -> Reach | None:
    """Return what stops the writer where a test asks for it; nothing without FAILPOINTS=1."""
    if settings.failpoint_dir is None:
        return None
    from tasks import pipeline  # noqa: PLC0415 - as above

    return partial(pipeline.reach, settings.failpoint_dir)


def _begin(process: str) -> Callable[[], None]:
    """Name each request by its process's random part and a count: random bytes for each one cost under load."""
    numbers = count()

    def begin() -> None:
        g.request_id = f"{process}{next(numbers):012x}"
        clear_contextvars()
        bind_contextvars(request_id=g.request_id)

    return begin


def _with_headers(inner: WSGIApplication) -> WSGIApplication:
    """Add our headers to every answer, at a fraction of what Flask's own hook costs per request."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            given = {name for name, _ in headers}
            headers += [one for one in _HEADERS if one[0] not in given]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return inner(environ, start)

    return application


def _failure(error: Exception) -> ResponseReturnValue:
    """Answer in JSON; what we did not expect is logged in full and told in general."""
    if problems.concerns(request.path):
        return problems.answer(error)
    if isinstance(error, HTTPException):
        response = error.get_response()
        document = {"status": error.name.lower().replace(" ", "_"), "request_id": g.get("request_id")}
        return jsonify(document), error.code or 500, {"Allow": response.headers["Allow"]} if error.code == 405 else {}
    log.error("request.failed", exc_info=error)
    return jsonify({"status": "internal_server_error", "request_id": g.get("request_id")}), 500
