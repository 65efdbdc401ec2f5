"""Messages of a bar feed: a closed bar, sent once per bar, that is stored and is never a signal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.intervals import Interval
from domain.signal import AlertBar, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class BarMessage:
    """One message of a bar feed as it was read; `closes_at` is when its bar closes, `raw` are the received bytes."""

    book: str
    source: str
    instrument: Instrument
    interval: Interval
    bar: AlertBar
    closes_at: datetime
    raw: bytes
