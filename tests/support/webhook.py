"""A web application on a real database for tests of the webhook: posts alerts, adds sources, reads rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.factory import RECEIVER, create_app
from app.web.deadlines import Deadlines
from app.webhook.publisher import Enqueue
from config import settings as configuration
from config.settings import Settings
from config.vault import TokenVault
from db import books
from db.core.session import Database
from domain.signal import Source
from operations import source_tokens
from tests.support.patience import PATIENT

SECRET_KEY = "a-secret-key-for-tests"
SOURCE = Source(
    name="desk",
    book="paper",
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=300,
)


@dataclass
class WebhookApp:
    """A web application with one source, the ids it announced, and its database."""

    app: Flask
    database: Database
    token: str
    announced: list[UUID] = field(default_factory=list)

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def post(
        self, body: bytes | dict[str, Any] | Sequence[Any], *, token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = self.client.post(f"/webhook/{token or self.token}", data=raw, content_type="text/plain; charset=utf-8")
        document = answer.get_json()
        assert isinstance(document, dict)
        return answer.status_code, document

    def rows(self, query: str, **given: Any) -> list[dict[str, Any]]:
        with self.database.transaction() as session:
            return [dict(row) for row in session.execute(text(query), given).mappings()]

    def add_source(self, **changes: Any) -> str:
        with self.database.transaction() as session:
            return source_tokens.issue(session, TokenVault(SECRET_KEY), replace(SOURCE, **changes))


def settings_for(database_url: str, **more: str) -> Settings:
    """Return settings with this database and nothing else from the environment."""
    given = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "LOG_LEVEL": "ERROR", "MARKET_DATA": "alert"}
    return configuration.load(given | more)


@contextmanager
def start_app(settings: Settings, enqueue: Enqueue, *, deadlines: Deadlines = PATIENT) -> Iterator[Flask]:
    """Run a web application and close its connections afterwards."""
    app = create_app(settings, enqueue=enqueue, deadlines=deadlines)
    try:
        yield app
    finally:
        app.extensions[RECEIVER].close()
        structlog.reset_defaults()


@contextmanager
def start_webhook_app(
    database_url: str,
    *,
    enqueue: Enqueue | None = None,
    environ: Mapping[str, str] | None = None,
    deadlines: Deadlines = PATIENT,
    **changes: Any,
) -> Iterator[WebhookApp]:
    """Run a web application on a migrated database, with a source made of SOURCE and the changes."""
    settings = settings_for(database_url, **environ or {})
    database = Database(settings.sqlalchemy_url)
    announced: list[UUID] = []
    with database.transaction() as session:
        books.ensure_standing(session)
        token = source_tokens.issue(session, TokenVault(SECRET_KEY), replace(SOURCE, **changes))
    try:
        with start_app(settings, enqueue or announced.extend, deadlines=deadlines) as app:
            yield WebhookApp(app=app, database=database, token=token, announced=announced)
    finally:
        database.dispose()


def move_clock(webhook: WebhookApp, book: str, at: datetime) -> None:
    """Set a replay book's clock."""
    with webhook.database.transaction() as session:
        books.move_cursor(session, book, to=at)


def a_replay_book(webhook: WebhookApp, *, at: datetime, name: str = "replay:0123456789ab") -> tuple[str, str]:
    """Create a replay book with its clock at a time and a source in it; return the book and the token."""
    with webhook.database.transaction() as session:
        books.create_replay(session, name, cursor=at)
    return name, webhook.add_source(name=name, book=name)


def wait_for(condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Return once the condition holds; fail when it does not in time."""
    ends = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends, "the condition did not come true in time"
        time.sleep(0.005)


def utc(*parts: int) -> datetime:
    """Return an aware UTC moment."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]  # year, month, day and so on, as given
