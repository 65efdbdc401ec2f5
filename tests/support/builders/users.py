"""People, sessions and tokens for tests, made without the costly hash where no password is given."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.factory import RECEIVER, create_app
from app.web.deadlines import Deadlines
from config import settings as configuration
from config import tokens
from db import api_tokens, users, web_sessions
from db.core.session import Database
from domain.access import Role, Scope
from operations import password_hashing
from tests.support.patience import PATIENT

PASSWORD = "tall ships sail at dawn"
COOKIE = "orchestrator-session"


@dataclass(frozen=True, kw_only=True)
class ConsoleApp:
    """A web application with its console, and its database."""

    app: Flask
    database: Database

    @property
    def client(self) -> FlaskClient:
        """A browser without cookies."""
        return self.app.test_client()

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return rows as dictionaries."""
        with self.database.transaction() as session:
            return [dict(row) for row in session.execute(text(query), parameters).mappings()]

    def change(self, statement: str, **parameters: Any) -> None:
        """Run SQL that changes rows, past the application."""
        with self.database.transaction() as session:
            session.execute(text(statement), parameters)

    def locked_for_s(self) -> float | None:
        """Return for how long the only user is still locked out, None when that was never so."""
        query = "SELECT extract(epoch FROM locked_until - clock_timestamp())::float AS left FROM users"
        left: float | None = self.rows(query)[0]["left"]
        return left

    def add_user(self, name: str, role: Role = Role.VIEWER) -> str:
        """Store a user whose password is PASSWORD and return the name."""
        a_user(self.database, name, role)
        return name

    def logged_in(self, name: str, *, stepped_up: bool = True) -> FlaskClient:
        """Return a browser with a session of that user."""
        client = self.client
        client.set_cookie(COOKIE, a_session(self.database, name))
        if not stepped_up:
            self.change("UPDATE web_sessions SET stepped_up_until = NULL WHERE user_name = :name", name=name)
        return client

    def bearer(self, name: str, scopes: Collection[Scope] = tuple(Scope), *, days: int | None = None) -> dict[str, str]:
        """Return the headers of a program with a token of that user."""
        return {"Authorization": f"Bearer {a_token(self.database, name, scopes, days=days)[1]}"}


@contextmanager
def start_console_app(database_url: str, *, deadlines: Deadlines = PATIENT, **environ: str) -> Iterator[ConsoleApp]:
    """Run a web application on a migrated database without users."""
    variables = {"DATABASE_URL": database_url, "SECRET_KEY": "a-secret-key-for-tests", "LOG_LEVEL": "ERROR"} | environ
    settings = configuration.load(variables)
    app, database = create_app(settings, enqueue=lambda _: None, deadlines=deadlines), Database(settings.sqlalchemy_url)
    try:
        yield ConsoleApp(app=app, database=database)
    finally:
        app.extensions[RECEIVER].close()
        database.dispose()
        structlog.reset_defaults()


def a_user(database: Database, name: str, role: Role = Role.VIEWER) -> None:
    """Store a user whose password is PASSWORD."""
    with database.transaction() as session:
        users.add(session, name, role=role, password_hash=_hash())


def a_session(database: Database, name: str) -> str:
    """Begin a session of a user and return what its cookie holds."""
    value = tokens.new_token()
    with database.transaction() as session:
        web_sessions.begin(session, name, session_hash=tokens.hash_token(value), address="::1", user_agent="a test")
    return value


def a_token(
    database: Database, name: str, scopes: Collection[Scope] = tuple(Scope), *, days: int | None = None
) -> tuple[UUID, str]:
    """Store a token of a user; return its id and the token."""
    token = tokens.new_token()
    with database.transaction() as session:
        token_row = api_tokens.add(
            session, name, label="tests", token_hash=tokens.hash_token(token), scopes=scopes, days=days
        )
    return token_row, token


def post(client: FlaskClient, path: str, *, page: str = "/account", **fields: Any) -> TestResponse:
    """Load a page and post one of its forms with its CSRF token, as a browser does."""
    response = client.get(page)
    return client.post(path, data={"csrf_token": form_token(response), **fields})


def form_token(page: TestResponse) -> str:
    """Return the CSRF token of a page's forms."""
    match = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert match is not None, page.text
    return match[1]


def log_in(client: FlaskClient, name: str, password: str = PASSWORD, **fields: Any) -> TestResponse:
    """Log in as a browser does."""
    return post(client, "/login", page="/login", name=name, password=password, **fields)


@cache
def _hash() -> str:
    return password_hashing.hash_password(PASSWORD)
