"""The web application's factory: creates its parts and wires them together, as `tasks.parts` does for the workers."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from itertools import count
from uuid import uuid4

import structlog
from flask import Flask, g, jsonify, request
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
from app.webhook.endpoint import AlertEndpoint, AlertShortcut
from app.webhook.publisher import Enqueue, Publisher
from app.webhook.receiver import Receiver
from app.webhook.writer import Failpoint, Writer
from config import logging
from config.settings import Settings
from db.core.session import Database

RECEIVER = "orchestrator.receiver"
ALERT_SHORTCUT = "orchestrator.alert_shortcut"
_KEPT_HEADERS = ("Allow", "Retry-After")
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
    app.url_map.merge_slashes = False  # its redirect would go to whatever host the request names
    app.config["DATABASE"] = _close_with_app(
        app, Database(settings.sqlalchemy_url, pool_size=1, connect_timeout_s=deadlines.connect_s)
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    receiver = _make_receiver(settings, enqueue or _connect_pipeline(settings), deadlines)
    app.extensions[RECEIVER] = receiver
    _install_access(app, settings, deadlines)
    endpoint = _make_endpoint(settings, receiver)
    next_request_id = _make_request_ids(uuid4().hex[:20])
    app.extensions[ALERT_SHORTCUT] = AlertShortcut(endpoint, next_request_id)
    app.register_blueprint(routes.make_blueprint(endpoint))
    app.register_blueprint(health.make_blueprint(settings, within_s=deadlines.probe_s))
    app.register_blueprint(
        metrics.make_blueprint(
            settings,
            _close_with_app(app, _make_database(settings, deadlines, pool_size=1)),
            receiver,
            within_s=deadlines.probe_s,
        )
    )
    for pages in (report, login, account, sources):
        app.register_blueprint(pages.blueprint)
    app.before_request(_begin_requests(next_request_id))
    api.mount(app, settings, deadlines)
    app.wsgi_app = headers.add_security_headers(app.wsgi_app, settings)  # type: ignore[method-assign, assignment]  # Flask's own way to wrap it
    app.register_error_handler(Exception, _answer_error)
    return app


def _install_access(app: Flask, settings: Settings, deadlines: Deadlines) -> None:
    """Set up identification, logins and CSRF tokens."""
    csrf.install(app, settings)
    app.extensions[permissions.IDENTIFIER] = identity.make_identifier(
        settings, _close_with_app(app, _make_database(settings, deadlines, pool_size=1)), within_s=deadlines.identity_s
    )
    app.extensions[login.CONSOLE_SERVICES] = login.ConsoleServices(
        _close_with_app(app, _make_database(settings, deadlines, pool_size=1)), within_s=deadlines.login_s
    )


def _close_with_app(app: Flask, database: Database) -> Database:
    """Return the database; its connections are closed when the application is garbage-collected."""
    weakref.finalize(app, database.dispose)
    return database


def _make_endpoint(settings: Settings, receiver: Receiver) -> AlertEndpoint:
    """Return the webhook's endpoint with the configured checks of senders."""
    proxies = settings.trusted_proxies or 0
    is_listed = allowed_senders.make_sender_check(settings.sender_addresses, trusted_proxies=proxies)
    is_certified = allowed_senders.make_certificate_check(settings.client_certificate_header)
    return AlertEndpoint(
        receiver,
        is_allowed_sender=lambda environ: is_listed(environ) and is_certified(environ),
        origin=partial(limits.origin_of, trusted_proxies=proxies),
    )


def _make_receiver(settings: Settings, enqueue: Enqueue, deadlines: Deadlines) -> Receiver:
    return Receiver(
        Authenticator(_make_database(settings, deadlines, pool_size=2), read_within_s=deadlines.webhook_s),
        Writer(
            _make_database(settings, deadlines, pool_size=1), Publisher(enqueue), failpoint=_make_failpoint(settings)
        ),
        deadline_s=deadlines.webhook_s,
        data_dir=settings.data_dir,
    )


def _make_database(settings: Settings, deadlines: Deadlines, *, pool_size: int) -> Database:
    """Return a pool whose statements and locks time out within the deadlines."""
    return Database(
        settings.sqlalchemy_url,
        pool_size=pool_size,
        statement_timeout_s=deadlines.statement_s,
        lock_timeout_s=deadlines.statement_s,
        connect_timeout_s=deadlines.connect_s,
    )


def _connect_pipeline(settings: Settings) -> Enqueue:
    """Return the function that sends signals to the pipeline."""
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and not every use of the app sends

    pipeline.connect(settings)
    return pipeline.enqueue


def _make_failpoint(settings: Settings) -> Failpoint | None:
    """Return a function that stops the writer where a test of failures asks for it; None without FAILPOINTS=1."""
    if settings.failpoint_dir is None:
        return None
    from tasks import pipeline  # noqa: PLC0415 - as above

    return partial(pipeline.reach, settings.failpoint_dir)


def _make_request_ids(process: str) -> Callable[[], str]:
    """Return a maker of request ids: the process's random part and a count, cheaper than random bytes."""
    numbers = count()
    return lambda: f"{process}{next(numbers):012x}"


def _begin_requests(next_request_id: Callable[[], str]) -> Callable[[], None]:
    """Return a hook that gives each request an id."""

    def begin_request() -> None:
        g.request_id = next_request_id()
        clear_contextvars()
        bind_contextvars(request_id=g.request_id)

    return begin_request


def _answer_error(error: Exception) -> ResponseReturnValue:
    """Answer an error in JSON, or in a page when a browser asks for one that is not there.

    An unexpected error is logged in full; the answer has no details of it.
    """
    if problems.is_api_path(request.path):
        return problems.error_response(error)
    if isinstance(error, NotFound) and _wants_page():
        return rendering.message_page(404, "No such page", "There is nothing at this address. The report is at /.")
    if isinstance(error, HTTPException):
        sent_headers = error.get_response().headers
        document = {"status": error.name.lower().replace(" ", "_"), "request_id": g.get("request_id")}
        kept = {name: sent_headers[name] for name in _KEPT_HEADERS if name in sent_headers} | _CHALLENGE.get(
            error.code or 500, {}
        )
        return jsonify(document), error.code or 500, kept
    log.error("request.failed", exc_info=error)
    return jsonify({"status": "internal_server_error", "request_id": g.get("request_id")}), 500


def _wants_page() -> bool:
    """Return whether the request is a browser's; senders of alerts always get JSON."""
    if request.path.lstrip("/").startswith("webhook/"):
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
