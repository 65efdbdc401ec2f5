"""What became of every alert: acknowledged is stored, stored is acknowledged, nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.ground import Ground
from bench.load import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Counts over some loads: alerts posted, distinct ids that came with a 200, rows there are, and what is missing.

    An alert that got a 503 was sent again until it had its 200, so that each one posted has an id and a row of its own;
    `new_twice` counts ids that two answers called new.
    """

    posted: int
    acknowledged: int
    stored: int
    acknowledged_not_stored: int
    stored_not_acknowledged: int
    new_twice: int

    @property
    def is_exact(self) -> bool:
        """Whether the posted alerts are exactly the acknowledged ones, and those exactly the rows."""
        missing = self.acknowledged_not_stored + self.stored_not_acknowledged
        return self.posted == self.acknowledged == self.stored and not missing and not self.new_twice

    def as_json(self) -> dict[str, Any]:
        """Write the accounting."""
        return {
            "posted": self.posted,
            "acknowledged": self.acknowledged,
            "stored": self.stored,
            "acknowledged_not_stored": self.acknowledged_not_stored,
            "stored_not_acknowledged": self.stored_not_acknowledged,
            "new_twice": self.new_twice,
            "exact": self.is_exact,
        }


def account(ground: Ground, loads: Sequence[Load]) -> Accounting:
    """Compare what was answered in all loads of this stack with what its database holds."""
    acknowledged = {one.signal_id for load in loads for one in load.acknowledged}
    new = Counter(one.signal_id for load in loads for one in load.acknowledged if one.is_new)
    stored = {str(signal_id) for (signal_id,) in ground.rows("SELECT signal_id FROM signals")}
    return Accounting(
        posted=sum(load.posted for load in loads),
        acknowledged=len(acknowledged),
        stored=len(stored),
        acknowledged_not_stored=len(acknowledged - stored),
        stored_not_acknowledged=len(stored - acknowledged),
        new_twice=sum(times > 1 for times in new.values()),
    )
