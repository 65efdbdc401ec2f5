"""What exchanges say about instruments, kept for people: whether they give prices, and why not."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from db import exchange_answers
from db.core.session import Database
from domain.signal import Instrument

_REPEAT_AFTER_S = 60.0
log = structlog.get_logger()


class AnswerRecorder:
    """Stores an answer when it differs from the last one, and once a minute, in a transaction of its own."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._stored: dict[Instrument, tuple[str | None, float]] = {}

    def __call__(self, instrument: Instrument, *, exchange: str, problem: str | None) -> None:
        """Keep why an exchange gives no prices of an instrument; None when it gives them."""
        now = self._clock()
        known = self._stored.get(instrument)
        is_changed = known is None or known[0] != problem
        if known is not None and not is_changed and now - known[1] < _REPEAT_AFTER_S:
            return
        with self._database.transaction() as session:
            exchange_answers.record(session, instrument, asked=exchange, problem=problem)
        self._stored[instrument] = (problem, now)
        if is_changed and problem is not None:
            log.warning("market_data.fell_back", exchange=exchange, symbol=instrument.symbol, problem=problem)
