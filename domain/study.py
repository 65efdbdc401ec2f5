"""A study: the pre-registered comparison. It is written before its first signal and never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain.signal import InstrumentKind

DEFAULT_HORIZON_SESSIONS = 5
DEFAULT_ALPHA = Decimal("0.05")
ROUND_THE_CLOCK = frozenset({InstrumentKind.SPOT, InstrumentKind.PERP})


class ExitClock(Enum):
    """By whose exits a trade is closed: the real trade's (synchronized) or the engine's own."""

    SYNCHRONIZED = "synchronized"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The frozen terms of one comparison; `horizon_sessions` is the longest holding time."""

    study_id: UUID
    name: str
    book: str
    salt: str
    horizon_sessions: int
    exit_clock: ExitClock
    alpha: Decimal


def compute_horizon_end(entry_at: datetime, *, sessions: int, kind: InstrumentKind) -> datetime:
    """Return when a trade entered at `entry_at` must end.

    A session is a UTC day; spot and perpetual crypto instruments trade on each, all others on weekdays only.
    """
    left, at = sessions, entry_at
    while left:
        at += timedelta(days=1)
        if kind in ROUND_THE_CLOCK or at.weekday() < 5:
            left -= 1
    return at
