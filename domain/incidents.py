"""Messages about incidents: the event, its subject, and the advice to the operator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

_LONGEST_LINE = 300
_SUBJECT_SEPARATOR = re.compile("[: ]")
# By kind of incident: the event, and the advice.
_TEXTS = {
    "order_manual_review": (
        "an order needs a person: the venue cannot be asked about it, or shows another order than the one sent",
        "compare it with the venue's own page",
    ),
    "order_unknown": (
        "the venue did not answer several look-ups of an order",
        "nothing: the order is looked up until the venue answers",
    ),
    "order_missing": (
        "the venue accepted an order and no longer shows it",
        "compare it with the venue's own page",
    ),
    "position_mismatch": (
        "the account at the venue holds less than the open trades add up to",
        "check whether a position was sold by hand; compare with the venue's own page",
    ),
    "account_unusable": (
        "the account of the live book cannot be opened, so nothing is sent to its venue",
        "check BROKER, SECRET_KEY and the account's keys with `orchestrator doctor`; it ends when the account opens",
    ),
    "beat_late": (
        "periodic tasks did not run for longer than they may: stops, reconciliation and sweeps depend on them",
        "nothing under `up`, which starts beat again; elsewhere restart `run beat`, and see `orchestrator doctor`",
    ),
    "flower_down": (
        "Flower, which only shows tasks, does not run; alerts, orders and exits go on without it",
        "read `log/up.log`; when its port is taken, start `up` with another `--flower-port`",
    ),
    "source_silent": (
        "no alert of a source arrived for longer than expected",
        "check whether its alert in TradingView is still on",
    ),
    "alerts_too_fast": (
        "an alert fires almost so often that TradingView stops it without notice",
        "make it fire less often",
    ),
    "alerts_expire": (
        "TradingView will end the alerts of a source soon, since they are almost two months old",
        "create them again in TradingView, then run `orchestrator sources renewed NAME`",
    ),
    "alerts_missing": (
        "an alert between two others did not arrive",
        "look for it in TradingView's alert log and in `signals quarantine`; close this incident when that is done",
    ),
    "exit_missed": (
        "an alert that may mean an open real trade did not close it",
        "if the strategy is out, close the trade with the command above; it ends by itself when the trade is closed",
    ),
    "exit_ambiguous": (
        "an exit fits open trades of several keys, so none of them was closed",
        "close those that the strategy left with the commands above; name strategy and exchange in the source's alerts",
    ),
    "exit_not_priced": (
        "an exit found no price for a minute; its trades are closed at the first price that comes",
        "check where prices of the symbol come from with `orchestrator doctor`; the trades can be closed at the venue",
    ),
    "exit_refused": (
        "the venue refused or ended the exit of a real trade; it is sent again until it is filled",
        "check at the venue whether the market is closed or the position is another one",
    ),
    "exit_waits_for_opening": (
        "the exit of a real trade waits until its exchange opens, and is made then",
        "nothing; if the exchange is open, close it at the venue and look at `orchestrator instruments list SYMBOL`",
    ),
    "exit_in_quarantine": (
        "a message that was not understood may be the exit of an open real trade",
        "read it with `orchestrator signals explain ID`; if it was an exit, close the trade with the command above",
    ),
    "entry_outdated": (
        "an entry fired before an exit that had arrived already, so it opened nothing",
        "check that the strategy is flat; alerts of this source arrive out of order",
    ),
    "contract_roll": (
        "a continuous future may have rolled to its next contract; a trade ended at the last price before it",
        "look which contract the series shows now, and enter again there if the strategy still holds",
    ),
    "late_bar": (
        "a bar that reaches a trade's stop or target arrived after an exit of the trade, so it could not be counted",
        "find out why bars arrive late; if the trade is still open and should not be, close it with the command above",
    ),
    "signals_dead": (
        "signals failed too often and were given up; an entry among them does not trade, an exit closes nothing",
        "remove the cause, then `orchestrator signals rerun ID --reason TEXT`; `signals list --status dead` has them",
    ),
    "engine_left_alone": (
        "an engine failed five times in a row and is asked once in a while; its entries trade in shadow meanwhile",
        "nothing if it comes back by itself; else see `orchestrator doctor` and the engine's own log",
    ),
    "policy_shadow_only": (
        "entries trade in shadow only although the policy trades for real, because signals wait too long",
        "find out what slows the workers down; `overload` is too many unfinished signals, `expired_stale` too old ones",
    ),
    "queue_grows": (
        "work waits for more than two minutes: signals that are due, or orders that were never sent",
        "check with `orchestrator doctor` and Flower whether the workers run and what they are busy with",
    ),
    "queue_silent": (
        "the workers of a queue take no tasks",
        "nothing with `up`, which replaces them; elsewhere restart the worker of this queue",
    ),
    "exit_unreachable": (
        "nothing that is on its way can close a real trade",
        "close the trade with the command above or at the venue; enable its source again if its exits are to count",
    ),
    "bars_stopped": (
        "no new bar of an open real trade's symbol comes, so neither its stop nor its target is watched",
        "check where its prices come from with `orchestrator doctor`; watch the position at the venue meanwhile",
    ),
    "database_restored": (
        "the database is older than the venue, as after a restored backup; the live book is paused",
        "compare `orchestrator verify` and the venue's own page, then `policy flatten` or `resume`; close this then",
    ),
    "restored_trade_differs": (
        "the venue has an order of an open trade that this database never sent, as after a restored backup",
        "close the trade with the command above: its order is looked up, and sent only if the venue does not have it",
    ),
    "quarantine_full": (
        "a source has as many messages in quarantine as it may, so further ones that cannot be read are not kept",
        "see what they lack with `orchestrator signals formats` and correct the template of the source's alerts",
    ),
    "disk_low": (
        "less than a tenth of the disk that holds the data is free",
        "make room; alerts are refused with 503 before the disk is full, while exits go on",
    ),
    "price_jump": (
        "prices jumped as by a split or bad data; trades end at the last price before it and entries are denied",
        "compare prices and position with the venue; if they are right, close this incident to trade on them again",
    ),
}


class IncidentEvent(Enum):
    """Event of an incident that is reported: its beginning or its end."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; `book` is that of its order, None when it is not about an order. Times are aware UTC."""

    kind: str
    subject: str
    detail: Mapping[str, Any]
    opened_at: datetime
    closed_at: datetime | None = None
    book: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message about an incident, as it is sent to operators."""

    title: str
    body: str


def build_message(incident: Incident, event: IncidentEvent) -> Message:
    """Return the message about an incident: event, subject, beginning and advice; at its end, its duration."""
    happened, advice = explain(incident.kind)
    about = f"{incident.subject}{_put_in_brackets(format_details(incident.kind, incident.detail))}"
    since = f"{incident.opened_at:%Y-%m-%d %H:%M} UTC"
    if event is IncidentEvent.CLOSED:
        title = f"[{name_book_or_source(incident)}] over: {incident.kind}"
        return Message(
            title=title,
            body=_shorten_lines(f"It is over: {happened}.\nAbout: {about}\nSince: {since}{_format_duration(incident)}"),
        )
    body = _shorten_lines(f"What: {happened}.\nAbout: {about}\nSince: {since}") + f"\nTo do: {advice}."
    return Message(title=f"[{name_book_or_source(incident)}] {incident.kind}", body=body)


def explain(kind: str) -> tuple[str, str]:
    """Return what happened when an incident of this kind is open, and what to do about it."""
    return _TEXTS.get(kind, (kind.replace("_", " "), "see `orchestrator incidents list`"))


def name_book_or_source(incident: Incident) -> str:
    """Return the name of the book or the source that an incident is about."""
    named = (incident.book, incident.detail.get("source"), incident.detail.get("book"))
    return next((str(name) for name in named if name), _SUBJECT_SEPARATOR.split(incident.subject, maxsplit=1)[0])


def format_details(kind: str, detail: Mapping[str, Any]) -> str:
    """Return the details of an incident in one line."""
    if kind != "alerts_missing":
        return ", ".join(f"{name} {_format_value(value)}" for name, value in detail.items() if value is not None)
    missing = []
    if "numbers" in detail:
        missing.append(f"number {detail['numbers']} did not arrive")
    if "from" in detail:
        missing.append(f"no alert about the change from {detail['from']} to {detail['to']} arrived")
    return f"{' and '.join(missing)}, between signal {detail['after']} and signal {detail['before']}"


def _format_value(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def _put_in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _format_duration(incident: Incident) -> str:
    if incident.closed_at is None:
        return ""
    minutes = (incident.closed_at - incident.opened_at) // timedelta(minutes=1)
    return f", for {minutes} min" if minutes else ", for less than a minute"


def _shorten_lines(text: str) -> str:
    """Cut each line at the longest allowed length: texts of venues and alerts may be of any length."""
    return "\n".join(
        line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…" for line in text.split("\n")
    )
