"""Studies: comparisons with terms that are stored before the first signal and never changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain.signal import InstrumentKind

LONGEST_HORIZON_SESSIONS = 5
_DAY = timedelta(days=1)
DEFAULT_ALPHA = Decimal("0.05")
ROUND_THE_CLOCK = frozenset({InstrumentKind.SPOT, InstrumentKind.PERP})


class ExitClock(Enum):
    """The exits that close a trade: those of the real trade (synchronized) or the engine's own."""

    SYNCHRONIZED = "synchronized"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The fixed terms of one comparison; `horizon_sessions` marks long pairs and closes no trade."""

    study_id: UUID
    name: str
    book: str
    salt: str
    horizon_sessions: int
    exit_clock: ExitClock
    alpha: Decimal


def derive_horizon_sessions(*longest_holds: timedelta | None) -> int:
    """Return the number of sessions in which the longest plan of a study's engines ends, from 1 to 5.

    It is 5 where an engine does not say how long its plans are (None).
    """
    known = [hold for hold in longest_holds if hold is not None]
    if len(known) < len(longest_holds) or not known:
        return LONGEST_HORIZON_SESSIONS
    return min(max(math.ceil(max(known) / _DAY), 1), LONGEST_HORIZON_SESSIONS)


def compute_horizon_end(entry_at: datetime, *, sessions: int, kind: InstrumentKind) -> datetime:
    """Return when a trade entered at `entry_at` must end.

    A session is a UTC day; spot and perpetual crypto instruments trade on each, all others on weekdays only.
    """
    sessions_left, at = sessions, entry_at
    while sessions_left:
        at += timedelta(days=1)
        if kind in ROUND_THE_CLOCK or at.weekday() < 5:
            sessions_left -= 1
    return at
