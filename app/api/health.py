"""Health: whether the product does its work, as far as that is no secret."""

from __future__ import annotations

from collections import Counter
from typing import Any

from app.api.fields import Output, choice, count, mapping, moment, one_of, part, parts, ratio, text, yes_no
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


class Backlog(Output):
    """What is not finished."""

    open_signals = count("Unfinished signals.")
    oldest_at = moment("When the oldest of them was stored.", null=True)


class Queue(Output):
    """Whether a queue's workers take tasks."""

    queue = text("The queue.")
    state = one_of(QueueState, "`unasked` when it cannot be told, since nobody sends signs of life.")
    seen_at = moment("When a worker of it was last seen alive.")
    silent_s = ratio("How many seconds ago that was.")


class OpenIncidents(Output):
    """What needs a person."""

    open = count("How many.")
    kinds = mapping("How many of each kind.")


class BookHealth(Output):
    """What is in force in a book; null where the stack was never started."""

    book = text("The book.")
    policy_version = text("The label of the version in force.", null=True)
    mode = one_of(ExecutionMode, "Who trades for real.", null=True)
    switch = one_of(Switch, "Where the switch for real trading stands.", null=True)
    study = text("The study that runs.", null=True)


class Health(Output):
    """The state of the product; `ok` when nothing needs anybody."""

    ok = yes_no("Whether the schema is current, no queue is late, no incident is open, and each book has a policy.")
    schema = choice("current", "outdated", told="Whether the database has this version's schema.")
    broker = choice("reachable", "unreachable", "not_configured", told="Whether something listens there.")
    backlog = part(Backlog, "What is not finished.")
    queues = parts(Queue, "The queues that were ever asked for a sign of life.")
    incidents = part(OpenIncidents, "What needs a person.")
    books = parts(BookHealth, "The standing books.")


@noun.shows("/health", needs=Scope.READ, answer=Health)
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
