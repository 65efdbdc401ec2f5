"""The web application for WSGI servers; made after the fork, so that no two processes share a connection."""

from __future__ import annotations

from flask import Flask

from app.factory import create_app
from config import settings


def application() -> Flask:
    """Return a web application set up from the environment."""
    return create_app(settings.load())
