"""Prices of one exchange behind a circuit breaker, so that one which does not answer delays nothing for long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from domain.context import Bar
from domain.intervals import Interval
from domain.ports import VenueUnavailable
from domain.signal import Instrument
from venues.live_market_data import LivePrices, PriceSource

T = TypeVar("T")

FIRST_REST_S, LONGEST_REST_S = 15.0, 240.0
# Bars of the exchange are finer than those of alerts: exits wait this long for them before they are walked on others.
GIVEN_UP_AFTER_S = 120.0


class ListingSource(PriceSource, Protocol):
    """A venue's prices, which also says whether it lists an instrument."""

    def is_listed(self, instrument: Instrument) -> bool:
        """Return whether the venue lists the instrument; raises VenueUnavailable when it does not answer."""
        ...


class ExchangePrices:
    """Price source that rests after a failure, twice as long after each further one.

    `failure` says why the exchange did not answer when it was last asked; None when it did.
    """

    def __init__(self, source: ListingSource, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self.intervals: Sequence[Interval] = source.intervals
        self.failure: str | None = None
        self._rest_s = FIRST_REST_S
        self._rests_until = float("-inf")
        self._answered_at: float | None = None

    @property
    def is_given_up(self) -> bool:
        """True when the exchange never answered, or has not for two minutes."""
        if self.failure is None:
            return False
        return self._answered_at is None or self._clock() - self._answered_at >= GIVEN_UP_AFTER_S

    def is_listed(self, instrument: Instrument) -> bool:
        """Return whether the exchange lists the instrument.

        Raises:
            VenueUnavailable: when it does not answer, or rests after a failure.
        """
        return self._ask(lambda: self._source.is_listed(instrument))

    def read_prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the present prices, as the source does."""
        return self._ask(lambda: self._source.read_prices(instrument))

    def read_newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return the newest bars, as the source does."""
        return self._ask(lambda: self._source.read_newest(instrument, interval, until=until, count=count))

    def read_since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars since a moment, as the source does."""
        return self._ask(lambda: self._source.read_since(instrument, interval, start=start, until=until))

    def _ask(self, request: Callable[[], T]) -> T:
        if self.failure is not None and self._clock() < self._rests_until:
            raise VenueUnavailable(self.failure)
        try:
            answer = request()
        except VenueUnavailable as error:
            self._record_failure(str(error))
            raise
        self.failure, self._rest_s, self._answered_at = None, FIRST_REST_S, self._clock()
        return answer

    def _record_failure(self, failure: str) -> None:
        self._rests_until = self._clock() + self._rest_s
        self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
        self.failure = failure
