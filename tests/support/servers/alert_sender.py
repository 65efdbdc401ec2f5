"""A sender of alerts at a steady rate that remembers every answer: what was acknowledged is the ground truth."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from tests.support.servers.stacks import Stack
from tests.support.waiting import until

_TIMEOUT_S = 10.0
_SENDERS = 16
_AGAIN_AFTER_S = 0.2
THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one try was answered; `status` is None when the connection broke or was refused."""

    identifier: str
    status: int | None
    took_s: float
    outcome: str | None
    signal_id: UUID | None


@dataclass(kw_only=True)
class Sender:
    """Posts alerts to `url` while its block runs; with `resend` each one again until it is acknowledged."""

    url: str
    per_s: float = 20.0
    resend: bool = False
    alert: Callable[[], dict[str, Any]] = field(default_factory=lambda: an_alert)
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(_SENDERS)
        self._pace = threading.Thread(target=self._run)
        self._pace.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pace.join()
        self._pool.shutdown()

    @property
    def acknowledged(self) -> list[UUID]:
        """The signals that were acknowledged, each once."""
        return list({one.signal_id for one in list(self.answers) if one.signal_id is not None})

    def after(self, count: int) -> None:
        """Wait until so many more answers have come."""
        before = len(self.answers)
        until(lambda: len(self.answers) >= before + count, deadline_s=60, what=f"{count} answers")

    @property
    def identifiers(self) -> set[str]:
        """What the alerts are called that were sent."""
        return {one.identifier for one in list(self.answers)}

    def until_answered(self, status: int | None) -> None:
        """Wait until a try is answered in that way."""
        until(lambda: status in self.statuses(), deadline_s=60, what=f"an answer {status}")

    def statuses(self) -> set[int | None]:
        """Return the different answers."""
        return {one.status for one in list(self.answers)}

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._pool.submit(self._send, self.alert())
            due += 1 / self.per_s

    def _send(self, alert: dict[str, Any]) -> None:
        tries = time.monotonic() + 60
        while True:
            answer = post(self.url, alert)
            self.answers.append(answer)
            if answer.status == 200 or not self.resend or time.monotonic() > tries:
                return
            time.sleep(_AGAIN_AFTER_S)


def an_alert(**changes: Any) -> dict[str, Any]:
    """Return an alert of its own strategy, so that none holds another up."""
    return {
        "symbol": "BTCUSDT",
        "action": "buy",
        "price": "38000",
        "interval": "60",
        "id": uuid4().hex,
        "strategy": uuid4().hex,
    } | changes


def post(url: str, alert: dict[str, Any]) -> Answer:
    """Post an alert and tell how that went."""
    request = urllib.request.Request(url, json.dumps(alert).encode(), {"Content-Type": "application/json"})
    begun = time.monotonic()
    status, document = _answer(request)
    signal_id = UUID(document["signal_id"]) if status == 200 else None
    return Answer(
        identifier=alert["id"],
        status=status,
        took_s=time.monotonic() - begun,
        outcome=document.get("status"),
        signal_id=signal_id,
    )


def _answer(request: urllib.request.Request) -> tuple[int | None, dict[str, Any]]:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {}
    except (OSError, ValueError, HTTPException):
        return None, {}


def slowest(answers: Sequence[Answer], *, share: float = 0.99) -> float:
    """Return the time within which that share of the answers came."""
    times = sorted(one.took_s for one in answers)
    return times[min(len(times) - 1, int(len(times) * share))]


def missing(stack: Stack, acknowledged: Sequence[UUID]) -> set[UUID]:
    """Return what was acknowledged and is not stored."""
    return set(acknowledged) - {row["signal_id"] for row in stack.rows("SELECT signal_id FROM signals")}


def effects_of(stack: Stack, ids: Sequence[UUID]) -> dict[str, int]:
    """Return how many rows of each kind these signals have."""
    query = """
        WITH mine AS (SELECT experiment_id FROM experiments WHERE signal_id = ANY(%(ids)s))
        SELECT (SELECT count(*) FROM market_contexts WHERE signal_id = ANY(%(ids)s)) AS contexts,
            (SELECT count(*) FROM mine) AS experiments,
            (SELECT count(*) FROM decisions JOIN mine USING (experiment_id)) AS decisions,
            (SELECT count(*) FROM trades JOIN mine USING (experiment_id)) AS trades,
            (SELECT count(*) FROM fills JOIN trades USING (trade_id) JOIN mine USING (experiment_id)
             WHERE intent = 'entry') AS entry_fills
    """
    return stack.rows(query, ids=list(ids))[0]


def once_each(count: int) -> dict[str, int]:
    """Return what `count` entries that both engines take leave behind: two model trades and a real one each."""
    return {
        "contexts": count,
        "experiments": count,
        "decisions": 2 * count,
        "trades": 3 * count,
        "entry_fills": 3 * count,
    }


def settled(stack: Stack, ids: Sequence[UUID], *, deadline_s: float = 60.0) -> None:
    """Wait until all signals are done, and find each effect once."""
    stack.wait_done(ids, deadline_s=deadline_s)
    assert effects_of(stack, ids) == once_each(len(ids))
