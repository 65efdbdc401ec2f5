"""The web application and its wiring: one of the two places where parts are put together."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from itertools import count
from uuid import uuid4

import structlog
from flask import Blueprint, Flask, g, jsonify, request
from flask.typing import ResponseReturnValue
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.exceptions import HTTPException, NotFound

from app import api
from app.access import csrf, identity, limits, permissions
from app.api import problems
from app.console import account, login, rendering, report, sources
from app.probes import health, metrics
from app.web import allowed_senders, headers
from app.web.deadlines import Deadlines
from app.webhook import routes
from app.webhook.authenticator import Authenticator
from app.webhook.publisher import Enqueue, Publisher
from app.webhook.receiver import Receiver
from app.webhook.writer import Failpoint, Writer
from config import logging
from config.settings import Settings
from db.core.session import Database

RECEIVER = "orchestrator.receiver"
_TOLD = ("Allow", "Retry-After")
_CHALLENGE = {401: {"WWW-Authenticate": "Bearer"}}

log = structlog.get_logger()


def create_app(settings: Settings, *, enqueue: Enqueue | None = None, deadlines: Deadlines | None = None) -> Flask:
    """Return the web application; nothing connects or starts a thread before the first request.

    `enqueue` is called with the ids of signals that were committed together (default: send them to the pipeline).
    """
    deadlines = deadlines or Deadlines()
    logging.configure(settings)
    app = Flask(__name__, static_folder=None)
    app.config["SETTINGS"] = settings
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False  # such a redirect would go to whatever host the sender names
    app.config["DATABASE"] = _owned(
        app, Database(settings.sqlalchemy_url, pool_size=1, connect_timeout_s=deadlines.connect_s)
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    receiver = _receiver(settings, enqueue or _pipeline(settings), deadlines)
    app.extensions[RECEIVER] = receiver
    _let_in(app, settings, deadlines)
    app.register_blueprint(_webhook(settings, receiver))
    app.register_blueprint(health.blueprint(settings, within_s=deadlines.probe_s))
    app.register_blueprint(
        metrics.blueprint(
            settings, _owned(app, _impatient(settings, deadlines, pool_size=1)), receiver, within_s=deadlines.probe_s
        )
    )
    for pages in (report, login, account, sources):
        app.register_blueprint(pages.blueprint)
    app.before_request(_begin(uuid4().hex[:20]))
    api.mount(app, settings, deadlines)
    app.wsgi_app = headers.add_security_headers(app.wsgi_app, settings)  # type: ignore[method-assign, assignment]  # Flask's own way to wrap it
    app.register_error_handler(Exception, _failure)
    return app


def _let_in(app: Flask, settings: Settings, deadlines: Deadlines) -> None:
    """Set up what finds out who asks, and what logins and forms need."""
    csrf.install(app, settings)
    app.extensions[permissions.IDENTIFIER] = identity.identifier(
        settings, _owned(app, _impatient(settings, deadlines, pool_size=1)), within_s=deadlines.identity_s
    )
    app.extensions[login.DOORS] = login.Doors(
        _owned(app, _impatient(settings, deadlines, pool_size=1)), within_s=deadlines.login_s
    )


def _owned(app: Flask, database: Database) -> Database:
    """Return the database, whose connections are closed when the application is let go of."""
    weakref.finalize(app, database.dispose)
    return database


def _webhook(settings: Settings, receiver: Receiver) -> Blueprint:
    proxies = settings.trusted_proxies or 0
    is_listed = allowed_senders.make_sender_check(settings.sender_addresses, trusted_proxies=proxies)
    is_certified = allowed_senders.make_certificate_check(settings.client_certificate_header)
    return routes.make_blueprint(
        receiver,
        is_allowed_sender=lambda environ: is_listed(environ) and is_certified(environ),
        origin=partial(limits.origin, trusted_proxies=proxies),
    )


def _receiver(settings: Settings, enqueue: Enqueue, deadlines: Deadlines) -> Receiver:
    return Receiver(
        Authenticator(_impatient(settings, deadlines, pool_size=2), read_within_s=deadlines.webhook_s),
        Writer(_impatient(settings, deadlines, pool_size=1), Publisher(enqueue), failpoint=_failpoint(settings)),
        deadline_s=deadlines.webhook_s,
    )


def _impatient(settings: Settings, deadlines: Deadlines, *, pool_size: int) -> Database:
    return Database(
        settings.sqlalchemy_url,
        pool_size=pool_size,
        statement_timeout_s=deadlines.statement_s,
        lock_timeout_s=deadlines.statement_s,
        connect_timeout_s=deadlines.connect_s,
    )


def _pipeline(settings: Settings) -> Enqueue:
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and not every use of the app sends

    pipeline.connect(settings)
    return pipeline.enqueue


def _failpoint(settings: Settings) -> Failpoint | None:
    """Return a function that stops the writer where a test of failures asks for it; None without FAILPOINTS=1."""
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


def _failure(error: Exception) -> ResponseReturnValue:
    """Answer an error in JSON, or in a page when a browser asks for one that is not there.

    An unexpected error is logged in full; its answer tells nothing of it.
    """
    if problems.concerns(request.path):
        return problems.answer(error)
    if isinstance(error, NotFound) and _wants_page():
        return rendering.message(404, "No such page", "There is nothing at this address. The report is at /.")
    if isinstance(error, HTTPException):
        given = error.get_response().headers
        document = {"status": error.name.lower().replace(" ", "_"), "request_id": g.get("request_id")}
        named = {name: given[name] for name in _TOLD if name in given} | _CHALLENGE.get(error.code or 500, {})
        return jsonify(document), error.code or 500, named
    log.error("request.failed", exc_info=error)
    return jsonify({"status": "internal_server_error", "request_id": g.get("request_id")}), 500


def _wants_page() -> bool:
    """Return whether the request is a browser's; senders of alerts always get JSON."""
    if request.path.lstrip("/").startswith("webhook/"):
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
