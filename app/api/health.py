"""Health: whether the product does its work, as far as that is no secret."""

from __future__ import annotations

from collections import Counter
from typing import Any

from app.api.fields import (
    OutputSchema,
    boolean,
    choice,
    enum_value,
    integer,
    json_object,
    nested,
    nested_list,
    number,
    text,
    utc_time,
)
from app.api.reach import here
from app.api.resource import Noun
from app.probes.health import broker_state
from config.settings import Settings
from db import canaries, incidents, policies, studies
from db.canaries import QueueHealth, QueueState
from db.core import migrate
from db.core.migrate import SchemaOutdated
from db.core.session import Session
from db.queries import backlog
from domain import canonical
from domain.access import Scope
from domain.books import STANDING_BOOKS
from domain.policy import ExecutionMode, Switch

Document = dict[str, Any]
noun = Noun("health", "Whether the product does its work.")


class BacklogSchema(OutputSchema):
    """What is not finished."""

    open_signals = integer("Unfinished signals.")
    oldest_at = utc_time("When the oldest of them was stored.", null=True)


class QueueSchema(OutputSchema):
    """Whether a queue's workers take tasks."""

    queue = text("The queue.")
    state = enum_value(QueueState, "`unasked` when it cannot be told, since nobody sends signs of life.")
    seen_at = utc_time("When a worker of it was last seen alive.")
    silent_s = number("How many seconds ago that was.")


class OpenIncidentsSchema(OutputSchema):
    """What needs a person."""

    open = integer("How many.")
    kinds = json_object("How many of each kind.")


class BookHealthSchema(OutputSchema):
    """What is in force in a book; null where the stack was never started."""

    book = text("The book.")
    policy_version = text("The label of the version in force.", null=True)
    mode = enum_value(ExecutionMode, "Who trades for real.", null=True)
    switch = enum_value(Switch, "Where the switch for real trading stands.", null=True)
    study = text("The study that runs.", null=True)


class HealthSchema(OutputSchema):
    """The state of the product; `ok` when nothing needs anybody."""

    ok = boolean("Whether the schema is current, no queue is late, no incident is open, and each book has a policy.")
    schema = choice("current", "outdated", description="Whether the database has this version's schema.")
    broker = choice("reachable", "unreachable", "not_configured", description="Whether something listens there.")
    backlog = nested(BacklogSchema, "What is not finished.")
    queues = nested_list(QueueSchema, "The queues that were ever asked for a sign of life.")
    incidents = nested(OpenIncidentsSchema, "What needs a person.")
    books = nested_list(BookHealthSchema, "The standing books.")


@noun.shows("/health", needs=Scope.READ, answer=HealthSchema)
def show_health() -> Document:
    """Show schema, broker, backlog, queues, incidents, and what is in force."""
    reach = here()
    told = reach.read(lambda session: _found(session, reach.settings))
    return told | {"broker": broker_state(reach.settings.broker_url)}


def _found(session: Session, settings: Settings) -> Document:
    queues = [_queue(one) for one in canaries.list_all(session, settings)]
    kinds = Counter(one["kind"] for one in incidents.list_open(session))
    told: Document = {
        "schema": _schema(settings),
        "backlog": _backlog(session),
        "queues": queues,
        "incidents": {"open": kinds.total(), "kinds": dict(sorted(kinds.items()))},
        "books": _books(session),
    }
    return told | {"ok": _is_well(told)}


def _is_well(told: Document) -> bool:
    return (
        told["schema"] == "current"
        and not told["incidents"]["open"]
        and all(one["state"] != QueueState.LATE.value for one in told["queues"])
        and all(one["policy_version"] is not None for one in told["books"])
    )


def _schema(settings: Settings) -> str:
    try:
        migrate.check_current(settings.sqlalchemy_url)
    except SchemaOutdated:
        return "outdated"
    return "current"


def _backlog(session: Session) -> Document:
    oldest = backlog.find_oldest_open(session)
    return {
        "open_signals": backlog.count_open(session),
        "oldest_at": None if oldest is None else canonical.format_time(oldest),
    }


def _queue(life: QueueHealth) -> Document:
    return {
        "queue": life.queue,
        "state": life.state.value,
        "seen_at": canonical.format_time(life.seen_at),
        "silent_s": life.silent_s,
    }


def _books(session: Session) -> list[Document]:
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
