"""The web application for WSGI servers; made after the fork, so that no two processes share a connection."""

from __future__ import annotations

from flask import Flask

from app.factory import ALERT_SHORTCUT, create_app
from app.web.deadlines import Deadlines
from app.web.server import ServerApplication
from config import process_privacy, settings

_THREADS = 32  # measured; more of them only wait for each other


def application() -> Flask:
    """Return a web application set up from the environment."""
    return create_app(settings.load())


def server_application() -> ServerApplication:
    """Return the application in the form that our web server runs, in a process whose memory is hidden."""
    process_privacy.hide_process()
    app = application()
    return ServerApplication(app, shortcut=app.extensions[ALERT_SHORTCUT], threads=_THREADS, body_s=Deadlines().body_s)
