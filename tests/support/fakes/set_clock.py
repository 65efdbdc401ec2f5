"""A clock that stands still at the time it was set to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SetClock:
    """The clock of all books."""

    at: datetime

    def now(self, _: str) -> datetime:
        """Return the time it was set to."""
        return self.at
