"""A web application on a real database for tests of the API, with tokens of different scopes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import structlog
from flask import Flask, request
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.access import permissions
from app.access.permissions import By, Principal
from app.api import database_access
from app.factory import RECEIVER, create_app
from app.web.deadlines import Deadlines
from config.settings import Settings
from db import failures
from db.core.session import Database
from domain.access import Role, Scope
from tests.support.patience import PATIENT
from tests.support.pipeline import store_signal

REDIS_DB = 9
TOKEN = "an-api-token-for-tests-of-32-and-more"
REASON = "the cause is mended"
PREFIX = "/api/v1"
ROLE_SCOPES = {role.value: role.scopes for role in Role} | {"scraper": frozenset({Scope.METRICS})}


@dataclass(frozen=True, kw_only=True)
class Service:
    """A web application with an API token, its database, and the Redis it publishes to."""

    app: Flask
    client: FlaskClient
    database: Database
    redis: Redis

    def get(self, path: str, *, token: str | None = TOKEN, **headers: str) -> TestResponse:
        """Send a GET request below the prefix."""
        return self.client.get(PREFIX + path, headers={**_authorization(token), **headers})

    def post(self, path: str, document: Any, *, token: str | None = TOKEN) -> TestResponse:
        """Post a document, or bytes as they are, to a path below the prefix."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.client.post(
            PREFIX + path, data=body, headers=_authorization(token), content_type="application/json"
        )

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a list's first page."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found = answer.get_json()["items"]
        assert isinstance(found, list)
        return found

    def csv_rows(self, path: str) -> list[dict[str, str]]:
        """Return the rows of a list as CSV has them."""
        answer = self.get(path)
        assert (answer.status_code, answer.mimetype) == (200, "text/csv")
        return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))

    def rows(self, query: str, **given: Any) -> list[dict[str, Any]]:
        """Return rows of the database."""
        with self.database.transaction() as session:
            return [dict(row) for row in session.execute(text(query), given).mappings()]

    def audit_entries(self) -> list[dict[str, Any]]:
        """Return the entries of the audit log."""
        return self.rows("SELECT actor, action, subject, reason FROM audit_log ORDER BY entry_id")

    def store_dead_signal(self, **columns: Any) -> UUID:
        """Store a signal that was given up, with its failure."""
        signal_id = store_signal(self.database, status="dead", attempts=5, last_error="x", **columns)
        with self.database.transaction() as session:
            failures.record(session, signal_id, stage="x", error="x", traceback_hash="", attempt=5, dead=True)
        return signal_id

    def store_quarantined_message(self, body: dict[str, Any], **columns: Any) -> UUID:
        """Keep a message in quarantine."""
        given = {
            "event_id": uuid4(),
            "source": "tests",
            "book": "paper",
            "kind": "quarantined",
            "raw_body": json.dumps(body).encode(),
            "content_type": "",
            "errors": "{}",
        } | columns
        names, values = ", ".join(given), ", ".join(f":{name}" for name in given)
        with self.database.transaction() as session:
            session.execute(text(f"INSERT INTO webhook_events (received_at, {names}) VALUES (now(), {values})"), given)
        event_id = given["event_id"]
        assert isinstance(event_id, UUID)
        return event_id

    def count_queued_tasks(self) -> int:
        """Return how many tasks wait for the pipeline."""
        waiting = self.redis.llen("pipeline")
        assert isinstance(waiting, int)
        return waiting

    def accept_tokens(self, **scopes: frozenset[Scope]) -> None:
        """Accept additional tokens with these scopes; each token is its owner's name."""
        known = self.app.extensions[permissions.IDENTIFIER]

        def identify() -> Principal | None:
            name = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if name in scopes:
                return Principal(name=name, scopes=scopes[name], by=By.TOKEN, has_stepped_up=False)
            principal: Principal | None = known()
            return principal

        self.app.extensions[permissions.IDENTIFIER] = identify


@contextmanager
def start_api(settings: Settings, *, redis_url: str, deadlines: Deadlines = PATIENT) -> Iterator[Service]:
    """Run a web application on a prepared database."""
    app, database = create_app(settings, deadlines=deadlines), Database(settings.sqlalchemy_url)
    try:
        with Redis.from_url(redis_url) as redis:
            yield Service(app=app, client=app.test_client(), database=database, redis=redis)
    finally:
        app.extensions[RECEIVER].close()
        app.extensions[database_access.EXTENSION].close()
        database.dispose()
        structlog.reset_defaults()


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}
