"""The state of an instance in one document: is it trading, for whom, what is open, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from db import accounts, canaries, incidents, live, studies
from db.canaries import CanarySettings, QueueState
from db.core.session import Session
from db.queries import overview, real_exposure
from db.source_health import activity
from domain import incidents as incident_texts
from domain.books import LIVE_BOOK, STANDING_BOOKS
from domain.policy import ExecutionMode

Document = dict[str, Any]

_LATE_S = 120.0
_FAILED_ANSWERS = 3


def load(session: Session, intervals: CanarySettings) -> Document:
    """Return the state of an instance; `problems` say what is wrong and what to do, and `ok` is that there are none."""
    document: Document = {
        "books": _load_books(session),
        "engines": overview.load_engines(session),
        "queues": [
            {"queue": queue.queue, "state": queue.state.value, "silent_s": round(queue.silent_s, 1)}
            for queue in canaries.list_all(session, intervals)
        ],
        "signals": overview.load_signals(session),
        "sources": _load_sources(session),
        "incidents": [_describe_incident(dict(row)) for row in incidents.list_open(session)],
    }
    problems = list(_find_problems(document))
    return {"ok": not problems, **document, "problems": problems}


def _load_books(session: Session) -> list[Document]:
    """Return each standing book with its policy, its switch and what is open for real."""
    versions = {row["book"]: row for row in overview.load_policies(session)}
    positions = overview.load_positions(session)
    running = studies.load_running(session, STANDING_BOOKS)
    venue = _load_live_account(session)
    return [
        _build_book(
            session,
            book,
            versions.get(book),
            positions=[_build_position(row) for row in positions if row["book"] == book],
            account=venue if book == LIVE_BOOK else None,
        )
        | {"study": running[book].name if book in running else None}
        for book in STANDING_BOOKS
    ]


def _build_book(
    session: Session, book: str, version: Document | None, *, positions: Sequence[Document], account: Document | None
) -> Document:
    exposure = real_exposure.count_exposure(session, book)
    switch = None if version is None else _name_switch(version, is_open=exposure.is_open)
    mode = None if version is None else version["mode"]
    return {
        "book": book,
        "mode": mode,
        "switch": switch,
        "trades_for_real": switch == "on" and mode != ExecutionMode.SHADOW_ONLY.value,
        "account": account,
        "policy_version": version and version["label"],
        "set_by": version and version["set_by"],
        "reason": version and version["reason"],
        "set_at": version and version["created_at"].isoformat(),
        "open": {"trades": exposure.trades, "orders": exposure.orders},
        "positions": list(positions),
    }


def _name_switch(version: Document, *, is_open: bool) -> str:
    """Return `on`, `paused` or `flattening`; a flatten that has closed everything is a pause."""
    if version["flatten"] and is_open:
        return "flattening"
    return "paused" if version["paused"] else "on"


def _build_position(row: Document) -> Document:
    return {
        "symbol": row["symbol"],
        "side": row["side"],
        "quantity": f"{row['quantity'].normalize():f}",
        "trades": row["trades"],
        "venue": row["venue"],
        "exits_evaluated_s_ago": None if row["evaluated_age_s"] is None else round(row["evaluated_age_s"], 1),
    }


def _load_live_account(session: Session) -> Document | None:
    """Return the account that the live book trades on with real money, None when no account is live."""
    name = live.load_state(session).account
    return None if name is None else {"name": name, "venue": accounts.by_name(session, name).venue}


def _load_sources(session: Session) -> list[Document]:
    """Return the sources that may post, with how long ago their last message came; None before the first."""
    return [
        {"source": source.name, "last_alert_s_ago": None if source.heard_at is None else round(source.silent_s, 1)}
        for source in activity.load(session)
        if source.enabled
    ]


def _describe_incident(row: Document) -> Document:
    happened, advice = incident_texts.explain(row["kind"])
    return {
        "kind": row["kind"],
        "subject": row["subject"],
        "what": happened,
        "opened_at": row["opened_at"].isoformat(),
        "to_do": advice,
    }


def _find_problems(document: Document) -> Iterator[Document]:
    """Yield what is wrong, with what to do about it."""
    for book in document["books"]:
        if book["mode"] is None:
            yield _problem(f"the book {book['book']} has no policy", "start `orchestrator up` once")
    for queue in document["queues"]:
        yield from _find_queue_problem(queue)
    oldest_s = document["signals"]["oldest_due_s"]
    if oldest_s is not None and oldest_s > _LATE_S:
        yield _problem(f"a signal waits for {oldest_s:.0f} s", "look at Flower and the workers' log")
    for engine in document["engines"]:
        if engine["answers"] >= _FAILED_ANSWERS and engine["failures"] == engine["answers"]:
            what = f"engine {engine['engine']} ({engine['version']}) gives no answers: {engine['last_error']}"
            yield _problem(what, "look at its log; it does not trade for real meanwhile")
    for incident in document["incidents"]:
        yield _problem(f"{incident['what']}: {incident['subject']}", incident["to_do"])


def _find_queue_problem(queue: Document) -> Iterator[Document]:
    if queue["state"] == QueueState.LATE.value:
        what = f"no worker of the queue {queue['queue']} has done anything for {queue['silent_s']:.0f} s"
        yield _problem(what, "`up` replaces it by itself; elsewhere restart that worker")
    if queue["state"] == QueueState.UNASKED.value:
        what = f"nothing is sent to the queue {queue['queue']}, so exits are not looked at and positions not closed"
        yield _problem(what, "beat does not run: start `orchestrator up`, or `orchestrator run beat`")


def _problem(what: str, to_do: str) -> Document:
    return {"what": what, "to_do": to_do}
