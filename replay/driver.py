"""Drives one replay, alert by alert: exits up to t, the book's clock to t, the alert, then wait until it is done."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from replay.alert_files import Alert
from replay.bar_files import BarFile
from replay.identity import ReplayIdentity
from replay.schedule import Schedule

RESEND_PAUSE_S = 5.0
RESENDS = 3
ALERT_DEADLINE_S = 60.0
_NOT_FOR_THIS_ALERT = frozenset({413, 422})


class ReplayExists(Exception):
    """This very input was replayed before; its book stands."""

    def __init__(self, book: str) -> None:
        super().__init__(
            f"{book} exists already: the same bars, alerts, engines and policy were replayed before."
            f" See the result with: orchestrator report --book {book}"
        )
        self.book = book


class ReplayRefused(Exception):
    """The webhook's answer to an alert leaves no way to go on."""


class SignalStuck(Exception):
    """A signal did not become terminal in time."""

    def __init__(self, signal_id: str, *, stage: str, last_error: str | None, deadline_s: float) -> None:
        super().__init__(
            f"signal {signal_id} is not done after {deadline_s:.0f} s: stage {stage},"
            f" last error: {last_error or 'none'}; see: orchestrator signals show {signal_id}"
        )
        self.signal_id = signal_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSpec:
    """What the gateway needs to create a replay's book, source and study, and to load its bars.

    The book's clock starts at `starts_at`, the first open of any bar.
    """

    identity: ReplayIdentity
    study: str | None
    files: tuple[BarFile, ...]
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The webhook's answer: HTTP status and the JSON document (empty when there was none)."""

    status: int
    document: Mapping[str, Any]


class ReplayGateway(Protocol):
    """The running stack, as a replay needs it."""

    def create(self, spec: BookSpec) -> str:
        """Create the book, its source and study, load the bars, and return the webhook's URL.

        Raises:
            ReplayExists: when the book is there already.
        """
        ...

    def finish_exits(self, until: datetime) -> None:
        """Walk the exits of all open trades of the book up to `until`; return when that is done."""
        ...

    def move_cursor(self, to: datetime) -> None:
        """Set the book's clock."""
        ...

    def post(self, body: bytes) -> Answer:
        """Send one alert to the webhook over HTTP; raises OSError or HTTPException when there is no answer."""
        ...

    def wait_done(self, signal_ids: Sequence[str], deadline_s: float) -> None:
        """Return when all are terminal.

        Raises:
            SignalStuck: naming the first that is not, after `deadline_s` seconds.
        """
        ...

    def finish(self, last: datetime) -> None:
        """Walk to the end of the data and close what is open on the last quote, reason `end_of_data`."""
        ...


class Watcher(Protocol):
    """Is told how far a replay has come."""

    def advanced(self, done: int, total: int) -> None:
        """Take note that `done` of `total` alerts are through."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An alert the webhook did not take: where it stands in the file and what the webhook said."""

    line: int
    status: int
    errors: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of a replay's alerts; `outside` counts those that fired while there were no bars."""

    book: str
    alerts: int
    accepted: int
    duplicates: int
    refused: tuple[Refused, ...]
    outside: int


@dataclass(slots=True, kw_only=True)
class _Tally:
    accepted: int = 0
    duplicates: int = 0
    refused: list[Refused] = field(default_factory=list)


def run(
    scheduled: Schedule,
    gateway: ReplayGateway,
    *,
    identity: ReplayIdentity,
    study: str | None,
    watcher: Watcher,
    sleep: Callable[[float], None],
    deadline_s: float = ALERT_DEADLINE_S,
) -> Summary:
    """Create the book, send every alert at its time, and close what is open at the end of the bars.

    An alert that the webhook refuses for its content is counted, as TradingView would not send it again; a server
    error is answered by sending again, as TradingView does.

    Raises:
        ReplayExists, SignalStuck: from the gateway.
        ReplayRefused: when the webhook answers otherwise, or not at all after the last repetition.
    """
    gateway.create(BookSpec(identity=identity, study=study, files=scheduled.files, starts_at=scheduled.starts_at))
    tally, now = _Tally(), None
    for done, alert in enumerate(scheduled.alerts, start=1):
        if alert.fired_at != now:
            now = alert.fired_at
            gateway.finish_exits(now)
            gateway.move_cursor(now)
        answer = _send(gateway, alert, sleep=sleep)
        _count(tally, alert, answer)
        gateway.wait_done(_signal_ids(answer), deadline_s)
        watcher.advanced(done, len(scheduled.alerts))
    gateway.finish(scheduled.ends_at)
    return _summary(scheduled, identity, tally)


def _send(gateway: ReplayGateway, alert: Alert, *, sleep: Callable[[float], None]) -> Answer:
    problem = ""
    for attempt in range(RESENDS + 1):
        if attempt:
            sleep(RESEND_PAUSE_S)
        try:
            answer = gateway.post(alert.body)
        except (OSError, http.client.HTTPException) as error:
            problem = f"no answer ({error})"
            continue
        if answer.status == 200 or answer.status in _NOT_FOR_THIS_ALERT:
            return answer
        problem = f"HTTP {answer.status} {dict(answer.document)}"
        if answer.status < 500:
            break
    raise ReplayRefused(f"the alert on line {alert.line} was not taken: {problem}; is the stack still running?")


def _count(tally: _Tally, alert: Alert, answer: Answer) -> None:
    if answer.status != 200:
        errors = answer.document.get("errors", {})
        tally.refused.append(Refused(line=alert.line, status=answer.status, errors=errors))
    elif answer.document.get("status") == "duplicate":
        tally.duplicates += 1
    else:
        tally.accepted += 1


def _signal_ids(answer: Answer) -> tuple[str, ...]:
    """Return the ids of all signals the alert became; an array of alerts has them under `signals`."""
    if answer.status != 200:
        return ()
    each = answer.document.get("signals") or [answer.document]
    return tuple(str(one["signal_id"]) for one in each if one.get("signal_id"))


def _summary(scheduled: Schedule, identity: ReplayIdentity, tally: _Tally) -> Summary:
    return Summary(
        book=identity.book,
        alerts=len(scheduled.alerts),
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        refused=tuple(tally.refused),
        outside=len(scheduled.outside),
    )
