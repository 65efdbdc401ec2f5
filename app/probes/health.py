"""`/healthz` (liveness) and `/readyz` (readiness: the database; broker, queues and beat are reported, not required)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Blueprint

from app.web.deadlines import DeadlineMissed, SerialCalls
from config.settings import Settings
from db import canaries, periodic_runs
from db.core import migrate
from db.core.errors import SQLAlchemyError
from db.core.migrate import SchemaOutdated
from db.core.session import Database

_BROKER_WITHIN_S = 0.5
_LATE = "late"
_PORTS = {"redis": 6379, "rediss": 6379, "sentinel": 26379, "amqp": 5672, "amqps": 5671}

Document = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _States:
    """State of the database, of each queue, and of each entry of beat's schedule."""

    database: str
    queues: Mapping[str, str] = field(default_factory=dict)
    periodic: Mapping[str, str] = field(default_factory=dict)


def make_blueprint(settings: Settings, *, within_s: float) -> Blueprint:
    """Return the blueprint of the two probes; the database is given up after `within_s`."""
    blueprint = Blueprint("health", __name__)
    checks: SerialCalls[_States] = SerialCalls("readiness")

    @blueprint.get("/healthz")
    def healthz() -> Document:
        return {"status": "alive"}

    @blueprint.get("/readyz")
    def readyz() -> tuple[Document, int]:
        states = _check_database(settings, checks, within_s=within_s)
        document: Document = {
            "status": _summarize(states),
            "database": states.database,
            "broker": broker_state(settings.broker_url),
            "queues": states.queues,
            "periodic": states.periodic,
        }
        return document, 200 if states.database == "current" else 503

    return blueprint


def _summarize(states: _States) -> str:
    """Return `ready`, `not_ready` without the database, or `degraded`: alerts are accepted, but beat's work is late."""
    if states.database != "current":
        return "not_ready"
    return "degraded" if _LATE in states.periodic.values() else "ready"


def broker_state(url: str | None) -> str:
    """Return `reachable` when the broker's port accepts connections, else `unreachable` or `not_configured`.

    Of several Sentinels one is enough.
    """
    if url is None:
        return "not_configured"
    return "reachable" if any(_is_listening(address) for address in url.split(";")) else "unreachable"


def _check_database(settings: Settings, checks: SerialCalls[_States], *, within_s: float) -> _States:
    """Return the states; the database's is `unreachable` after an error or the deadline."""
    try:
        return checks.run(lambda: _read_states(settings), within_s=within_s)
    except (SQLAlchemyError, DeadlineMissed):
        return _States(database="unreachable")


def _read_states(settings: Settings) -> _States:
    """Return the state of the schema and, when it is current, of each queue and each entry of beat's schedule."""
    try:
        migrate.check_current(settings.sqlalchemy_url)
    except SchemaOutdated:
        return _States(database="schema_outdated")
    database = Database(settings.sqlalchemy_url, pool_size=1, connect_timeout_s=1)
    try:
        with database.transaction() as session:
            return _States(
                database="current",
                queues={queue.queue: queue.state.value for queue in canaries.list_all(session, settings)},
                periodic={
                    run.entry: _LATE if run.is_late else "on_time" for run in periodic_runs.list_all(session, settings)
                },
            )
    finally:
        database.dispose()


def _is_listening(url: str) -> bool:
    try:
        with closing(_connect(url)):
            return True
    except (OSError, ValueError):
        return False


def _connect(url: str) -> socket.socket:
    """Open a socket to the host and port, or to the socket path, of a broker's URL."""
    parts = urlsplit(url)
    if parts.scheme in ("unix", "redis+socket"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_BROKER_WITHIN_S)
        connection.connect(parts.path)
        return connection
    address = parts.hostname or "127.0.0.1", parts.port or _PORTS.get(parts.scheme, 6379)
    return socket.create_connection(address, timeout=_BROKER_WITHIN_S)
