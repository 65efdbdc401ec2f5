"""Incidents in words: what happened, about what, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

_LONGEST = 300
_PLACE = re.compile("[: ]")
_TOLD = {
    "order_manual_review": (
        "an order needs a person: the venue cannot be asked about it, or shows something else than we sent",
        "compare it with the venue's own page",
    ),
    "order_unknown": (
        "the venue has been silent about an order for several look-ups",
        "nothing while it is silent: the order is looked up until it is known",
    ),
    "order_missing": (
        "the venue took an order and no longer shows it",
        "compare it with the venue's own page",
    ),
    "position_mismatch": (
        "the venue holds less than our open trades add up to",
        "look whether something was sold by hand; compare with the venue's own page",
    ),
    "account_unusable": (
        "the account of the live book cannot be opened, so nothing is sent to its venue",
        "look at BROKER, at SECRET_KEY and at the account's keys with `orchestrator doctor`; close this when it works",
    ),
    "source_silent": ("a source was heard of no more", "look whether its alert in TradingView is still on"),
    "alerts_too_fast": (
        "an alert fires nearly so often that TradingView stops it without a word",
        "make it fire less often",
    ),
    "alerts_expire": (
        "TradingView will end the alerts of a source, which are two months old by then",
        "make them anew in TradingView, then `orchestrator sources renewed NAME`",
    ),
    "alerts_missing": (
        "an alert between two others never came",
        "look for it in TradingView's alert log and in `signals quarantine`; close this when it is dealt with",
    ),
}


class IncidentEvent(Enum):
    """What is told of an incident: that it began, or that it is over."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; `book` is that of the order it is about, None when it is about none. Times are aware UTC."""

    kind: str
    subject: str
    detail: Mapping[str, Any]
    opened_at: datetime
    closed_at: datetime | None = None
    book: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to a person."""

    title: str
    body: str


def build_message(incident: Incident, event: IncidentEvent) -> Message:
    """Say what happened, about what, since when and what to do; at its end, for how long it was so."""
    happened, advice = _TOLD.get(incident.kind, (incident.kind.replace("_", " "), "see `orchestrator incidents list`"))
    about = f"{incident.subject}{_in_brackets(format_details(incident.kind, incident.detail))}"
    since = f"{incident.opened_at:%Y-%m-%d %H:%M} UTC"
    if event is IncidentEvent.CLOSED:
        title = f"[{name_book_or_source(incident)}] over: {incident.kind}"
        return Message(
            title=title, body=_cut(f"It is over: {happened}.\nAbout: {about}\nSince: {since}{_lasted(incident)}")
        )
    body = _cut(f"What: {happened}.\nAbout: {about}\nSince: {since}") + f"\nTo do: {advice}."
    return Message(title=f"[{name_book_or_source(incident)}] {incident.kind}", body=body)


def name_book_or_source(incident: Incident) -> str:
    """Name the book or the source an incident is about."""
    return incident.book or _PLACE.split(incident.subject, maxsplit=1)[0]


def format_details(kind: str, detail: Mapping[str, Any]) -> str:
    """Write what an incident says of itself in one line."""
    if kind != "alerts_missing":
        return ", ".join(f"{name} {value}" for name, value in detail.items() if value is not None)
    told = []
    if "numbers" in detail:
        told.append(f"number {detail['numbers']} did not come")
    if "from" in detail:
        told.append(f"how it went from {detail['from']} to {detail['to']} was not told")
    return f"{' and '.join(told)}, between signal {detail['after']} and signal {detail['before']}"


def _in_brackets(told: str) -> str:
    return f" ({told})" if told else ""


def _lasted(incident: Incident) -> str:
    if incident.closed_at is None:
        return ""
    minutes = (incident.closed_at - incident.opened_at) // timedelta(minutes=1)
    return f", for {minutes} min" if minutes else ", for less than a minute"


def _cut(text: str) -> str:
    """Keep a message short, whatever a venue or an alert put into it."""
    return "\n".join(line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in text.split("\n"))
