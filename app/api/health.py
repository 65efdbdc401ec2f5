"""Route of the health report: schema, broker, backlog, queues, incidents, and the policies in force."""

from __future__ import annotations

from collections import Counter
from typing import Any

from app.api.database_access import api_database
from app.api.fields import (
    OutputSchema,
    boolean,
    choice,
    enum_value,
    integer,
    json_object,
    nested_list,
    nested_object,
    number,
    text,
    utc_time,
)
from app.api.resource import ApiResource
from app.probes.health import broker_state
from config.settings import Settings
from db import canaries, incidents, periodic_runs, policies, studies
from db.canaries import QueueHealth, QueueState
from db.core import migrate
from db.core.migrate import SchemaOutdated
from db.core.session import Session
from db.periodic_runs import PeriodicRun
from db.queries import backlog
from domain import canonical
from domain.access import Scope
from domain.books import STANDING_BOOKS
from domain.policy import ExecutionMode, Switch

Document = dict[str, Any]
resource = ApiResource("health", "State of the product.")


class BacklogSchema(OutputSchema):
    """The unfinished signals."""

    open_signals = integer("Number of unfinished signals.")
    oldest_at = utc_time("Time the oldest of them was stored.", null=True)


class QueueSchema(OutputSchema):
    """The state of a queue's workers."""

    queue = text("Name of the queue.")
    state = enum_value(QueueState, "`unasked` when no canary tasks are sent, so that the state is unknown.")
    seen_at = utc_time("Time a worker of it last did a task.")
    silent_s = number("Seconds since then.")


class PeriodicRunSchema(OutputSchema):
    """The last run of an entry of beat's schedule."""

    entry = text("Name of the entry.")
    every_s = number("Seconds between two runs.")
    ran_at = utc_time("Time a run of it last ended.", null=True)
    late = boolean("True when it did not run for too long.")


class OpenIncidentsSchema(OutputSchema):
    """The open incidents."""

    open = integer("Number of open incidents.")
    kinds = json_object("Number by kind.")


class BookHealthSchema(OutputSchema):
    """The policy and study in force in a book; null when the stack was never started."""

    book = text("Book.")
    policy_version = text("Label of the policy version in force.", null=True)
    mode = enum_value(ExecutionMode, "Engine that trades for real.", null=True)
    switch = enum_value(Switch, "Switch for real trading.", null=True)
    study = text("Running study.", null=True)


class HealthSchema(OutputSchema):
    """The state of the product; `ok` when nothing needs attention."""

    ok = boolean(
        "True when the schema is current, no queue or periodic task is late, no incident is open, and each book has a"
        " policy."
    )
    schema = choice("current", "outdated", description="State of the database schema.")
    broker = choice("reachable", "unreachable", "not_configured", description="State of the broker.")
    backlog = nested_object(BacklogSchema, "Unfinished signals.")
    queues = nested_list(QueueSchema, "Queues to which a canary task was ever sent.")
    periodic = nested_list(PeriodicRunSchema, "Periodic tasks.")
    incidents = nested_object(OpenIncidentsSchema, "Open incidents.")
    books = nested_list(BookHealthSchema, "Standing books.")


@resource.detail_route("/health", needs=Scope.READ, answer=HealthSchema)
def show_health() -> Document:
    """Show schema, broker, backlog, queues, incidents, and the policies and studies in force."""
    database = api_database()
    document = database.read(lambda session: _load_health(session, database.settings))
    return document | {"broker": broker_state(database.settings.broker_url)}


def _load_health(session: Session, settings: Settings) -> Document:
    """Load all of the health document except the broker's state."""
    queues = [_format_queue(queue) for queue in canaries.list_all(session, settings)]
    kinds = Counter(incident["kind"] for incident in incidents.list_open(session))
    document: Document = {
        "schema": _schema_state(settings),
        "backlog": _load_backlog(session),
        "queues": queues,
        "periodic": [_format_run(run) for run in periodic_runs.list_all(session, settings)],
        "incidents": {"open": kinds.total(), "kinds": dict(sorted(kinds.items()))},
        "books": _load_books(session),
    }
    return document | {"ok": _is_ok(document)}


def _is_ok(document: Document) -> bool:
    return (
        document["schema"] == "current"
        and not document["incidents"]["open"]
        and all(queue["state"] != QueueState.LATE.value for queue in document["queues"])
        and not any(run["late"] for run in document["periodic"])
        and all(book["policy_version"] is not None for book in document["books"])
    )


def _schema_state(settings: Settings) -> str:
    """Return `current` when the database has this version's schema, else `outdated`."""
    try:
        migrate.check_current(settings.sqlalchemy_url)
    except SchemaOutdated:
        return "outdated"
    return "current"


def _load_backlog(session: Session) -> Document:
    """Return the number of unfinished signals and the time of the oldest."""
    oldest = backlog.find_oldest_open(session)
    return {
        "open_signals": backlog.count_open(session),
        "oldest_at": None if oldest is None else canonical.format_time(oldest),
    }


def _format_queue(life: QueueHealth) -> Document:
    return {
        "queue": life.queue,
        "state": life.state.value,
        "seen_at": canonical.format_time(life.seen_at),
        "silent_s": life.silent_s,
    }


def _format_run(run: PeriodicRun) -> Document:
    return {
        "entry": run.entry,
        "every_s": run.every_s,
        "ran_at": None if run.ran_at is None else canonical.format_time(run.ran_at),
        "late": run.is_late,
    }


def _load_books(session: Session) -> list[Document]:
    """Return policy, switch and running study of each standing book."""
    rules, running = policies.load_current(session, STANDING_BOOKS), studies.load_running(session, STANDING_BOOKS)
    return [
        {
            "book": book,
            "policy_version": rules[book].label if book in rules else None,
            "mode": rules[book].mode.value if book in rules else None,
            "switch": rules[book].switch.value if book in rules else None,
            "study": running[book].name if book in running else None,
        }
        for book in STANDING_BOOKS
    ]
