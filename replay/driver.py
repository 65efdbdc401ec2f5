"""Drives one replay, alert by alert: walk exits up to t, set the book's clock to t, post the alert, wait until done."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from domain.intervals import Interval
from domain.signal import Source
from replay import alert_symbols
from replay.alert_files import LoggedAlert
from replay.bar_files import BarFile
from replay.identity import ReplayIdentity
from replay.schedule import Schedule

RESEND_PAUSE_S = 5.0
RESENDS = 3
# Longer than the pipeline needs for one alert with the longest deadline that an engine may have.
ALERT_DEADLINE_S = 120.0
_NOT_FOR_THIS_ALERT = frozenset({413, 422})


class ReplayBookExists(Exception):
    """The same input was replayed before; its book exists."""

    def __init__(self, book: str) -> None:
        super().__init__(
            f"{book} exists already: the same bars, alerts, engines and policy were replayed before."
            f" See the result with: orchestrator report --book {book}"
        )
        self.book = book


class ReplayRefused(Exception):
    """The webhook's answer to an alert makes it impossible to continue."""


class SignalStuck(Exception):
    """A signal did not reach a terminal status in time."""

    def __init__(self, signal_id: str, *, stage: str, last_error: str | None, deadline_s: float) -> None:
        super().__init__(
            f"signal {signal_id} is not done after {deadline_s:.0f} s: stage {stage},"
            f" last error: {last_error or 'none'}; see: orchestrator signals show {signal_id}"
        )
        self.signal_id = signal_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSpec:
    """The book, source, study and bars that the gateway creates for a replay.

    The book's clock starts at `starts_at`, the first open of any bar. `settings` are those of its source, `intervals`
    those of its alerts.
    """

    identity: ReplayIdentity
    study: str | None
    files: tuple[BarFile, ...]
    starts_at: datetime
    settings: Source
    intervals: frozenset[Interval] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResponse:
    """The webhook's answer: HTTP status and the JSON document (empty when there was none)."""

    status: int
    document: Mapping[str, Any]


class ReplayGateway(Protocol):
    """Port to the running stack on which a replay is performed."""

    def create(self, spec: BookSpec) -> str:
        """Create the book, its source and study, load the bars, and return the webhook's URL.

        Raises:
            ReplayBookExists: when the book exists already.
        """
        ...

    def finish_exits(self, until: datetime) -> None:
        """Evaluate the exits of all open trades of the book up to `until`, and wait until that is done."""
        ...

    def move_cursor(self, to: datetime) -> None:
        """Set the book's clock."""
        ...

    def post(self, body: bytes) -> WebhookResponse:
        """Send one alert to the webhook over HTTP; raises OSError or HTTPException when there is no answer."""
        ...

    def wait_done(self, signal_ids: Sequence[str], deadline_s: float) -> None:
        """Wait until every signal is done or dead.

        Raises:
            SignalStuck: naming the first that is not, after `deadline_s` seconds.
        """
        ...

    def finish(self, last: datetime) -> None:
        """Evaluate all exits to the end of the data, and close open trades on the last quote (`end_of_data`)."""
        ...


class ProgressWatcher(Protocol):
    """Port for the display of a replay's progress."""

    def update_progress(self, done: int, total: int) -> None:
        """Display that `done` of `total` alerts are finished."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedAlert:
    """An alert that the webhook refused: its line in the file, the HTTP status and the errors by field."""

    line: int
    status: int
    errors: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySummary:
    """Counts of a replay's alerts by result; `outside` counts those that fired while there were no bars."""

    book: str
    alerts: int
    accepted: int
    duplicates: int
    refused: tuple[RefusedAlert, ...]
    outside: int


@dataclass(slots=True, kw_only=True)
class _AlertCounts:
    """Counts of a running replay's alerts, by the webhook's answer."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[RefusedAlert] = field(default_factory=list)


def run_replay(
    scheduled: Schedule,
    gateway: ReplayGateway,
    *,
    identity: ReplayIdentity,
    study: str | None,
    watcher: ProgressWatcher,
    sleep: Callable[[float], None],
    deadline_s: float = ALERT_DEADLINE_S,
) -> ReplaySummary:
    """Create the book, post every alert at its time, and close open trades at the end of the bars.

    An alert that the webhook refuses for its content is counted, as TradingView would not send it again; a server
    error is retried, as TradingView does.

    Raises:
        ReplayBookExists, SignalStuck: from the gateway.
        ReplayRefused: when the webhook answers otherwise, or not at all after the last repetition.
    """
    gateway.create(
        BookSpec(
            identity=identity,
            study=study,
            files=scheduled.files,
            starts_at=scheduled.starts_at,
            settings=scheduled.settings,
            intervals=alert_symbols.list_intervals(scheduled.alerts, scheduled.settings),
        )
    )
    tally, now = _AlertCounts(), None
    for done, alert in enumerate(scheduled.alerts, start=1):
        if alert.fired_at != now:
            now = alert.fired_at
            gateway.finish_exits(now)
            gateway.move_cursor(now)
        answer = _send_alert(gateway, alert, sleep=sleep)
        _count_answer(tally, alert, answer)
        gateway.wait_done(_read_signal_ids(answer), deadline_s)
        watcher.update_progress(done, len(scheduled.alerts))
    gateway.finish(scheduled.ends_at)
    return _build_summary(scheduled, identity, tally)


def _send_alert(gateway: ReplayGateway, alert: LoggedAlert, *, sleep: Callable[[float], None]) -> WebhookResponse:
    """Post an alert, repeated on no answer or a 5xx; return the answer, or raise ReplayRefused when it is unusable."""
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


def _count_answer(tally: _AlertCounts, alert: LoggedAlert, answer: WebhookResponse) -> None:
    """Count an alert as accepted, duplicate or refused, by the webhook's answer."""
    if answer.status != 200:
        errors = answer.document.get("errors", {})
        tally.refused.append(RefusedAlert(line=alert.line, status=answer.status, errors=errors))
    elif answer.document.get("status") == "duplicate":
        tally.duplicates += 1
    else:
        tally.accepted += 1


def _read_signal_ids(answer: WebhookResponse) -> tuple[str, ...]:
    """Return the ids of all signals the alert became; an array of alerts has them under `signals`."""
    if answer.status != 200:
        return ()
    accepted = answer.document.get("signals") or [answer.document]
    return tuple(str(signal["signal_id"]) for signal in accepted if signal.get("signal_id"))


def _build_summary(scheduled: Schedule, identity: ReplayIdentity, tally: _AlertCounts) -> ReplaySummary:
    return ReplaySummary(
        book=identity.book,
        alerts=len(scheduled.alerts),
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        refused=tuple(tally.refused),
        outside=len(scheduled.outside),
    )
